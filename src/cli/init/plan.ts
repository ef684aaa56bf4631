import type { ClientId } from "./clients.ts";
import { suggestDescription, targetOf } from "./suggest_description.ts";
import type { ClientFile } from "./find_servers.ts";
import { isRecord, type JsonRecord } from "./import_entry.ts";
import type { InspectedServer, InspectedServers, InspectedTool } from "./inspect_servers.ts";
import { type OfferedServer, ownerOfName, scopeLines } from "./merge_servers.ts";

/**
 * The tools that an agent may call.
 *
 * - `ask`: all, but a person approves each call that may change something.
 * - `all`: all, without approval.
 * - `careful`: all that are not destructive.
 * - `read`: those that only read.
 */
export type Access = "ask" | "all" | "careful" | "read";

/** The tools that an agent may call if their server does not say what they do. */
export type UndescribedAccess = "ask" | "all" | "none";

/** A server to import. */
export interface PlannedServer extends OfferedServer {
  /** The entry for the servers file, with a description if there is one. */
  readonly entry: JsonRecord;
}

/** An agent of the rules. */
export interface AgentPlan {
  readonly name: string;
  readonly servers: readonly string[];
  /** By server, the only tools that the agent may call without approval. It may call all tools of the other servers. */
  readonly tools: Readonly<Record<string, readonly string[]>>;
  /** By server, the tools whose calls need a person's approval, unless `tools` names them. */
  readonly asks: Readonly<Record<string, readonly string[]>>;
}

/** A client that gets the gateway's entry. */
export interface ClientPlan {
  readonly file: ClientFile;
  /** Whether the imported servers are removed from the file. */
  readonly removesServers: boolean;
  /** Whether the client sees the tools of the servers directly. Default: no. */
  readonly isDirect?: boolean;
}

/** The content that `init` will write. */
export interface Plan {
  readonly servers: readonly PlannedServer[];
  readonly agents: readonly AgentPlan[];
  readonly clients: readonly ClientPlan[];
  /** Names of the agents in the rules file that this run does not change. */
  readonly unchangedAgents: readonly string[];
  /** The agent of each client, if there are several agents; default: the first agent. */
  readonly agentByClient: ReadonlyMap<ClientId, string>;
}

/** The agent that is suggested, and that is used if no question is asked. */
export const DEFAULT_AGENT = "developer";

/**
 * Plans to import every server for one agent, without questions. No server is started, and no client's
 * file is changed. If the rules file has only other agents, no agent gets the servers.
 */
export function planImport(
  servers: readonly OfferedServer[],
  { existingServers, existingAgents, trustsFolder, printLine }: {
    /** Names of the servers in the gateway's servers file. */
    readonly existingServers: readonly string[];
    /** Names of the agents in the rules file. */
    readonly existingAgents: readonly string[];
    readonly trustsFolder: boolean;
    readonly printLine: (line: string) => void;
  },
): Plan {
  const offeredServers = servers.filter((server) =>
    isImported(server, { trustsFolder, printLine })
  );
  for (const line of scopeLines(offeredServers)) printLine(line);
  const inspectedServers: InspectedServers = new Map();
  const importedServers = addDescriptions(offeredServers, { inspectedServers, home: "" });
  const changesRules = existingAgents.length === 0 || existingAgents.includes(DEFAULT_AGENT);
  const agents = changesRules
    ? [planAgent(DEFAULT_AGENT, {
      servers: [...existingServers, ...importedServers.map(({ name }) => name)],
      // No person was asked, so nobody knows that calls would wait for approval, or may be there to give it.
      access: "all",
      undescribedAccess: "all",
      importedServers,
      inspectedServers,
    })]
    : [];
  const unchangedAgents = existingAgents.filter((name) => name !== DEFAULT_AGENT);
  return {
    servers: importedServers,
    agents,
    unchangedAgents,
    clients: [],
    agentByClient: new Map(),
  };
}

/** Whether a server is imported. Prints why it is not, or that it is imported under another name. */
function isImported(
  { name, server: { name: original, file }, hasNameClash }: OfferedServer,
  { trustsFolder, printLine }: {
    readonly trustsFolder: boolean;
    readonly printLine: (line: string) => void;
  },
): boolean {
  const quotedName = JSON.stringify(original);
  if (!trustsFolder && file.scope !== "user") {
    const hint = file.client === undefined ? "" : `; add --from ${file.client} to import it`;
    const reason = "files in the working folder may not be yours";
    printLine(`${file.displayPath}: skipped ${quotedName}, because ${reason}${hint}`);
    return false;
  }
  if (hasNameClash) {
    const reason = "the gateway already has another server with that name";
    printLine(`${file.displayPath}: skipped ${quotedName}: ${reason}`);
    return false;
  }
  if (name !== original) {
    const reason = `${ownerOfName(original)} has that name`;
    printLine(
      `${file.displayPath}: ${quotedName} is imported as ${
        JSON.stringify(name)
      }, because ${reason}`,
    );
  }
  return true;
}

