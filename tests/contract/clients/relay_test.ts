import { SHARED } from "./transport.ts";
import { describeClientTransport } from "./suite.ts";

describeClientTransport(SHARED);
