import { MEMORY } from "./memory_transport.ts";
import { describeStatelessTransport } from "./suite.ts";
import { STDIO } from "./transport.ts";

for (const transport of [STDIO, MEMORY]) describeStatelessTransport(transport);
