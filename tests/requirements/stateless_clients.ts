import type { Section } from "../requirements.ts";

/** Promises about clients of revision 2026-07-28 over any transport. */
export const STATELESS_CLIENTS: Readonly<Record<string, Section>> = {
  "22 Without sessions": {
    "eras.each-request":
      "each request is classified on its own, whatever came before it on the connection",
    "eras.claims": "an invalid claim is refused with the code that says what is wrong",
    "eras.introduction": "server/discover is answered with what initialize says",
    "eras.listen":
      "subscriptions/listen begins with what it honours, and each of its messages has its id",
    "eras.listen-changes": "changed lists reach the streams that listen to them, and nobody else",
    "eras.listen-updates":
      "updates of a resource reach the streams that subscribe to it while the rules allow it",
    "eras.listen-ends": "a stream ends with its result when the gateway ends or its agent is gone",
    "eras.listen-limits": "the streams of a client and their memory are limited",
    "eras.results": "results have the members of the revision, and otherwise the server's own text",
    "eras.codes": "errors have only codes that the revision has",
  },
};
