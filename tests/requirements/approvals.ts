import type { Section } from "../requirements.ts";

/** Section 18 of the promises, the part about approvals. */
export const APPROVALS: Readonly<Record<string, Section>> = {
  "18 Approvals": {
    "approvals.exact":
      "an approval is of exactly one call: the agent, the server, the tool and the arguments, whose layout does not matter",
    "approvals.once":
      "an approval serves one call, however many processes and calls wait for it, and whenever one is killed",
    "approvals.mailbox":
      "the mailbox is a folder that only the user can access; a link, a damaged file, or one with other rights approves nothing",
    "approvals.bounds":
      "the mailbox holds a limited number of requests, of which one agent has a share, of limited size",
    "approvals.shell":
      "approvals lists the calls that wait, with their arguments in full, also as JSON; --watch prints each new one without a terminal; allow and deny decide, and say plainly why they cannot",
    "approvals.again":
      "a call that nobody decides about in time is refused with APPROVAL_REQUIRED, an id and what to do; the same call runs once it is allowed",
    "approvals.denied":
      "a call that a person denies is refused with the person's reason, and so is the same call until the denial expires",
    "approvals.progress":
      "while a call waits, its client receives progress that says how to allow it",
    "approvals.audit":
      "the audit log has the approval of a call: the id, who decided, and after how long",
    "approvals.expiry": "requests and decisions expire, and are removed",
  },
};
