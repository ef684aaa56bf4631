import { HTTP } from "./transport.ts";
import { describeClientTransport } from "./suite.ts";

describeClientTransport(HTTP);
