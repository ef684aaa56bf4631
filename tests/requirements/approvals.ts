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
    "approvals.form":
      "a client of either era that shows forms asks the person: accepting allows once, declining denies, dismissing leaves the request",
    "approvals.form-text":
      "the form shows agent, server, tool and arguments in full, unprintable characters escaped, and cannot be taken for one of a server",
    "approvals.form-race":
      "the first decision counts, in the client or at the shell, and the form is withdrawn where that is possible",
    "approvals.session":
      "a tool that is allowed for the session is not asked about again on that connection, and is on every other",
    "approvals.relay":
      "a call to a server that asks for input itself is asked about once, whatever the eras of client and server",
    "approvals.together":
      "many calls, equal calls and several gateways wait at once, and each approval serves one of them",
    "approvals.kill":
      "a gateway that is killed while a call waits, or while it takes an approval, leaves nothing that approves twice",
    "approvals.cancelled":
      "a cancelled call withdraws its request, unless another call waits for it",
    "approvals.reload":
      "rules that change while a call waits decide again: a denial ends the wait, and so does an allowance",
    "approvals.limits": "a call that waits holds no place of a limit, and starts no server",
    "approvals.nobody": "a call is denied, with the reason, if nobody can be asked",
    "approvals.progress":
      "while a call waits, its client receives progress that says how to allow it",
    "approvals.audit":
      "the audit log has the approval of a call: the id, who decided, and after how long",
    "approvals.expiry": "requests and decisions expire, and are removed",
  },
};
