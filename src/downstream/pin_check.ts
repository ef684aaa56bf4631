import type { CancelSignal } from "../jsonrpc/mod.ts";
import {
  createHeldBackError,
  type ItemList,
  type ListKind,
  type ServerLists,
} from "./catalog/mod.ts";
import type { Invocation } from "./invocation.ts";
import type { PooledSession } from "./pool.ts";
import { untilAborted } from "./until_aborted.ts";

/** An item of a server. */
interface ItemReference {
  readonly kind: ListKind;
  readonly name: string;
}

/** Refuses an item that is held back. */
export function refuseHeldBack(
  { heldBack }: ItemList,
  item: ItemReference & { readonly server: string },
): void {
  const reason = heldBack.get(item.name);
  if (reason !== undefined) throw createHeldBackError(reason, item);
}

/**
 * Requires that the server of a session lists the item of an invocation as it was pinned. Only the session's own list
 * counts: a remembered list, or that of another session, may be older than the program that runs now.
 *
 * @throws {CallerError} `TOOL_CHANGED`, if it does not.
 */
export async function requirePinned(
  invocation: Invocation,
  { lists, pooled, signal }: {
    readonly lists: ServerLists;
    readonly pooled: PooledSession;
    readonly signal: CancelSignal;
  },
): Promise<void> {
  const item = itemOf(invocation);
  if (item === undefined) return;
  const { server } = pooled.session;
  const list = await untilAborted(readOwnList(pooled, { lists, kind: item.kind }), signal);
  refuseHeldBack(list, { ...item, server });
  // A completion may name a URI instead of a template: the server finds the template.
  if (invocation.kind !== "completion" && list.get(item.name) === undefined) {
    throw createHeldBackError(undefined, { ...item, server });
  }
}

/**
 * Returns the list that a session itself has given. The list is read again if the server has announced a change, or if
 * the time is over for which the server said that it is valid.
 */
export async function readOwnList(
  pooled: PooledSession,
  { lists, kind }: { readonly lists: ServerLists; readonly kind: ListKind },
): Promise<ItemList> {
  const cache = lists.of(kind);
  const list = await cache.refreshList(pooled);
  return cache.isStale(pooled) ? await cache.fetchList(pooled, true) : list;
}

/** Returns the item of an invocation; `undefined` for resources, which cannot be pinned. */
function itemOf(invocation: Invocation): ItemReference | undefined {
  switch (invocation.kind) {
    case "tool":
      return { kind: "tools", name: invocation.tool.name };
    case "prompt":
      return { kind: "prompts", name: invocation.name };
    case "completion": {
      const { reference } = invocation;
      return reference.kind === "prompt"
        ? { kind: "prompts", name: reference.name }
        : { kind: "templates", name: reference.uri };
    }
    case "resource":
    case "subscribe":
    case "unsubscribe":
      return undefined;
  }
}
