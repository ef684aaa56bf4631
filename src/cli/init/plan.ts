import type { ClientFile } from "./find_servers.ts";
import type { ServerVersion } from "./merge_servers.ts";

/** What an agent may do with the tools of its servers. */
export type Access = "all" | "careful" | "read";

/** An agent of the rules. */
export interface AgentPlan {
  /** Its name in the rules. */
  readonly name: string;
  /** Names of its servers. */
  readonly servers: readonly string[];
  /** Which of their tools it may call. */
  readonly access: Access;
}

/** A client that gets the gateway's entry. */
export interface ClientPlan {
  /** The client's file. */
  readonly file: ClientFile;
  /** Whether the servers that were taken over are taken out of it. */
  readonly takeOut: boolean;
}

/** What is to be written. */
export interface Plan {
  /** Servers to take over. */
  readonly servers: readonly ServerVersion[];
  /** Agents that may use them. */
  readonly agents: readonly AgentPlan[];
  /** Clients that get the gateway's entry. */
  readonly clients: readonly ClientPlan[];
}
