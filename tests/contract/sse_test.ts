import { RemotePlaces } from "./remote_places.ts";
import { describeTransport } from "./suite.ts";

/** Servers behind the older transport, HTTP+SSE. */
describeTransport("sse", () => new RemotePlaces("sse"));
