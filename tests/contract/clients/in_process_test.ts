import { MEMORY } from "./memory_transport.ts";
import { describeClientTransport } from "./suite.ts";

describeClientTransport(MEMORY);
