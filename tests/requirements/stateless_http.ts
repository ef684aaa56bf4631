import type { Section } from "../requirements.ts";

/** Promises about clients of revision 2026-07-28 over HTTP. */
export const STATELESS_HTTP: Readonly<Record<string, Section>> = {
  "22 Over HTTP without sessions": {
    "eras.http-apart":
      "requests without a session are answered each to its sender, whatever ids other senders use",
    "eras.http-status": "a request that is refused as such has the HTTP status that says so",
  },
};
