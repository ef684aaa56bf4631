import type { Section } from "../requirements.ts";

/** Section 9 of the promises: the gateway as an HTTP service. */
export const OVER_HTTP: Readonly<Record<string, Section>> = {
  "9 Over HTTP: messages": {
    "http.clients": "the official clients, old and new, work over HTTP as over stdio",
    "http.initialize": "initialize opens a session; an initialize that fails opens none",
    "http.json": "a call that is answered immediately is answered as JSON",
    "http.unchanged": "numbers are not rounded, in JSON and in streams",
    "http.accepted": "notifications and answers are accepted with 202",
    "http.invalid": "an invalid message is refused with 400 and a JSON-RPC error",
    "http.requests": "invalid HTTP requests get the status that explains them",
    "http.later-revision":
      "a client that probes for a later revision, but names none, gets method-not-found",
    "http.stream": "a call with progress, or a long one, is answered by a stream",
    "http.call-stream": "a server's request during a call comes on the stream of that call",
    "http.cancel": "a cancelled call gets no answer, and its stream ends",
    "http.disconnect": "a disconnect does not cancel calls",
    "http.resume": "a lost stream continues after the last message that arrived",
    "http.batch": "a batch is answered by a batch",
    "http.delete": "a client can end its session",
  },
  "9 Over HTTP: sessions": {
    "http.credential": "if credentials are configured, every request needs one",
    "http.stolen-session": "for another credential a session does not exist",
    "http.credential-end": "a session ends with its credential, and so do its streams",
    "http.metadata": "the protected resource has metadata if an issuer is configured",
    "http.idle": "an unused session ends",
    "http.max-age": "every session ends at its maximum age",
    "http.session-ceiling": "sessions beyond a number are refused with 503 and Retry-After",
    "http.session-share": "at the limit, the client with the most sessions loses one",
    "http.abandoned": "abandoned sessions are replaced by new ones",
    "http.left": "servers of a client that closed its stream and stays away end after 30 s",
    "http.isolation": "each client has its own sessions with servers, which end with the client's",
    "http.crowd": "each of many simultaneous clients gets exactly its own answers",
  },
  "9 Over HTTP: protection": {
    "http.host": "a foreign Host is refused",
    "http.origin": "a foreign Origin is refused",
    "http.cors": "pages of listed origins may read the answers, others may not",
    "http.paths": "only the exact paths are served, and no encoded form of them",
    "http.headers": "answers have security headers, and neither versions nor stacks",
    "http.no-insides": "an internal error reveals no internals",
    "http.smuggling": "ambiguous requests are refused",
    "http.body-limit": "bodies that are too long, each or in total, are refused with 413",
    "http.header-limit": "long and many headers are refused with 431",
    "http.chunks":
      "a connection whose body arrives in thousands of tiny chunks, which take much memory, is closed",
    "http.slow": "slow headers and bodies are answered with 408",
    "http.slow-reader": "a client that does not read is disconnected",
    "http.slow-readers": "the unread answers of all clients together are bounded",
    "http.slow-readers-share":
      "beyond a limit on unread answers, the agent that holds the most loses its oldest client",
    "http.resume-share":
      "messages that are kept for one agent's clients displace none of another agent's",
    "http.connections-limit":
      "at the limit of connections, an idle one is closed for a new one; connections take at most half of the open files",
    "http.turns":
      "requests without an accepted credential take turns by network and by connection, and a flood of short ones takes a fifth of the time, so it delays other clients little",
    "http.connections": "the number and duration of connections are limited",
    "http.tls": "TLS uses a certificate and key; the gateway does not start if they do not match",
    "http.tls-slow": "a client that does not finish the TLS handshake is disconnected",
    "http.tls-reload": "changed certificates are used immediately; invalid ones change nothing",
    "http.public": "a listener that others can reach does not start without a credential",
    "http.public-reload":
      "a reload that would leave a listener that others can reach without a credential is refused",
    "http.start-errors": "an address that cannot be used is reported in one message",
  },
  "9 Over HTTP: operations": {
    "http.health": "/health answers while the gateway is alive",
    "http.ready": "/ready is 503 before every eager server answered or failed, and while draining",
    "http.metrics": "/metrics requires its token, or without one a request from this machine",
    "http.drain": "after a signal, the gateway finishes calls and accepts no new ones",
    "http.second-signal": "a second signal ends the gateway immediately",
    "http.input-ignored": "the end of standard input does not end the gateway",
    "http.eager": "eager servers start before any client, and the first client uses them",
    "http.refused":
      "refused logins and requests are recorded and counted, and logged once a minute for each address",
    "http.audit": "the log distinguishes clients and contains no session id",
    "http.conformance": "the official conformance scenarios of the transport pass",
  },
  "9 Over HTTP: deployment": {
    "deploy.image":
      "the steps of the Dockerfile give a gateway that is healthy and ends when asked",
    "docs.http": "the commands on the page about HTTP print what the page shows",
    "docs.deployment": "compose file, manifest and unit fit the image and the gateway",
  },
};
