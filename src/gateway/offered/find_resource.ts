import {
  type Caller,
  createHeldBackError,
  type DownstreamServer,
  type ItemList,
} from "../../downstream/mod.ts";
import type { CancelSignal } from "../../jsonrpc/mod.ts";
import type { Policy } from "../../policy/mod.ts";
import { createStepRunner } from "../tools/mod.ts";
import type { ClientOffers } from "./client_offers.ts";
import type { ServerList } from "./list_reader.ts";
import { matchesTemplate, MAX_URI_LENGTH } from "./uri_template.ts";

/** Maximum number of templates of a server that a URI is compared with. */
const MAX_TEMPLATES = 1000;

/** The server that a request about a resource is for. */
export interface ResourceTarget {
  /** The server. */
  readonly server: DownstreamServer;
  /** Whether a list of the server has the URI, or a template that matches it. */
  readonly isListed: boolean;
}

/** The servers, and what is known about them. */
export interface SearchContext {
  /** The servers that the agent may use, in the order of the servers file. */
  readonly servers: readonly DownstreamServer[];
  /** The agent, and the client that it uses. */
  readonly caller: Caller;
  /** The rules. */
  readonly policy: Policy;
  /** The links and lists of the client's connection. */
  readonly offers: Pick<ClientOffers, "lists" | "links">;
  /** The maximum length of offered names. */
  readonly maxNameLength: number;
  /** Cancels the search; its reason is thrown. */
  readonly signal: CancelSignal;
}

/**
 * Finds the server of a resource: the first server that lists the URI, else the first with a template that matches the
 * URI, else the server whose result last linked to it on this connection. A server whose resource the rules deny is found
 * only if there is no other one.
 *
 * @returns `undefined` if no server is known to have the resource.
 */
export async function findResource(
  uri: string,
  context: SearchContext,
): Promise<ResourceTarget | undefined> {
  if (uri.length > MAX_URI_LENGTH) return undefined;
  const listingServer = await findFirst(uri, [
    { kind: "resources", has: hasItem },
    { kind: "templates", has: hasMatch },
  ], context);
  if (listingServer !== undefined) return { server: listingServer, isListed: true };
  const linkingServer = context.offers.links.serverOf(uri);
  const server = context.servers.find(({ config: { name } }) => name === linkingServer);
  return server === undefined ? await findHeldBack(uri, context) : { server, isListed: false };
}

/**
 * Finds the server that completes an argument of a URI template, or of a URI that matches one.
 *
 * @returns `undefined` if no server is known to have the template.
 */
export async function findTemplate(
  template: string,
  context: SearchContext,
): Promise<ResourceTarget | undefined> {
  if (template.length > MAX_URI_LENGTH) return undefined;
  const server = await findFirst(template, [
    { kind: "templates", has: hasItem },
    { kind: "resources", has: hasItem },
    { kind: "templates", has: hasMatch },
  ], context);
  return server === undefined ? await findHeldBack(template, context) : { server, isListed: true };
}

/**
 * Finds the server of a template that is held back and matches a URI.
 *
 * @returns The server, if the rules deny the resource.
 * @throws {CallerError} `TOOL_CHANGED`, if the rules allow the resource.
 */
async function findHeldBack(
  uri: string,
  context: SearchContext,
): Promise<ResourceTarget | undefined> {
  const server = await findFirst(uri, [
    {
      kind: "templates",
      has: async ({ heldBack }, _uri, agent) =>
        await findMatch(heldBack.keys(), uri, agent) !== undefined,
    },
  ], context);
  if (server === undefined) return undefined;
  const { policy, caller } = context;
  const { name } = server.config;
  if (!policy.allows(caller.agent, { kind: "resource", server: name, uri })) {
    return { server, isListed: true };
  }
  const heldBack = server.knownList("templates", caller)?.heldBack ?? new Map();
  const template = await findMatch(heldBack.keys(), uri, caller.agent) ?? uri;
  throw createHeldBackError(heldBack.get(template), {
    server: name,
    kind: "templates",
    name: template,
  });
}

/** A kind of list, and the test whether such a list has a resource. */
interface Search {
  readonly kind: "resources" | "templates";
  readonly has: (list: ItemList, uri: string, agent: string) => boolean | Promise<boolean>;
}

/** Returns the first server that one of the searches finds and the rules allow; without one, the first that they deny. */
async function findFirst(
  uri: string,
  searches: readonly Search[],
  context: SearchContext,
): Promise<DownstreamServer | undefined> {
  const { servers, caller, offers: { lists } } = context;
  let deniedServer: DownstreamServer | undefined;
  for (const search of searches) {
    // A server need not wait for the lists of those that follow it.
    const firstLists = knownLists(search.kind, context);
    let result = await searchLists(firstLists, { uri, search, context });
    if (result.allowed === undefined && firstLists.length < servers.length) {
      const allLists = await lists.read(search.kind, { servers, caller });
      result = await searchLists(allLists, { uri, search, context });
    }
    if (result.allowed !== undefined) return result.allowed;
    deniedServer ??= result.denied;
  }
  return deniedServer;
}

/** Returns the lists of the first servers, up to one whose list was never known. */
function knownLists(
  kind: Search["kind"],
  { servers, caller, offers: { lists } }: SearchContext,
): readonly ServerList[] {
  const serverLists: ServerList[] = [];
  for (const server of servers) {
    const list = lists.lastKnownList(server, { kind, caller });
    if (list === undefined) break;
    serverLists.push({ server, list });
  }
  return serverLists;
}

async function searchLists(
  lists: readonly ServerList[],
  { uri, search, context: { policy, caller: { agent } } }: {
    readonly uri: string;
    readonly search: Search;
    readonly context: SearchContext;
  },
): Promise<{ readonly allowed?: DownstreamServer; readonly denied?: DownstreamServer }> {
  let deniedServer: DownstreamServer | undefined;
  for (const { server, list } of lists) {
    if (!await search.has(list, uri, agent)) continue;
    const request = { kind: "resource", server: server.config.name, uri } as const;
    if (policy.allows(agent, request)) return { allowed: server };
    deniedServer ??= server;
  }
  return deniedServer === undefined ? {} : { denied: deniedServer };
}

function hasItem(list: ItemList, uri: string): boolean {
  return list.get(uri) !== undefined;
}

/** Whether a URI matches one of a server's templates. */
async function hasMatch({ items }: ItemList, uri: string, agent: string): Promise<boolean> {
  return await findMatch(items.values().map(({ name }) => name), uri, agent) !== undefined;
}

/** Returns the first template that is a URI, or matches it. A server may have templates that take long to compare. */
async function findMatch(
  templates: IteratorObject<string>,
  uri: string,
  agent: string,
): Promise<string | undefined> {
  const runStep = createStepRunner({ isLong: false }, agent);
  for (const template of templates.take(MAX_TEMPLATES)) {
    const step = runStep(() => template === uri || matchesTemplate(template, uri));
    if (typeof step === "boolean" ? step : await step) return template;
  }
  return undefined;
}
