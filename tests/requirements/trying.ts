import type { Section } from "../requirements.ts";

/** Section 18 of the promises, the part about trying rules before they are used. */
export const TRYING: Readonly<Record<string, Section>> = {
  "18 Try rules before they bite": {
    "try.test": "test decides cases, and exits with 1 if a decision is not the expected one",
    "try.messages":
      "a message about a decision says what was expected, what was decided, by which entry, and what would pass",
    "try.test-depends": "a case whose decision depends on what it does not say is a difference",
    "try.test-args": "the arguments of a case are judged exactly as they are written",
    "try.test-coverage": "test --coverage lists the entries that decided nothing",
    "try.test-file":
      "the errors of a file of cases have their positions, and the file has a JSON Schema",
    "try.replay":
      "replay decides the log's operations again; it exits with 3 if a decision would change",
    "try.replay-depends":
      "what the log does not have whole is not guessed: operations that depend on it are counted apart",
    "try.replay-decisions":
      "replay compares with what became of an operation, also with approvals and in shadow mode",
    "try.replay-logs":
      "logs of any size and age are replayed, with rotated files and damaged lines",
    "try.suggest":
      "suggest prints a valid rules file that is the narrowest for what an agent has done, and changes nothing of it",
    "try.suggest-shadow":
      "in shadow mode, operations that were let through count; calls that were to be asked about are asked about",
    "try.suggest-tiers": "conditions on what was used are kept, in their order",
    "try.unmatched":
      "validate, explain and doctor warn of entries that match no tool that is remembered, with near names",
  },
};
