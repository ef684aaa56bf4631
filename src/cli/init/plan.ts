import type { ClientId } from "./clients.ts";
import { describeServer, targetOf } from "./describe_server.ts";
import type { ClientFile } from "./find_servers.ts";
import { isRecord, type JsonRecord } from "./import_entry.ts";
import type { Inspected, InspectedServer, InspectedTool } from "./inspect_servers.ts";
import { type OfferedServer, scopeLines } from "./merge_servers.ts";

/** Which tools of its servers an agent may call. */
export type Access = "all" | "careful" | "read";

/** A server that is taken over. */
export interface PlannedServer extends OfferedServer {
  /** The entry for the servers file, with a description if one is known. */
  readonly entry: JsonRecord;
}

/** An agent of the rules. */
export interface AgentPlan {
  readonly name: string;
  readonly servers: readonly string[];
  /** The only tools that it may call, by server; it may call all tools of the other servers. */
  readonly tools: Readonly<Record<string, readonly string[]>>;
}

/** A client that gets the gateway's entry. */
export interface ClientPlan {
  readonly file: ClientFile;
  /** Whether the servers that were taken over are removed from it. */
  readonly takeOut: boolean;
}

/** The content of the files that `init` writes. */
export interface Plan {
  readonly servers: readonly PlannedServer[];
  readonly agents: readonly AgentPlan[];
  readonly clients: readonly ClientPlan[];
  /** The agents of clients, if there are several; default: the first one. */
  readonly agentOf: ReadonlyMap<ClientId, string>;
}

/** The agent that is offered, and used if no question is asked. */
export const FIRST_AGENT = "developer";

/**
 * Plans to take over everything for one agent. No server is started, and no client's file is
 * changed.
 */
export function planAll(
  servers: readonly OfferedServer[],
  { kept, trustsFolder, say }: {
    /** Names of servers that the gateway has already. */
    readonly kept: readonly string[];
    readonly trustsFolder: boolean;
    readonly say: (line: string) => void;
  },
): Plan {
  const chosen = servers.filter(({ name, server: { name: original, file }, clashes }) => {
    const note = (before: string, after: string) =>
      say(`${file.shown}: ${before}${JSON.stringify(original)}${after}`);
    if (!trustsFolder && file.scope !== "user") {
      const how = file.client === undefined ? "" : `; add --from ${file.client} to take it`;
      note("skipped ", `, because files in the working folder may not be yours${how}`);
      return false;
    }
    if (clashes) {
      note("skipped ", ": the gateway already has another server with that name");
      return false;
    }
    if (name !== original) {
      const taken = `is taken over as ${JSON.stringify(name)}`;
      note("", ` ${taken}, because another server has that name`);
    }
    return true;
  });
  for (const line of scopeLines(chosen)) say(line);
  const inspected: Inspected = new Map();
  const planned = describePlanned(chosen, { inspected, home: "" });
  const agent = planAgent(FIRST_AGENT, {
    servers: [...kept, ...planned.map(({ name }) => name)],
    access: "all",
    allowsUndescribed: true,
    planned,
    inspected,
  });
  return { servers: planned, agents: [agent], clients: [], agentOf: new Map() };
}

/** Gives each server its description: its own, or what the running server says about itself. */
export function describePlanned(
  servers: readonly OfferedServer[],
  { inspected, home }: { readonly inspected: Inspected; readonly home: string },
): PlannedServer[] {
  const described = servers.map((offered) => {
    const { entry } = offered.server;
    const own = entry.description;
    if (typeof own === "string" && own !== "") return { offered, own, target: "" };
    const known = inspected.get(offered.name);
    const isKnown = known !== undefined && known.failure === undefined;
    const target = targetOf(entry, home);
    return { offered, target, ...(isKnown ? { own: describeServer(known, target) } : {}) };
  });
  const byText = Map.groupBy(described, ({ own }) => own);
  return described.map(({ offered, own, target }) => {
    const { entry } = offered.server;
    if (own === undefined) return { ...offered, entry };
    const isTwin = target !== "" && !own.endsWith(` for ${target}`) &&
      (byText.get(own)?.length ?? 0) > 1;
    const description = isTwin ? `${own} For ${target}` : own;
    return { ...offered, entry: { ...entry, description } };
  });
}

/** The choices that the rules of an agent are made from. */
export interface AgentChoice {
  /** Names of its servers. */
  readonly servers: readonly string[];
  readonly access: Access;
  /** Whether it may call all tools of servers that say nothing about theirs. */
  readonly allowsUndescribed: boolean;
  readonly planned: readonly OfferedServer[];
  readonly inspected: Inspected;
}

/** Makes an agent from the choices, with its tools by name. */
export function planAgent(
  name: string,
  { servers, access, allowsUndescribed, planned, inspected }: AgentChoice,
): AgentPlan {
  const tools: Record<string, readonly string[]> = Object.create(null);
  const onlyTools = new Map(planned.map((one) => [one.name, one.server.onlyTools]));
  for (const server of servers) {
    const only = onlyTools.get(server);
    const found = inspected.get(server);
    // All tools, including those that the server adds later.
    const isOpen = access === "all" || (!hasToolHints(found) && allowsUndescribed);
    const chosen = hasToolHints(found) ? allowedTools(found?.tools ?? [], access) : [];
    const allowed = isOpen ? only : chosen.filter((tool) => only?.includes(tool) ?? true);
    if (allowed !== undefined) tools[server] = allowed;
  }
  return { name, servers, tools };
}

/** Whether a server says what its tools do: one annotation is enough. */
export function hasToolHints({ tools = [] }: InspectedServer = {}): boolean {
  return tools.some(({ annotations }) =>
    isRecord(annotations) &&
    (typeof annotations.readOnlyHint === "boolean" ||
      typeof annotations.destructiveHint === "boolean")
  );
}

/**
 * The tools that a choice allows, according to their annotations. A tool without any may change and
 * destroy things: these are the protocol's defaults.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/schema#toolannotations}
 */
export function allowedTools(tools: readonly InspectedTool[], access: Access): string[] {
  return tools.filter(({ name, annotations }) => {
    // In the rules this would be a pattern, which allows more than the tool.
    if (/[*?]/.test(name)) return false;
    if (access === "all") return true;
    const { readOnlyHint, destructiveHint } = isRecord(annotations) ? annotations : {};
    return readOnlyHint === true || (access === "careful" && destructiveHint === false);
  }).map(({ name }) => name);
}

/** The agent that a client's entry is bound to. */
export function agentFor(
  { agents, agentOf }: Pick<Plan, "agents" | "agentOf">,
  client: ClientId | undefined,
): string {
  const own = client === undefined ? undefined : agentOf.get(client);
  return own ?? agents[0]?.name ?? FIRST_AGENT;
}
