import type { ServerConfig } from "../../config/mod.ts";
import type { DownstreamServer, Item, ItemList } from "../../downstream/mod.ts";
import { otherMembers, withValue } from "../../jsonrpc/mod.ts";
import { compilePattern } from "../../policy/mod.ts";
import { createStepRunner, listedToolRequest, type ToolContext } from "../tools/mod.ts";
import { readCursor, writeCursor } from "./cursor.ts";
import type { ListReader, ServerList } from "./list_reader.ts";
import { readPage } from "./merged_list.ts";
import {
  hasHash,
  mayBeHashedNameOf,
  offeredName,
  readOfferedName,
  type ServerItem,
} from "./names.ts";

/** The connection of a request about direct tools, and the active snapshot. */
export interface DirectRequest extends ServerLookup {
  /** Whether the tools of all servers are shown directly, or only those that their entries name. */
  readonly face: "meta" | "direct";
  /** The maximum length of offered names. */
  readonly maxNameLength: number;
  /** Reads the lists of the servers for the connection. */
  readonly lists: ListReader;
}

/** A request for the list of direct tools. */
export interface DirectListRequest extends DirectRequest {
  /** Whether a limit may cut the results of a server. */
  readonly limitsResults: (server: string) => boolean;
}

/** The parts of the context of the gateway's tools that direct tools need. */
type ServerLookup = Pick<
  ToolContext,
  "caller" | "policy" | "servers" | "serverConfigs" | "unavailableReasons"
>;

/** Decides whether a tool of a server is shown directly. */
type ToolSelector = (tool: string) => boolean;

const selectAll: ToolSelector = () => true;

/** The selectors of entries, which a reload replaces. */
const selectors = new WeakMap<readonly string[], ToolSelector>();

/** Returns which tools of a server are shown directly; `undefined` if none are. */
function selectorOf(
  { directTools }: Pick<ServerConfig, "directTools">,
  face: DirectRequest["face"],
): ToolSelector | undefined {
  if (face === "direct") return selectAll;
  if (directTools === undefined) return undefined;
  let selector = selectors.get(directTools);
  if (selector === undefined) {
    const patterns = directTools.map((text) => compilePattern(text));
    selector = (tool) => patterns.some(({ matches }) => matches(tool));
    selectors.set(directTools, selector);
  }
  return selector;
}

/**
 * Finds the tool of an offered name. A tool of a server that the agent may not use is found whether it exists or not:
 * the rules deny the call, and nobody learns which servers exist.
 *
 * @returns `undefined` if no tool has the name.
 */
export async function findDirectTool(
  offered: string,
  request: DirectRequest,
): Promise<ServerItem | undefined> {
  const { face, maxNameLength, serverConfigs, unavailableReasons, policy, caller } = request;
  const item = readOfferedName(offered, maxNameLength);
  if (item !== undefined) {
    const { server, name } = item;
    if (!policy.allows(caller.agent, { kind: "server", server })) return item;
    const config = serverConfigs.get(server);
    if (config !== undefined) return selectorOf(config, face)?.(name) === true ? item : undefined;
    return face === "direct" && unavailableReasons.has(server) ? item : undefined;
  }
  const servers = directServers(request)
    .filter(({ config }) => mayBeHashedNameOf(config.name, offered));
  if (servers.length === 0) return undefined;
  return await findHashed(offered, await request.lists.read("tools", { servers, caller }), request);
}

/**
 * Finds the tool of a name that ends in a hash: the one that the agent may call, or without one the first. If tools of
 * two servers have the name, none is found: a server can choose a name that has the hash of another server's tool.
 */
async function findHashed(
  offered: string,
  lists: readonly ServerList[],
  request: DirectRequest,
): Promise<ServerItem | undefined> {
  const { policy, caller: { agent } } = request;
  let allowedItem: ServerItem | undefined;
  let deniedItem: ServerItem | undefined;
  for (const { server: { config: { name: server } }, list } of lists) {
    const name = (await hashedNames(list, server, request)).get(offered);
    if (name === undefined) continue;
    const tool = list.get(name);
    const isAllowed = tool !== undefined && policy.allows(agent, listedToolRequest(server, tool));
    if (!isAllowed) deniedItem ??= { server, name };
    else if (allowedItem !== undefined) return undefined;
    else allowedItem = { server, name };
  }
  return allowedItem ?? deniedItem;
}

/** The names that end in a hash, with the tools that have them: by list, and by server and length. */
const knownHashedNames = new WeakMap<ItemList, Map<string, ReadonlyMap<string, string>>>();

/**
 * Returns the tools of a list by their names that end in a hash. A server may choose names that have the same hash; the
 * first tool has the name.
 */
async function hashedNames(
  list: ItemList,
  server: string,
  { maxNameLength, caller: { agent } }: DirectRequest,
): Promise<ReadonlyMap<string, string>> {
  const namesByKey = knownHashedNames.get(list) ?? new Map<string, ReadonlyMap<string, string>>();
  knownHashedNames.set(list, namesByKey);
  const key = `${maxNameLength} ${server}`;
  const knownNames = namesByKey.get(key);
  if (knownNames !== undefined) return knownNames;
  const names = new Map<string, string>();
  const runStep = createStepRunner(list, agent);
  // Tools that are held back are included, so that a call of one is refused with the reason.
  for (const { name } of list.whole.items) {
    const offered = await runStep(() => offeredName({ server, name }, maxNameLength));
    if (hasHash(offered) && !names.has(offered)) names.set(offered, name);
  }
  namesByKey.set(key, names);
  return names;
}

