import type { Section } from "../requirements.ts";

/** Section 22 of the promises: clients and servers of revision 2026-07-28 and of the earlier revisions. */
export const ERAS: Readonly<Record<string, Section>> = {
  "22 Both eras: clients": {
    "eras.cells":
      "clients and servers of revision 2026-07-28 and of earlier ones work together in all combinations, over stdio and HTTP",
    "eras.classified":
      "a message with a claim in its body is served without a session, any other as before, both at once on one connection",
    "eras.discover": "server/discover is answered immediately and starts no server",
    "eras.revisions":
      "server/discover and refused claims list revision 2026-07-28 alone; initialize never agrees on it",
    "eras.claim":
      "an invalid claim is refused with the code that says what is wrong, and so is initialize with a claim",
    "eras.headers":
      "over HTTP the headers must agree with the body, and each refusal has the status of the revision",
    "eras.official": "the official clients in all their modes work over stdio and HTTP",
    "eras.isolation":
      "with isolation by session, clients without sessions share servers by credential",
  },
  "22 Both eras: servers": {
    "eras.probe":
      "a server is probed once per entry, on the connection that is then used, and remembered for 7 days",
    "eras.protocol": "gateway.protocol says whether a server is probed",
    "eras.trouble":
      "a server that exits, hangs or floods when it is probed works within 3 s more, and has not failed",
  },
  "22 Both eras: calls": {
    "eras.meta":
      "reserved keys of _meta belong to one connection, and reach no client or server beyond it",
    "eras.questions": "forms, pages to open, sampling and roots work in all combinations",
    "eras.undeclared": "a client is asked nothing that its request does not declare",
    "eras.lacking": "a capability that a call needs and the client lacks is named",
    "eras.url-error":
      "an error that asks to open a page is a question for a client of revision 2026-07-28",
    "eras.progress": "progress reaches the client under its own token",
    "eras.logs": "log messages reach a client that asks for their level",
    "eras.cancel": "a cancelled call is cancelled at the server; over HTTP a disconnect cancels",
    "eras.ping": "a ping is answered in the revisions that have one",
    "eras.offers": "resources, prompts and completions work in all combinations",
    "eras.changes": "changes reach clients of revision 2026-07-28 by subscriptions/listen",
    "eras.listen-end":
      "a listen stream stays open if lists can change; otherwise it ends with its result",
  },
  "22 Both eras: state": {
    "eras.state":
      "the state of a question is sealed, and of use only to its principal, tool and arguments",
    "eras.once": "no state leads to a tool being run twice; a parked state is used once",
    "eras.state-lifetime": "the state of a question ends after GATEWAY_STATE_TTL_S",
    "eras.decided-again":
      "the rules decide a retry again; a parked call whose retry is denied is cancelled immediately",
    "eras.counts-once":
      "a call with questions is one operation in the limits and in the audit log, with rounds and waited_ms",
    "eras.no-place": "a call that waits for input takes no place in the limits",
    "eras.replicas":
      "replicas behind any balancer serve clients without sessions; a parked call answers where it is held, and elsewhere says so",
  },
};
