import type { Section } from "../requirements.ts";

/** Promises about servers of revision 2026-07-28 over HTTP. */
export const STATELESS_REMOTE: Readonly<Record<string, Section>> = {
  "22 Servers over HTTP without sessions": {
    "remote.stateless":
      "a request that belongs to no session has its own headers, and a response of its own",
    "remote.stateless-cancel":
      "a request without a session is cancelled by closing its connection, and only so",
    "remote.stateless-cut":
      "a connection that breaks ends only its own request, which is not sent again by itself",
    "remote.stateless-errors":
      "a JSON-RPC error is the answer of the server, whatever HTTP status it comes with",
    "remote.stateless-conformance":
      "every scenario for clients that revision 2026-07-28 requires passes, in the official suite",
    "remote.stateless-probe":
      "whatever a server answers to the question which revision it speaks, it works as before; a server that cannot be reached is reported",
    "remote.stateless-listening":
      "changes are announced in the response to a request that stays open, and is made again when it ends",
    "remote.stateless-renewed":
      "a call whose headers the server refuses is made once more with the headers of a new list",
    "remote.stateless-arguments":
      "arguments are sent as the headers that the tool names; a tool that names no valid header is left out, with a warning",
  },
};
