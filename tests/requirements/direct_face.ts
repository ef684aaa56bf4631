import type { Section } from "../requirements.ts";

/** Section 14 of the promises, as far as it is about the direct face. */
export const DIRECT_FACE: Readonly<Record<string, Section>> = {
  "14 The direct face": {
    "direct.name":
      "the name of a tool is SERVER__TOOL where that is plain and short enough, else it ends in a hash of both; it depends on nothing else, and no two meet",
    "direct.changes":
      "a client that asked for a list is notified when it changes, once for several changes within 100 ms",
  },
};
