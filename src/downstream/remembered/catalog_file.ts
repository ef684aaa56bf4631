import { elementTexts, JsonText, textAt } from "../../jsonrpc/mod.ts";
import { isRecord } from "../../json.ts";
import { type Item, LIST_KINDS, type ListKind } from "../catalog/mod.ts";

/** The version of the format; files of other versions are not read. */
const FORMAT = 1;

/** Maximum size of a file, in bytes. A larger catalog is not remembered. */
export const MAX_FILE_BYTES: number = 16 * 1024 * 1024;

/** Maximum size of the first line of a file, in bytes. */
export const MAX_HEAD_BYTES: number = 8 * 1024;

const LINE_FEED = 10;

/** The summary of a catalog: the first line of its file. */
export interface CatalogHead {
  /** The version of the format. */
  readonly format: number;
  /** Time when the lists were read from the server, in milliseconds since 1970. */
  readonly readAt: number;
  /** Key of the capabilities that were declared to the server. */
  readonly capabilities: string;
  /** The description by the server itself, if it has one; at most 200 characters. */
  readonly description?: string;
  /** The features that it declared in its handshake. */
  readonly offers: readonly string[];
  /** Number of items in each list. */
  readonly counts: Readonly<Record<ListKind, number>>;
}

/** One list. */
export interface RememberedList {
  /** Its items, in the server's order. */
  readonly items: readonly Item[];
  /** Whether the server has no such list, and the reason why the list is empty. */
  readonly isAbsent: boolean;
  /** A remark about the list. */
  readonly remark?: string | undefined;
  /** Items that were left out, and why. */
  readonly leftOut: readonly string[];
}

/** All lists. */
export type RememberedLists = Readonly<Record<ListKind, RememberedList>>;

/** Returns the bytes of a file; `undefined` if they would be too many. */
export function encodeCatalog(
  head: Omit<CatalogHead, "format" | "counts">,
  lists: RememberedLists,
): Uint8Array | undefined {
  const length = LIST_KINDS.reduce((sum, kind) => sum + lengthOf(lists[kind]), 0);
  if (length > MAX_FILE_BYTES) return undefined;
  const counts = Object.fromEntries(LIST_KINDS.map((kind) => [kind, lists[kind].items.length]));
  const members = LIST_KINDS.map((kind) => `"${kind}":${encodeList(lists[kind])}`);
  const headText = JSON.stringify({ format: FORMAT, ...head, counts });
  const bytes = new TextEncoder().encode(`${headText}\n{${members.join(",")}}\n`);
  const isTooLarge = bytes.length > MAX_FILE_BYTES || bytes.indexOf(LINE_FEED) > MAX_HEAD_BYTES;
  return isTooLarge ? undefined : bytes;
}

function lengthOf({ items }: RememberedList): number {
  return items.reduce((sum, { text }) => sum + text.json.length, 0);
}

function encodeList({ items, isAbsent, remark, leftOut }: RememberedList): string {
  const others = JSON.stringify({
    names: items.map(({ name }) => name),
    isAbsent,
    remark,
    leftOut,
  });
  // The definitions are inserted as text, exactly as the server wrote them.
  return `{"definitions":[${items.map(({ text }) => text.json).join(",")}],${others.slice(1)}`;
}

/**
 * Reads the first line of a file.
 *
 * @param bytes The file, or at least its first `MAX_HEAD_BYTES`.
 * @returns `undefined` if it is damaged, or of another format.
 */
export function decodeHead(bytes: Uint8Array): CatalogHead | undefined {
  const end = bytes.indexOf(LINE_FEED);
  if (end < 0) return undefined;
  const value = parse(new TextDecoder().decode(bytes.subarray(0, end)));
  return isHead(value) ? value : undefined;
}

function isHead(value: unknown): value is CatalogHead {
  if (!isRecord(value) || value.format !== FORMAT) return false;
  const { readAt, capabilities, description, offers, counts } = value;
  return typeof readAt === "number" && typeof capabilities === "string" &&
    ["string", "undefined"].includes(typeof description) &&
    isTextList(offers) && isRecord(counts) &&
    LIST_KINDS.every((kind) => Number.isSafeInteger(counts[kind]));
}

/**
 * Reads the lists of a file.
 *
 * @param bytes The whole file, whose head is valid.
 * @returns `undefined` if the file is damaged.
 */
export function decodeLists(bytes: Uint8Array, head: CatalogHead): RememberedLists | undefined {
  const text = new TextDecoder().decode(bytes.subarray(bytes.indexOf(LINE_FEED) + 1));
  const value = parse(text);
  if (!isRecord(value)) return undefined;
  const lists = new Map<ListKind, RememberedList>();
  for (const kind of LIST_KINDS) {
    const list = decodeList(value[kind], textAt(text, kind) ?? "");
    if (list?.items.length !== head.counts[kind]) return undefined;
    lists.set(kind, list);
  }
  return Object.fromEntries(lists) as RememberedLists;
}

function decodeList(value: unknown, text: string): RememberedList | undefined {
  if (!isRecord(value)) return undefined;
  const { names, definitions, isAbsent, remark, leftOut } = value;
  if (!isTextList(names) || !Array.isArray(definitions) || !isTextList(leftOut)) return undefined;
  if (typeof isAbsent !== "boolean" || !["string", "undefined"].includes(typeof remark)) {
    return undefined;
  }
  const texts = elementTexts(textAt(text, "definitions") ?? "");
  const isWhole = names.length === definitions.length && names.length === texts.length &&
    new Set(names).size === names.length && definitions.every(isRecord);
  if (!isWhole) return undefined;
  const items = names.map((name, index) => ({
    name,
    definition: definitions[index] ?? {},
    text: new JsonText(texts[index] ?? ""),
  }));
  return { items, isAbsent, remark: remark as string | undefined, leftOut };
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === "string");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
