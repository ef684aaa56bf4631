import { RemoteServers } from "./remote_servers.ts";
import { describeTransport } from "./suite.ts";

describeTransport("http", () => new RemoteServers("http"));
