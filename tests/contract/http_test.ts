import { RemotePlaces } from "./remote_places.ts";
import { describeTransport } from "./suite.ts";

/** Servers behind streamable HTTP. */
describeTransport("http", () => new RemotePlaces("http"));
