import { STDIO } from "./door.ts";
import { describeDoor } from "./suite.ts";

describeDoor(STDIO);
