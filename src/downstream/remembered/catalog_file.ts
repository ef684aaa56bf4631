import { elementTexts, JsonText, measureParseCost, textAt } from "../../jsonrpc/mod.ts";
import { isRecord } from "../../json.ts";
import { type ItemList, LIST_KINDS, type ListKind } from "../catalog/mod.ts";

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
  /** Time when the server was asked which revision it speaks, in milliseconds since 1970; absent if it was not. */
  readonly probedAt?: number;
  /** The description by the server itself, if it has one; at most 200 characters. */
  readonly description?: string;
  /** The flags and the revision from the server's handshake. */
  readonly info: RememberedInfo;
  /** Number of items in each list that is remembered. */
  readonly counts: Readonly<Partial<Record<ListKind, number>>>;
}

/** Texts and flags by name. */
export type RememberedInfo = Readonly<Record<string, string | boolean>>;

/** The parts of a list that a file holds. */
export type RememberedList = Pick<
  ItemList,
  "items" | "completeness" | "incompleteReason" | "leftOut"
>;

/** A list that was read from a file. */
export interface RecalledList extends RememberedList {
  /** The memory that it takes, in bytes. */
  readonly memory: number;
}

/** The lists to remember, by kind. */
export type RememberedLists = Readonly<Partial<Record<ListKind, RememberedList>>>;

/** The lists that were read from a file, by kind. */
export type RecalledLists = Readonly<Partial<Record<ListKind, RecalledList>>>;

/** Returns the bytes of a catalog's file; `undefined` if they would be too many. */
export function encodeCatalog(
  head: Omit<CatalogHead, "format" | "counts">,
  lists: RememberedLists,
): Uint8Array | undefined {
  const entries = Object.entries(lists);
  const length = entries.reduce((sum, [, list]) => sum + lengthOf(list), 0);
  if (length > MAX_FILE_BYTES) return undefined;
  const counts = Object.fromEntries(entries.map(([kind, list]) => [kind, list.items.length]));
  const members = entries.map(([kind, list]) => `"${kind}":${encodeList(list)}`);
  const headText = JSON.stringify({ format: FORMAT, ...head, counts });
  const bytes = new TextEncoder().encode(`${headText}\n{${members.join(",")}}\n`);
  const isTooLarge = bytes.length > MAX_FILE_BYTES || bytes.indexOf(LINE_FEED) > MAX_HEAD_BYTES;
  return isTooLarge ? undefined : bytes;
}

function lengthOf({ items }: RememberedList): number {
  return items.reduce((sum, { text }) => sum + text.json.length, 0);
}

function encodeList({ items, ...notes }: RememberedList): string {
  const { completeness, incompleteReason, leftOut } = notes;
  const names = items.map(({ name }) => name);
  const others = JSON.stringify({ names, completeness, incompleteReason, leftOut });
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

/** Whether a value is a summary of this format. */
export function isHead(value: unknown): value is CatalogHead {
  if (!isRecord(value) || value.format !== FORMAT) return false;
  const { readAt, capabilities, probedAt, description, info, counts } = value;
  return typeof readAt === "number" && typeof capabilities === "string" &&
    ["number", "undefined"].includes(typeof probedAt) &&
    ["string", "undefined"].includes(typeof description) &&
    isRecord(info) && isRecord(counts) &&
    Object.values(info).every((fact) => ["string", "boolean"].includes(typeof fact));
}

/** Returns the part of a file after its first line. */
export function bodyOf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(bytes.indexOf(LINE_FEED) + 1);
}

/**
 * Reads the lists of a file.
 *
 * @param text The file after its first line.
 * @param head Its first line.
 * @returns `undefined` if the file is damaged.
 */
export function decodeLists(text: string, head: CatalogHead): RecalledLists | undefined {
  const value = parse(text);
  if (!isRecord(value)) return undefined;
  const lists = new Map<ListKind, RecalledList>();
  for (const kind of LIST_KINDS) {
    const list = decodeList(value[kind], textAt(text, kind) ?? "");
    if (list?.items.length !== head.counts[kind]) return undefined;
    if (list !== undefined) lists.set(kind, list);
  }
  return Object.fromEntries(lists);
}

function decodeList(value: unknown, text: string): RecalledList | undefined {
  if (!isRecord(value)) return undefined;
  const { names, definitions, completeness, incompleteReason, leftOut } = value;
  if (completeness !== "complete" && completeness !== "empty") return undefined;
  if (incompleteReason !== undefined && typeof incompleteReason !== "string") return undefined;
  if (!isTextList(names) || !Array.isArray(definitions) || !isTextList(leftOut)) return undefined;
  const texts = elementTexts(textAt(text, "definitions") ?? "");
  const isWhole = names.length === definitions.length && names.length === texts.length &&
    new Set(names).size === names.length && definitions.every(isRecord);
  if (!isWhole) return undefined;
  const items = names.map((name, index) => ({
    name,
    definition: definitions[index] ?? {},
    text: new JsonText(texts[index] ?? ""),
  }));
  const { memory } = measureParseCost(text, false);
  return { items, completeness, incompleteReason, leftOut, memory };
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
