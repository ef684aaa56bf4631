import { STDIO } from "./transport.ts";
import { describeClientTransport } from "./suite.ts";

describeClientTransport(STDIO);
