import type { ClientId } from "./clients.ts";
import type { ClientFile } from "./find_servers.ts";
import type { JsonRecord } from "./import_entry.ts";
import { describeServer } from "./describe_server.ts";
import { placeOf } from "./server_place.ts";
import type { OfferedServer } from "./merge_servers.ts";
import { allowedTools, hasToolHints, type Inspected } from "./allowed_tools.ts";

/** The tools of its servers that an agent may call. */
export type Access = "all" | "careful" | "read";

/** A server that is taken over. */
export interface PlannedServer extends OfferedServer {
  /** The entry for the servers file, with a description where one is known. */
  readonly entry: JsonRecord;
}

/** An agent of the rules. */
export interface AgentPlan {
  /** Its name in the rules. */
  readonly name: string;
  /** Names of its servers. */
  readonly servers: readonly string[];
  /** The only tools that it may call, by server; servers that are missing bring all of theirs. */
  readonly tools: Readonly<Record<string, readonly string[]>>;
}

/** A client that gets the gateway's entry. */
export interface ClientPlan {
  /** The client's file. */
  readonly file: ClientFile;
  /** Whether the servers that were taken over are taken out of it. */
  readonly takeOut: boolean;
}

/** The servers, agents and clients' entries that `init` writes. */
export interface Plan {
  /** Servers to take over. */
  readonly servers: readonly PlannedServer[];
  /** Agents that may use them. */
  readonly agents: readonly AgentPlan[];
  /** Clients that get the gateway's entry. */
  readonly clients: readonly ClientPlan[];
  /** The agent that a client stands for, where there are several; default: the first one. */
  readonly agentOf: ReadonlyMap<ClientId, string>;
}

/** The choices that the rules of an agent are made from. */
export interface AgentChoice {
  /** Names of its servers. */
  readonly servers: readonly string[];
  /** Which tools it may call. */
  readonly access: Access;
  /** Whether it may call all tools of servers that say nothing about theirs. */
  readonly allowsUndescribed: boolean;
  /** Servers that are taken over. */
  readonly planned: readonly OfferedServer[];
  readonly inspected: Inspected;
}

/** Gives each server its description: its own, or what the running server says of itself. */
export function describePlanned(
  servers: readonly OfferedServer[],
  { inspected, home }: { readonly inspected: Inspected; readonly home: string },
): PlannedServer[] {
  const described = servers.map((offered) => {
    const { entry } = offered.server;
    const own = entry.description;
    if (typeof own === "string" && own !== "") return { offered, own, place: "" };
    const known = inspected.get(offered.name);
    const isKnown = known !== undefined && known.failure === undefined;
    const place = placeOf(entry, home);
    return { offered, place, ...(isKnown ? { own: describeServer(known, place) } : {}) };
  });
  const count = (text: string) => described.filter(({ own }) => own === text).length;
  return described.map(({ offered, own, place }) => {
    const { entry } = offered.server;
    if (own === undefined) return { ...offered, entry };
    const isTwin = place !== "" && !own.endsWith(` for ${place}`) && count(own) > 1;
    const description = isTwin ? `${own} For ${place}` : own;
    return { ...offered, entry: { ...entry, description } };
  });
}

/** Makes an agent of what was chosen: its tools by their names. */
export function planAgent(
  name: string,
  { servers, access, allowsUndescribed, planned, inspected }: AgentChoice,
): AgentPlan {
  const tools: Record<string, readonly string[]> = Object.create(null);
  for (const server of servers) {
    const only = planned.find((one) => one.name === server)?.server.onlyTools;
    const chosen = chosenTools(inspected.get(server), access, allowsUndescribed);
    if (chosen === undefined && only === undefined) continue;
    tools[server] = chosen === undefined
      ? only ?? []
      : chosen.filter((tool) => only === undefined || only.includes(tool));
  }
  return { name, servers, tools };
}

/** The tools of a server that may be called; undefined for all, those included that are yet to come. */
function chosenTools(
  server: ReturnType<Inspected["get"]>,
  access: Access,
  allowsUndescribed: boolean,
): string[] | undefined {
  if (access === "all") return undefined;
  if (hasToolHints(server)) return allowedTools(server?.tools ?? [], access);
  return allowsUndescribed ? undefined : [];
}

/** The agent that a client's entry is bound to. */
export function agentFor(
  { agents, agentOf }: Pick<Plan, "agents" | "agentOf">,
  client: ClientId | undefined,
): string {
  const own = client === undefined ? undefined : agentOf.get(client);
  return own ?? agents[0]?.name ?? "developer";
}
