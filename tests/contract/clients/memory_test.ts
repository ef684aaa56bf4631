import { MEMORY } from "./memory_door.ts";
import { describeDoor } from "./suite.ts";

describeDoor(MEMORY);
