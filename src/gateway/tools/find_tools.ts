import { type DownstreamServer, ItemList, type Tool } from "../../downstream/mod.ts";
import type { Policy } from "../../policy/mod.ts";
import { within } from "../../within.ts";
import {
  type DescribedServer,
  type FoundTool,
  indexTools,
  MAX_QUERY_LENGTH,
  rankTools,
  type Scope,
  type ToolIndex,
} from "./finding/mod.ts";
import { withDescriptions } from "./describe_servers.ts";
import { allowedServers, findServer, listedToolRequest } from "./find_server.ts";
import { firstSentenceOf, shortSignatureOf } from "./signature.ts";
import { estimateTokens } from "./tokens.ts";
import type { Arguments, GatewayAnswer, ToolContext } from "./tool.ts";
import {
  computeOnce,
  createSelector,
  createStepRunner,
  definitionWriter,
  type Detail,
  joinTools,
  readNames,
  type StepRunner,
  writeDefinition,
  writeTools,
} from "./tool_listing.ts";
import { shortenText } from "../../text.ts";

/** Maximum time that a query waits for servers whose tools are not known yet, in milliseconds. */
const MAX_WAIT_MS = 3000;

/** Maximum length of a description, in characters. */
const MAX_DESCRIPTION = 160;

/** Maximum length of the list of servers in a hint, in characters. */
const MAX_SERVERS_CHARS = 200;

/**
 * Answers a query with the best matches among the tools that the agent may call. Servers whose tools are not known yet are
 * started.
 *
 * @param query The query, which is not recorded.
 * @throws {CallerError | DownstreamError} if the call names a server that is not available.
 */
export async function findTools(
  query: string,
  { args, context }: { readonly args: Arguments; readonly context: ToolContext },
): Promise<GatewayAnswer> {
  const { caller: { agent }, policy } = context;
  const serverName = typeof args.server === "string" ? args.server : undefined;
  const { lists, pending, failed } = await readLists(context, serverName);
  const isSelected = args.names === undefined && args.pattern === undefined
    ? undefined
    : createSelector(args, readNames(args));
  const scopes: Scope[] = [];
  const unindexed: string[] = [];
  let callableCount = 0;
  for (const { server, catalog } of lists) {
    const runStep = createStepRunner(catalog, agent);
    const agentTools = await readAllowed(catalog, { server: server.name, agent, policy, runStep });
    callableCount += agentTools.count;
    if (agentTools.count === 0) continue;
    const index = await readIndex(catalog, server, runStep);
    if (index === undefined) {
      unindexed.push(server.name);
      continue;
    }
    const searched = isSelected === undefined
      ? agentTools.flags
      : await narrowFlags(agentTools.flags, { tools: catalog.items, isSelected, runStep });
    scopes.push({ server: server.name, index, searched });
  }
  // Ranking takes a millisecond even if the lists are long.
  const runStep = createStepRunner({ isLong: false }, agent);
  const shownQuery = shortenText(query, MAX_QUERY_LENGTH);
  const unavailable = [...failed, ...unindexed];
  const foundTools = await runSteps(rankTools(shownQuery, scopes), runStep);
  const detail = typeof args.detail === "string" ? args.detail as Detail : "signatures";
  const writers = new Map<string, (tool: Tool) => string>();
  for (const { server: name } of detail === "full" ? scopes : []) {
    const isPinned = context.servers.get(name)?.isPinned === true;
    writers.set(name, await definitionWriter({ isPinned }));
  }
  const write = detail === "types"
    ? await declarationWriter()
    : (tool: FoundTool) => writeFoundTool(tool, detail, writers.get(tool.server));
  const { texts, isCut } = await writeTools(foundTools, { write, args, runStep });
  const list = await joinTools(texts, { detail, tools: foundTools, runStep });
  const omitted = foundTools.slice(texts.length).map(({ tool }) => tool.name);
  const cutHint = isCut
    ? 'The list would be too long; ask for the other tools with "names".'
    : undefined;
  const hint = foundTools.length === 0 ? nothingFoundHint(context, pending) : cutHint;
  const otherMembers = JSON.stringify({
    query: shownQuery,
    total_available: callableCount,
    returned: texts.length,
    tokens_used: texts.length === 0 ? 0 : await runStep(() => estimateTokens(list.json)),
    detail,
    ...(omitted.length === 0 ? {} : { omitted }),
    ...(hint === undefined ? {} : { hint }),
    ...(pending.length === 0 ? {} : { pending }),
    ...(unavailable.length === 0 ? {} : { unavailable }),
  });
  // The list is inserted as text: definitions are as the server wrote them.
  return { kind: "gateway-result", json: `{"${list.key}":${list.json},${otherMembers.slice(1)}` };
}

