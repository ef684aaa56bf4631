import type { Section } from "../requirements.ts";

/** Section 26 of the promises, in part: the parsers of what others send. */
export const PARSERS: Readonly<Record<string, Section>> = {
  "26 Parsers": {
    "parsers.fuzzed": "no bytes that a client, a server or a browser sends break a parser",
  },
};