/** Returns the servers with direct tools that the agent may use, in the order of the servers file. */
function directServers(
  { face, serverConfigs, servers, policy, caller: { agent } }: DirectRequest,
): DownstreamServer[] {
  return [...serverConfigs.values()].flatMap((config) => {
    const { name } = config;
    const server = servers.get(name);
    const isOffered = server !== undefined && selectorOf(config, face) !== undefined &&
      policy.allows(agent, { kind: "server", server: name });
    return isOffered ? [server] : [];
  });
}

/** A page of the direct tools. */
export interface DirectPage {
  /** The definitions, as the servers wrote them except for the names. */
  readonly definitions: readonly string[];
  /** The cursor of the next page; `undefined` on the last page. */
  readonly nextCursor: string | undefined;
}

/**
 * Checks the cursor of a page, for a client that sees no direct tools.
 *
 * @throws {CallerError} `INVALID_ARGUMENTS`, if the cursor is not one of the list of tools.
 */
export function checkCursor(cursor: unknown): void {
  readCursor("tools", String(cursor));
}

/**
 * Lists the direct tools that an agent may call.
 *
 * @param cursor The cursor of the page as the client sent it; `undefined` for the first page.
 * @throws {CallerError} `INVALID_ARGUMENTS`, if the cursor is not one of this list.
 */
export async function listDirectTools(
  cursor: unknown,
  request: DirectListRequest,
): Promise<DirectPage> {
  // No cursor of this gateway is empty.
  const text = typeof cursor === "string" ? cursor : "";
  const after = cursor === undefined ? undefined : readCursor("tools", text);
  const { face, maxNameLength, serverConfigs, policy, lists, caller } = request;
  const { agent } = caller;
  const serverNames = [...serverConfigs.keys()];
  const parts: { server: string; serverIndex: number; list: ItemList }[] = [];
  // Tools with the same name would make clients refuse the whole list.
  const hashedByServer = new Map<string, ReadonlyMap<string, string>>();
  for (
    const { server, list } of await lists.read("tools", { servers: directServers(request), caller })
  ) {
    const { name } = server.config;
    parts.push({ server: name, serverIndex: serverNames.indexOf(name), list });
    hashedByServer.set(name, await hashedNames(list, name, request));
  }
  const runStep = createStepRunner({ isLong: parts.some(({ list }) => list.isLong) }, agent);
  const isOffered = (server: string, item: Item): boolean => {
    const { name } = item;
    const config = serverConfigs.get(server);
    if (config === undefined || selectorOf(config, face)?.(name) !== true) return false;
    if (!policy.allows(agent, listedToolRequest(server, item))) return false;
    const offered = offeredName({ server, name }, maxNameLength);
    return !hasHash(offered) || (hashedByServer.get(server)?.get(offered) === name &&
      parts.every(({ server: other, list }) => {
        const otherName = hashedByServer.get(other)?.get(offered);
        const tool = otherName === undefined ? undefined : list.get(otherName);
        return other === server || tool === undefined ||
          !policy.allows(agent, listedToolRequest(other, tool));
      }));
  };
  const { items, next } = await readPage(parts, {
    after,
    allows: isOffered,
    mergesNames: false,
    runStep,
  });
  const definitions = new Map<string, string>();
  for (const { server, item } of items) {
    const offered = offeredName({ server, name: item.name }, maxNameLength);
    if (definitions.has(offered)) continue;
    definitions.set(
      offered,
      await runStep(() => {
        return request.limitsResults(server)
          ? withoutOutputSchema(withName(item, offered))
          : withName(item, offered);
      }),
    );
  }
  return { definitions: [...definitions.values()], nextCursor: next && writeCursor("tools", next) };
}

/**
 * Returns the definitions of those tools of a server that clients see directly.
 *
 * @param tools The tools that the server lists.
 * @param options The server's entry, the face, and the maximum length of names.
 */
export function directDefinitions(
  tools: readonly Item[],
  { config, face, maxNameLength }: Pick<DirectRequest, "face" | "maxNameLength"> & {
    readonly config: Pick<ServerConfig, "name" | "directTools">;
  },
): string[] {
  const select = selectorOf(config, face);
  if (select === undefined) return [];
  return tools.filter(({ name }) => select(name)).map((tool) => {
    return withName(tool, offeredName({ server: config.name, name: tool.name }, maxNameLength));
  });
}

/** Returns the definition as the server wrote it, with another name. */
function withName({ text: { json } }: Item, name: string): string {
  // The list has only items with a name.
  return withValue(json, { key: "name", value: JSON.stringify(name) }) ?? json;
}

/** Returns a definition without its output schema: clients check results against it, and a result that was cut would fail. */
function withoutOutputSchema(definition: string): string {
  return `{${otherMembers(definition, ["outputSchema"]).join(",")}}`;
}
