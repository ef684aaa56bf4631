import type { Section } from "../requirements.ts";

/** Section 18 of the promises, the parts about ask and shadow mode. */
export const ASK_AND_SHADOW: Readonly<Record<string, Section>> = {
  "18 Shadow": {
    "rules.shadow": "in shadow mode, what the rules do not allow is let through and recorded",
    "rules.shadow-decides": "in shadow mode, decisions and their rules are those without it",
    "rules.shadow-explained":
      "explain prints the decision of the rules, and that it is not enforced",
    "rules.shadow-warns": "the log, the status, validate and doctor warn of shadow mode",
    "audit.shadow": "audit shows and selects what shadow mode let through",
  },
  "18 Ask": {
    "rules.ask-order": "ask decides after deny and before allow, of the same kind",
    "rules.ask-conditions": "the conditions of an ask hold as those of a deny do",
    "rules.ask-explained":
      "explain says by which entry a person is asked, and with which arguments not",
    "rules.ask-errors": "a faulty ask is an error, and one without effect a warning",
    "rules.ask-never-widens": "adding an ask, or removing one of its conditions, never allows more",
    "rules.ask-denies": "a call that needs an approval is not made without one",
  },
};
