import type { Section } from "../requirements.ts";

/** Section 19 of the promises, in part: one set of servers for many windows. */
export const SHARED: Readonly<Record<string, Section>> = {
  "19 Shared gateways": {
    "shared.clients":
      "each client of a shared gateway has its own agent, capabilities and audit session; isolation decides which sessions of servers they share; a client that goes ends what only it used",
    "shared.hello":
      "a connection that does not begin with the right hello in time gets no MCP, and delays no other",
    "shared.linger":
      "without a client for GATEWAY_LINGER_S, a shared gateway ends with all it started, and leaves only its log",
    "shared.status":
      "a shared gateway reports its clients, servers, processes and memory to its user, and ends when asked, after its calls",
  },
};
