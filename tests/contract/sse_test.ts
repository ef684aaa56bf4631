import { RemoteServers } from "./remote_servers.ts";
import { describeTransport } from "./suite.ts";

/** Servers behind the older transport, HTTP+SSE. */
describeTransport("sse", () => new RemoteServers("sse"));
