import type { Section } from "../requirements.ts";

/** Section 17 of the promises, the gateway's own server. */
export const OWN_SERVER: Readonly<Record<string, Section>> = {
  "17 The gateway's own server": {
    "own.server":
      "the server gateway is listed, searched, shown directly, decided about and recorded as all servers are, where the rules name it",
    "own.approval-status":
      "approval_status says how an approval of the same agent stands, by whom and why it was denied, and what to do; those of other agents are unknown",
  },
};
