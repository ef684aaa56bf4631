import { HTTP } from "./door.ts";
import { describeDoor } from "./suite.ts";

describeDoor(HTTP);
