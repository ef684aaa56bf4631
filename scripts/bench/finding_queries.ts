import { type DownstreamServer, ItemList, type Tool } from "../../src/downstream/mod.ts";
import {
  type Arguments,
  type GatewayTool,
  gatewayTools,
  type ToolContext,
} from "../../src/gateway/tools/mod.ts";
import { JsonText } from "../../src/jsonrpc/mod.ts";
import { readCompleteToolLists, readToolLists } from "../../tests/fixtures/tool_lists/mod.ts";

/** The kinds of queries. */
export const QUERY_KINDS = ["keywords", "task", "paraphrase", "typo"] as const;

/** A query, and the tools of which one has to be found. */
export interface LabelledQuery {
  readonly query: string;
  readonly kind: typeof QUERY_KINDS[number];
  /** The right tools, as `server/tool`. */
  readonly right: readonly string[];
}

/** Reads a file of queries, one JSON object a line; none if there is no such file. */
export function readQueries(name: string): LabelledQuery[] {
  let text: string;
  try {
    text = Deno.readTextFileSync(new URL(`../../tests/finding/${name}.jsonl`, import.meta.url));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return text.split("\n").filter((line) => line.trim() !== "").map((line) => JSON.parse(line));
}

/** The tools of a server. */
export interface ServerTools {
  readonly server: string;
  readonly tools: readonly Tool[];
}

/**
 * Reads the recorded lists of public servers.
 *
 * @param options.areComplete Whether to read all tools of each server. Default: those that the queries are about.
 */
export function readServers(
  { areComplete = false }: { readonly areComplete?: boolean } = {},
): ServerTools[] {
  const lists = areComplete ? readCompleteToolLists() : readToolLists();
  return lists.map(({ server, tools }) => ({
    server,
    tools: tools.map((definition) => ({
      name: String(definition.name),
      definition: definition as Tool["definition"],
      text: new JsonText(JSON.stringify(definition)),
    })),
  }));
}

/** Returns servers with several copies of each tool, whose names end with a number. */
export function copyTools(servers: readonly ServerTools[], copies: number): ServerTools[] {
  return servers.map(({ server, tools }) => {
    const copied = Array.from(
      { length: copies },
      (_, copy) => tools.map((tool) => ({ ...tool, name: `${tool.name}_${copy}` })),
    );
    return { server, tools: copied.flat() };
  });
}

/** The answer of `get_server_tools` to a query. */
export interface QueryAnswer {
  readonly tools: readonly { readonly server: string; readonly name: string }[];
  readonly returned: number;
}

/** Definitions of the gateway's tools as `tools/list` shows them. */
export function gatewayDefinitions(): string {
  return JSON.stringify(
    [...gatewayTools({ debug: false }).values()].map((tool) => tool.definition),
  );
}

/**
 * Creates a function that answers calls of `get_server_tools` as the gateway does. The tools of the servers are known, and
 * the agent may call them all.
 *
 * @returns The function, which returns the text of an answer.
 */
export function createFinder(
  servers: readonly ServerTools[],
): (args: Arguments) => Promise<string> {
  const context = createContext(servers);
  const tool: GatewayTool | undefined = gatewayTools({ debug: false }).get("get_server_tools");
  if (tool === undefined || !("run" in tool)) throw new Error("get_server_tools does not run");
  return async (args) => (await tool.run(args, context)).json;
}

function createContext(servers: readonly ServerTools[]): ToolContext {
  const entries = servers.map(({ server, tools }): [string, DownstreamServer] => {
    const catalog = new ItemList(tools);
    const config = { name: server };
    // A query needs nothing else of a server.
    const remembered = { describe: () => undefined };
    const known = { config, remembered, list: () => Promise.resolve(catalog) };
    return [server, known as unknown as DownstreamServer];
  });
  return {
    caller: { agent: "agent" } as ToolContext["caller"],
    policy: { allows: () => true } as unknown as ToolContext["policy"],
    serverConfigs: new Map(entries.map(([name, { config }]) => [name, config])),
    unavailableReasons: new Map(),
    servers: new Map(entries),
    signal: new AbortController().signal,
    gateway: { status: () => ({}) },
  };
}
