import { RemoteServers } from "./remote_servers.ts";
import { describeTransport } from "./suite.ts";

/** Servers behind Streamable HTTP. */
describeTransport("http", () => new RemoteServers("http"));
