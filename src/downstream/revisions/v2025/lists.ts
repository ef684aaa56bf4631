import {
  elementTexts,
  measureParseCost,
  type Peer,
  type Reply,
  RPC_CODES,
  textAt,
} from "../../../jsonrpc/mod.ts";
import { isRecord } from "../../../json.ts";
import type { ListKind } from "../../catalog/mod.ts";
import { type ItemPage, ListError, type ListOptions } from "../codec.ts";
import { describeIncomplete, describeKind } from "./describe_value.ts";

/** A kind of list in the messages of these revisions. */
interface ListMessages {
  /** The method that requests a page. */
  readonly method: string;
  /** The member of the result that has the items. */
  readonly member: string;
  /** The words for the items in errors. */
  readonly words: string;
}

/** The kinds of lists. */
export const LISTS: Readonly<Record<ListKind, ListMessages>> = {
  tools: { method: "tools/list", member: "tools", words: "tools" },
  resources: { method: "resources/list", member: "resources", words: "resources" },
  templates: {
    method: "resources/templates/list",
    member: "resourceTemplates",
    words: "resource templates",
  },
  prompts: { method: "prompts/list", member: "prompts", words: "prompts" },
};

/**
 * Requests a page of a list.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/pagination}
 * @throws {ListError} The answer is an error, or contains no such list.
 */
export async function list(peer: Peer, { kind, cursor, signal }: ListOptions): Promise<ItemPage> {
  const params = cursor === undefined ? {} : { cursor };
  const messages = LISTS[kind];
  return readPage(await peer.request(messages.method, params, { signal }), messages);
}

function readPage(reply: Reply, { method, member, words }: ListMessages): ItemPage {
  if (!reply.ok) {
    const { error } = reply;
    const message = error.code === RPC_CODES.methodNotFound
      ? `it does not know ${method}`
      : `it did not list its ${words}: ${error.message}`;
    throw new ListError(message, { cause: error });
  }
  const { value, text, bytes } = reply.result;
  if (!isRecord(value)) {
    throw new ListError(`it answered ${method} with ${describeKind(value)}`);
  }
  const incomplete = describeIncomplete(value);
  if (incomplete !== undefined) {
    throw new ListError(`it answered ${method} with ${incomplete}, which is not a whole page`);
  }
  const { [member]: items, nextCursor } = value;
  if (!Array.isArray(items)) {
    const problem = items === undefined
      ? `without "${member}"`
      : `with "${member}": ${describeKind(items)}`;
    throw new ListError(`it answered ${method} ${problem}, where a list belongs`);
  }
  return {
    definitions: items,
    definitionTexts: elementTexts(textAt(text.json, member) ?? "[]"),
    size: text.json.length,
    memory: measureParseCost(text.json, text.json.length === bytes).memory,
    nextCursor,
  };
}