/** The known lists of tools of the servers that a query is about. */
interface KnownLists {
  readonly lists: readonly { readonly server: DescribedServer; readonly catalog: ItemList }[];
  /** Names of the servers whose tools are not known yet. */
  readonly pending: readonly string[];
  /** Names of the servers that failed. */
  readonly failed: readonly string[];
}

/** The servers for which a query has waited in vain, and whose tools are still not known. */
const overdueServers = new WeakSet<DownstreamServer>();

/**
 * Reads the tools of one server, or of all servers that the agent may use, at the same time. Waits only once for a server
 * that takes long.
 *
 * @param serverName The name of the server; default: all servers.
 * @throws {DownstreamError} if the named server failed.
 */
async function readLists(
  context: ToolContext,
  serverName: string | undefined,
): Promise<KnownLists> {
  const { caller, policy, serverConfigs, servers, signal } = context;
  const configs = serverName === undefined
    ? allowedServers(caller.agent, { policy, serverConfigs })
    : [findServer(context, serverName).config];
  const outcomes = new Map<string, ItemList | { readonly error: unknown }>();
  const awaitedOutcomes: Promise<unknown>[] = [];
  const overdueOutcomes: Promise<unknown>[] = [];
  for (const { name } of configs) {
    const server = servers.get(name);
    if (server === undefined) continue;
    // A query about all servers must not make a person log in to one of them.
    const listing = server.list("tools", {
      caller,
      signal,
      offersLogin: serverName !== undefined,
    });
    const outcome = listing.catch((error: unknown) => ({ error })).then((result) => {
      outcomes.set(name, result);
      overdueServers.delete(server);
    });
    (overdueServers.has(server) ? overdueOutcomes : awaitedOutcomes).push(outcome);
  }
  await within(Promise.all(awaitedOutcomes), MAX_WAIT_MS);
  // They may have listed their tools since.
  if (overdueOutcomes.length > 0) await within(Promise.all(overdueOutcomes), 0);
  signal.throwIfAborted();
  const lists: KnownLists["lists"][number][] = [];
  const pending: string[] = [];
  const failed: string[] = [];
  for (const config of withDescriptions(configs, { servers, capabilities: caller.capabilities })) {
    const server = servers.get(config.name);
    const outcome = outcomes.get(config.name);
    if (outcome instanceof ItemList) lists.push({ server: config, catalog: outcome });
    else if (outcome === undefined && server !== undefined) {
      pending.push(config.name);
      overdueServers.add(server);
    } else if (outcome !== undefined && serverName !== undefined) throw outcome.error;
    else failed.push(config.name);
  }
  return { lists, pending, failed };
}

/** The indexes, which all agents share. */
const indexes = new WeakMap<
  ItemList,
  { readonly description: string | undefined; readonly index: Promise<ToolIndex | undefined> }
>();

/** Returns the index of a list of tools, which is built once; `undefined` if the server's memory has no room for it. */
function readIndex(
  catalog: ItemList,
  { name, description }: DescribedServer,
  runStep: StepRunner,
): Promise<ToolIndex | undefined> {
  const known = indexes.get(catalog);
  if (known !== undefined && known.description === description) return known.index;
  const index = runSteps(indexTools(catalog.items, { name, description }), runStep)
    .then((built) => catalog.takeMemory(built.memory) ? built : undefined);
  indexes.set(catalog, { description, index });
  return index;
}

