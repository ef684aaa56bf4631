import type { Section } from "../requirements.ts";

/** Promises about clients of revision 2026-07-28 over HTTP. */
export const STATELESS_HTTP: Readonly<Record<string, Section>> = {
  "22 Over HTTP without sessions": {
    "eras.http-body":
      "the body of a POST decides whether it needs a session, whatever its headers say",
    "eras.http-apart":
      "requests without a session are answered each to its sender, whatever ids other senders use",
    "eras.http-status": "a request that is refused as such has the HTTP status that says so",
    "eras.http-headers":
      "a request whose headers are missing or unlike its body is refused, and the refusal is recorded",
    "eras.http-stream":
      "a request with notifications, or a long one, is answered by a stream without ids",
    "eras.http-hang-up": "a client that disconnects cancels its request, and no other",
    "eras.http-slow-reader":
      "notifications are dropped while the client does not read, and the answer still arrives",
    "eras.http-credential-end": "active requests end when their credential becomes invalid",
    "eras.http-clients":
      "the clients without sessions are those of one credential; they are forgotten when unused, and their number is limited",
    "eras.http-nothing-left":
      "requests without sessions leave neither sessions nor processes behind",
    "eras.http-conformance":
      "the official conformance scenarios without sessions pass, with servers of both kinds",
    "eras.http-sdk": "the official client works over HTTP without a session",
    "eras.http-cors": "pages of listed origins may send the headers of requests without a session",
    "eras.http-drain": "during a shutdown, active requests are answered and new ones refused",
  },
};
