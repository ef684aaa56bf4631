import {
  elementTexts,
  measureParseCost,
  type Reply,
  RPC_CODES,
  textAt,
} from "../../jsonrpc/mod.ts";
import { isRecord } from "../../json.ts";
import { LIST_WORDS, ListError, type ListKind } from "../catalog/mod.ts";
import type { ItemPage } from "./codec.ts";
import { describeIncomplete, describeKind } from "./describe_value.ts";

/** A kind of list in messages. */
interface ListMessages {
  /** The method that requests a page. */
  readonly method: string;
  /** The member of the result that has the items. */
  readonly member: string;
  /** The member of an item that has its name. */
  readonly nameMember: string;
}

/** The kinds of lists. */
export const LISTS: Readonly<Record<ListKind, ListMessages>> = {
  tools: { method: "tools/list", member: "tools", nameMember: "name" },
  resources: { method: "resources/list", member: "resources", nameMember: "uri" },
  templates: {
    method: "resources/templates/list",
    member: "resourceTemplates",
    nameMember: "uriTemplate",
  },
  prompts: { method: "prompts/list", member: "prompts", nameMember: "name" },
};

/** The notifications of changed lists. */
export const LIST_CHANGES: Readonly<Record<string, readonly ListKind[]>> = {
  "notifications/tools/list_changed": ["tools"],
  "notifications/resources/list_changed": ["resources", "templates"],
  "notifications/prompts/list_changed": ["prompts"],
};

/**
 * Reads the answer to a request for a page of a list.
 *
 * @throws {ListError} The answer is an error, or contains no such list.
 */
export function readPage(kind: ListKind, reply: Reply): ItemPage {
  const { method, member, nameMember } = LISTS[kind];
  if (!reply.ok) {
    const { error } = reply;
    const message = error.code === RPC_CODES.methodNotFound
      ? `it does not know ${method}`
      : `it did not list its ${LIST_WORDS[kind].items}: ${error.message}`;
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
    names: items.map((item) => isRecord(item) ? item[nameMember] : undefined),
    definitions: items,
    definitionTexts: elementTexts(textAt(text.json, member) ?? "[]"),
    size: text.json.length,
    memory: measureParseCost(text.json, text.json.length === bytes).memory,
    nextCursor,
  };
}
