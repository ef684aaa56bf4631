import type { Section } from "../requirements.ts";

/** Section 26 of the promises: what keeps agents apart that share a gateway. */
export const TENANTS: Readonly<Record<string, Section>> = {
  "26 Tenants apart": {
    "tenants.lists": "nothing that an agent causes on its sessions is read by another agent",
    "tenants.starts": "no agent makes starts of a server fail for another agent",
    "tenants.status": "no agent reads in the status a failure of another agent's call",
    "tenants.processes":
      "processes are shared fairly: idle sessions of the agent with the most are ended first",
    "tenants.slots": "the slots of a shared session are shared fairly",
    "tenants.connections":
      "an agent's requests take at most its share of the HTTP connections, and cost no other agent a connection within its share",
    "tenants.calls": "active calls and calls per minute of all agents are shared fairly",
    "tenants.login": "a valid token is accepted, however many invalid ones come from its address",
    "tenants.proxies": "behind a trusted proxy, the address of a client is that in X-Forwarded-For",
    "tenants.subject": "a JWT needs a subject",
    "tenants.metrics": "with credentials, /metrics requires its token on this machine, too",
    "tenants.elicitation":
      "the server's name begins the message and the form's title of an elicitation",
  },
};