/** The tools of a list that an agent may call. */
interface AllowedTools {
  /** For each tool, 1 if the agent may call it. */
  readonly flags: Uint8Array;
  readonly count: number;
}

/** The tools that agents may call, by rules, agent and list. */
const allowedTools = new WeakMap<Policy, Map<string, WeakMap<ItemList, AllowedTools>>>();

/** Returns the tools that an agent may call; decides about each tool once. */
async function readAllowed(
  catalog: ItemList,
  { server, agent, policy, runStep }: {
    readonly server: string;
    readonly agent: string;
    readonly policy: Policy;
    readonly runStep: StepRunner;
  },
): Promise<AllowedTools> {
  const byAgent = allowedTools.get(policy) ?? new Map<string, WeakMap<ItemList, AllowedTools>>();
  allowedTools.set(policy, byAgent);
  const byCatalog = byAgent.get(agent) ?? new WeakMap<ItemList, AllowedTools>();
  byAgent.set(agent, byCatalog);
  const known = byCatalog.get(catalog);
  if (known !== undefined) return known;
  const flags = await narrowFlags(new Uint8Array(catalog.items.length).fill(1), {
    tools: catalog.items,
    isSelected: (tool) => policy.allows(agent, listedToolRequest(server, tool)),
    runStep,
  });
  const agentTools = { flags, count: flags.reduce((sum, flag) => sum + flag, 0) };
  byCatalog.set(catalog, agentTools);
  return agentTools;
}

/** Returns the flags with 0 for the tools that are not selected. */
async function narrowFlags(
  flags: Uint8Array,
  { tools, isSelected, runStep }: {
    readonly tools: readonly Tool[];
    readonly isSelected: (tool: Tool) => boolean;
    readonly runStep: StepRunner;
  },
): Promise<Uint8Array> {
  const narrowedFlags = flags.slice();
  for (const [position, tool] of tools.entries()) {
    if (narrowedFlags[position] === 1 && !await runStep(() => isSelected(tool))) {
      narrowedFlags[position] = 0;
    }
  }
  return narrowedFlags;
}

async function runSteps<T>(steps: Generator<void, T>, runStep: StepRunner): Promise<T> {
  for (;;) {
    const step = runStep(() => steps.next());
    const { done, value } = step instanceof Promise ? await step : step;
    if (done) return value;
  }
}

async function declarationWriter(): Promise<(tool: FoundTool) => string> {
  const { writeDeclaration } = await import("./declarations.ts");
  return ({ tool }) => writeDeclaration(tool);
}

/** Writes a tool of an answer as JSON. */
export function writeFoundTool(
  { server, tool }: FoundTool,
  detail: Exclude<Detail, "types">,
  writeWhole: (tool: Tool) => string = writeDefinition,
): string {
  switch (detail) {
    case "full": {
      // The last member of a name counts, so that no definition can claim to be of another server.
      const json = writeWhole(tool);
      return `${json.slice(0, json.lastIndexOf("}"))},"server":${JSON.stringify(server)}}`;
    }
    case "names":
      return JSON.stringify({ server, name: tool.name });
    case "signatures":
      return `{"server":${JSON.stringify(server)},${shortTextOf(tool)}`;
  }
}

/** Returns the members of a tool in an answer after its server. */
const shortTextOf = computeOnce(({ name, definition }) => {
  const description = firstSentenceOf(definition, MAX_DESCRIPTION);
  const signature = shortSignatureOf(definition);
  return JSON.stringify({ name, signature, ...(description === "" ? {} : { description }) })
    .slice(1);
});

function nothingFoundHint(
  { caller: { agent }, policy, serverConfigs }: ToolContext,
  pending: readonly string[],
): string {
  if (pending.length > 0) {
    return 'No tool fits so far: the servers in "pending" have not listed their tools yet. ' +
      "Call again in a few seconds.";
  }
  const names = allowedServers(agent, { policy, serverConfigs }).map(({ name }) => name);
  if (names.length === 0) return "You may use no server.";
  const list = shortenText(names.join(", "), MAX_SERVERS_CHARS);
  return `No tool fits; try other words, or list the tools of a server: ${list}.`;
}
