import { MEMORY } from "./memory_door.ts";
import { describeClientTransport } from "./suite.ts";

describeClientTransport(MEMORY);
