import { RemotePlaces } from "./remote_places.ts";
import { describeTransport } from "./suite.ts";

/** Servers behind Streamable HTTP. */
describeTransport("http", () => new RemotePlaces("http"));
