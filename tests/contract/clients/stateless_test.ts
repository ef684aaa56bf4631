import { MEMORY } from "./memory_transport.ts";
import { describeStatelessTransport } from "./suite.ts";
import { STATELESS_HTTP } from "./stateless_http_transport.ts";
import { SHARED, STDIO } from "./transport.ts";

for (const transport of [STDIO, MEMORY, SHARED]) describeStatelessTransport(transport);

describeStatelessTransport(STATELESS_HTTP, {
  "[protocol.cancel] a cancelled call is cancelled at the server, and not answered":
    "a client disconnects and gives no reason, which tests/e2e/stateless_http_test.ts checks",
  "[offered.links] a link in a result can be read on the connection that got it":
    "all programs without a credential are one client",
});
