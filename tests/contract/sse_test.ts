import { RemoteServers } from "./remote_servers.ts";
import { describeTransport } from "./suite.ts";

describeTransport("sse", () => new RemoteServers("sse"));
