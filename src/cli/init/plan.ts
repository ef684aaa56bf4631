import type { ClientFile } from "./find_servers.ts";
import type { ServerVersion } from "./merge_servers.ts";

/** What an agent may do with the tools of its servers. */
export type Access = "all" | "careful" | "read";

/** An agent of the rules. */
export interface AgentPlan {
  readonly name: string;
  /** Names of its servers. */
  readonly servers: readonly string[];
  readonly access: Access;
}

/** A client that gets the gateway's entry. */
export interface ClientPlan {
  readonly file: ClientFile;
  /** Whether the servers that were taken over are taken out of it. */
  readonly takeOut: boolean;
}

/** What is to be written. */
export interface Plan {
  readonly servers: readonly ServerVersion[];
  readonly agents: readonly AgentPlan[];
  readonly clients: readonly ClientPlan[];
}