/**
 * Adds a description to each server: that of its entry, or else one from the running server. If several
 * servers would have the same description, the folder or address that each works on is appended.
 */
export function addDescriptions(
  servers: readonly OfferedServer[],
  { inspectedServers, home }: {
    readonly inspectedServers: InspectedServers;
    readonly home: string;
  },
): PlannedServer[] {
  const describedServers = servers.map((offered) => {
    const { entry } = offered.server;
    const { description } = entry;
    if (typeof description === "string" && description !== "") {
      return { offered, description, target: "" };
    }
    const server = inspectedServers.get(offered.name);
    const target = targetOf(entry, home);
    if (server === undefined || server.failure !== undefined) return { offered, target };
    return { offered, target, description: suggestDescription(server, target) };
  });
  const byDescription = Map.groupBy(describedServers, ({ description }) => description);
  return describedServers.map(({ offered, description, target }) => {
    const { entry } = offered.server;
    if (description === undefined) return { ...offered, entry };
    const isAmbiguous = target !== "" && !description.endsWith(` for ${target}`) &&
      (byDescription.get(description)?.length ?? 0) > 1;
    const text = isAmbiguous ? `${description} For ${target}` : description;
    return { ...offered, entry: { ...entry, description: text } };
  });
}

/** The answers that determine the rules of an agent. */
export interface AgentChoice {
  /** Names of the servers that the agent may use. */
  readonly servers: readonly string[];
  readonly access: Access;
  /** Its access to servers whose tools have no annotations. */
  readonly undescribedAccess: UndescribedAccess;
  readonly importedServers: readonly OfferedServer[];
  readonly inspectedServers: InspectedServers;
}

/** Makes an agent from the answers, with the names of its tools. */
export function planAgent(
  name: string,
  { servers, access, undescribedAccess, importedServers, inspectedServers }: AgentChoice,
): AgentPlan {
  const tools: Record<string, readonly string[]> = Object.create(null);
  const asks: Record<string, readonly string[]> = Object.create(null);
  const onlyTools = new Map(importedServers.map(({ name, server }) => [name, server.onlyTools]));
  for (const server of servers) {
    const usedTools = onlyTools.get(server);
    const inspectedServer = inspectedServers.get(server);
    const isDescribed = hasToolHints(inspectedServer);
    const serverAccess = isDescribed ? access : undescribedAccess;
    if (serverAccess === "all") {
      // Without a list of tools, the agent may also call tools that the server adds later.
      if (usedTools !== undefined) tools[server] = usedTools;
      continue;
    }
    const matchingTools = isDescribed ? allowedTools(inspectedServer?.tools ?? [], access) : [];
    const callableTools = matchingTools.filter((tool) => usedTools?.includes(tool) ?? true);
    tools[server] = callableTools;
    if (serverAccess !== "ask") continue;
    // The names are those that the person has seen: a server that calls another tool read-only later changes nothing.
    asks[server] = usedTools?.filter((tool) => !callableTools.includes(tool)) ?? ["*"];
  }
  return { name, servers, tools, asks };
}

/** Whether an agent that may use a server may call none of its tools, not even with approval. */
export function hasNoTool({ tools, asks }: AgentPlan, server: string): boolean {
  return tools[server]?.length === 0 && asks[server] === undefined;
}

/** Whether a server describes what its tools do, with an annotation on at least one of them. */
export function hasToolHints({ tools = [] }: InspectedServer = {}): boolean {
  return tools.some(({ annotations }) =>
    isRecord(annotations) &&
    (typeof annotations.readOnlyHint === "boolean" ||
      typeof annotations.destructiveHint === "boolean")
  );
}

/**
 * Returns the names of the tools that a choice allows without approval, according to their annotations. By the protocol's
 * defaults, a tool without annotations may be destructive.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/schema#toolannotations}
 */
export function allowedTools(tools: readonly InspectedTool[], access: Access): string[] {
  return tools.filter(({ name, annotations }) => {
    // In the rules, a name with a wildcard would be a pattern, which may allow other tools.
    if (/[*?]/.test(name)) return false;
    if (access === "all") return true;
    const { readOnlyHint, destructiveHint } = isRecord(annotations) ? annotations : {};
    return readOnlyHint === true || (access === "careful" && destructiveHint === false);
  }).map(({ name }) => name);
}

/** The parts of a plan that determine the agents of the clients. */
export type AgentNames = Pick<Plan, "agents" | "unchangedAgents" | "agentByClient">;

/** Returns the agent that a client's entry names. */
export function agentFor(
  { agents, unchangedAgents, agentByClient }: AgentNames,
  client: ClientId | undefined,
): string {
  const chosenAgent = client === undefined ? undefined : agentByClient.get(client);
  return chosenAgent ?? agents[0]?.name ?? unchangedAgents[0] ?? DEFAULT_AGENT;
}
