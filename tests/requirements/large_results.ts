import type { Section } from "../requirements.ts";

/** Section 17 of the promises, the part about results that are too large for an agent. */
export const LARGE_RESULTS: Readonly<Record<string, Section>> = {
  "17 Large results": {
    "results.cut":
      "texts and structured content above the limit become head, tail, size, handle and hint, within the limit; all else stays",
    "results.exact": "the parts that read_result returns rebuild the whole exactly",
    "results.read":
      "read_result reads by characters or lines, within the caller's limit, and its errors say what to do instead",
    "results.read-grep": "read_result finds the lines that hold a text, page by page",
    "results.turns": "while a large result is searched, other calls get their turns",
    "results.read-path": "read_result finds the value of a JSON pointer as JSON.parse would",
    "results.direct":
      "where a limit applies, tools that clients see directly have no output schema, against which cut results would fail",
    "results.isolation":
      "a handle cannot be guessed, and serves only the agent and the connection that received it",
    "results.kept":
      "a result is kept for 15 minutes, 64 MiB for a connection and 256 MiB in all; the oldest goes, and all with the connection",
    "results.memory": "results beyond a quarter of an agent's memory are on disk",
    "results.disk": "a file of a result has no name, and nothing of it is left after any end",
    "results.disk-full": "a result that cannot be kept is cut all the same, and says why",
  },
};
