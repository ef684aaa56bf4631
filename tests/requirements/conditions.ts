import type { Section } from "../requirements.ts";

/** Section 18 of the promises, the part about conditions. */
export const CONDITIONS: Readonly<Record<string, Section>> = {
  "18 Conditions": {
    "rules.conditions": "an entry of tools can have conditions, decided in the same steps",
    "control.messages":
      "messages about conditions, approvals and pins name the entry, the test and what would pass",
    "rules.conditions-table": "a table of cases shows what each test accepts",
    "rules.conditions-paths": "a path is within a folder by its text, on POSIX and on Windows",
    "rules.conditions-hosts": "a URL is judged by the host that the URL parser finds",
    "rules.conditions-texts": "texts are compared whole, and counted in code points",
    "rules.conditions-values": "whole values are compared as JSON",
    "rules.conditions-numbers":
      "numbers are compared exactly, and those that rounding makes equal are not judged",
    "rules.conditions-lists":
      "the members of lists are judged, all in an allow, any in a deny; keys of another case fail closed",
    "rules.conditions-closed": "a value that cannot be judged fails closed, in allow and in deny",
    "rules.conditions-hints": "hint judges a tool by its annotations, with the defaults of MCP",
    "rules.conditions-sent": "the arguments that are judged are those that the server receives",
    "rules.conditions-cost": "no arguments take long to read or to judge",
    "rules.conditions-never-widen": "no condition of a deny allows more than its absence denies",
    "rules.conditions-depend": "without arguments, a decision depends on conditions, and is shown",
    "rules.conditions-refusal": "a refusal names the entry, the test and what would pass",
    "rules.conditions-errors": "a faulty condition is an error that says what would pass",
  },
};
