import type { JsonText } from "../../jsonrpc/mod.ts";
import { isRecord } from "../../json.ts";
import type { ListMemory } from "./list_memory.ts";

/** Size that corresponds to the work on an item besides that on its text, in bytes. */
const WORK_BYTES_PER_ITEM = 256;

/** Minimum work of a long list, whose items are handled in steps, in bytes. */
const LONG_LIST_BYTES = 256 * 1024;

/** Maximum length of a URI or a URI template, in UTF-16 code units. */
export const MAX_URI_LENGTH = 4096;

/** The lists that a server has; `templates` are the URI templates of its resources. */
export const LIST_KINDS = ["tools", "resources", "templates", "prompts"] as const;

/** A kind of list. */
export type ListKind = typeof LIST_KINDS[number];

/** The words for a kind of list in messages. */
export interface ListWords {
  /** The items. */
  readonly items: string;
  /** One item, at the beginning of a sentence. */
  readonly title: string;
  /** The name of an item. */
  readonly name: string;
}

/** The words for each kind of list. */
export const LIST_WORDS: Readonly<Record<ListKind, ListWords>> = {
  tools: { items: "tools", title: "Tool", name: "name" },
  resources: { items: "resources", title: "Resource", name: "URI" },
  templates: { items: "resource templates", title: "Resource template", name: "URI template" },
  prompts: { items: "prompts", title: "Prompt", name: "name" },
};

/** An entry of a list of a server: a tool, a resource, a URI template or a prompt. */
export interface Item {
  /** The name of a tool or a prompt, the URI of a resource, or a URI template; unique within its list. */
  readonly name: string;
  /** The definition, parsed. */
  readonly definition: Readonly<Record<string, unknown>>;
  /** The definition as the server wrote it, with all its fields. */
  readonly text: JsonText;
}

/** A tool of a server. */
export type Tool = Item;

/** Whether the tool declares that it changes nothing. */
export function isReadOnly({ definition: { annotations } }: Tool): boolean {
  return isRecord(annotations) && annotations.readOnlyHint === true;
}

/** The reason why an item of a pinned server is held back. */
export type HeldBackReason = "new" | "changed";

/** The items of a list that are held back, and the list as the server gave it. */
export interface HeldBackItems {
  /** The reasons, by name. */
  readonly reasons: ReadonlyMap<string, HeldBackReason>;
  /** The list with all items. */
  readonly whole: ItemList;
}

/** Remarks about a list. */
export interface ListNotes {
  /** The reason why the list is empty or incomplete, as a sentence without a full stop. */
  readonly incompleteReason?: string | undefined;
  /** See `ItemList`; default `complete`. */
  readonly completeness?: ItemList["completeness"];
  /** Items that were left out, and why. */
  readonly leftOut?: readonly string[];
  /** See `ItemList`. */
  readonly ttlMs?: number | undefined;
  /** The memory that the list takes; default: not counted. */
  readonly memory?: ListMemory;
  /** The items that are held back, if any are. */
  readonly heldBack?: HeldBackItems;
}

/** The reasons of a list that holds nothing back. */
const NOTHING_HELD_BACK: ReadonlyMap<string, HeldBackReason> = new Map();

/** One list of a server, in its order. */
export class ItemList {
  /** The items that may be shown and used. */
  readonly items: readonly Item[];
  /**
   * The reasons why items are held back, by name: a person has not accepted the items as they are. Such items are neither
   * shown nor used; only the names and reasons may reach a client.
   */
  readonly heldBack: ReadonlyMap<string, HeldBackReason>;
  /** The list as the server gave it: this one if nothing is held back. */
  readonly whole: ItemList;
  /** The reason why the list is empty or incomplete; `undefined` if it is complete. */
  readonly incompleteReason: string | undefined;
  /**
   * Completeness of the list. A `partial` list lacks some pages, and is fetched again later. An `empty` list
   * is not fetched again: the server has no such items.
   */
  readonly completeness: "complete" | "partial" | "empty";
  /** Items that were left out, and why. */
  readonly leftOut: readonly string[];
  /** Time after which the server may list something else, in milliseconds; `undefined` if it does not say. */
  readonly ttlMs: number | undefined;
  /** Whether work on all items is long work. */
  readonly isLong: boolean;
  readonly #byName: ReadonlyMap<string, Item>;
  readonly #memory: ListMemory | undefined;

  /**
   * Creates the list.
   *
   * @param items The items, whose names must be unique.
   * @param notes Remarks about the list.
   */
  constructor(items: readonly Item[], notes: ListNotes = {}) {
    const { heldBack } = notes;
    this.items = items;
    this.heldBack = heldBack?.reasons ?? NOTHING_HELD_BACK;
    this.whole = heldBack?.whole ?? this;
    this.incompleteReason = notes.incompleteReason;
    this.completeness = notes.completeness ?? "complete";
    this.leftOut = notes.leftOut ?? [];
    this.ttlMs = notes.ttlMs;
    const bytes = items.reduce((sum, { text }) => sum + WORK_BYTES_PER_ITEM + text.json.length, 0);
    this.isLong = bytes > LONG_LIST_BYTES;
    this.#byName = new Map(items.map((item) => [item.name, item]));
    // The memory belongs to the whole list, and is freed with it.
    this.#memory = heldBack === undefined ? notes.memory : heldBack.whole.#memory;
    if (heldBack === undefined) this.#memory?.freeWith(this);
  }

  /** Frees the memory of a list that nobody uses, before it is collected as garbage. */
  free(): void {
    this.#memory?.free();
  }

  /** Takes memory for an index of the items, until `free`; returns whether it fits into the server's share. */
  takeMemory(bytes: number): boolean {
    return this.#memory?.take(bytes) ?? true;
  }

  /** Returns this list without the items that are held back. */
  withoutItems(reasons: ReadonlyMap<string, HeldBackReason>): ItemList {
    if (reasons.size === 0) return this;
    const items = this.items.filter(({ name }) => !reasons.has(name));
    const { completeness, incompleteReason, leftOut, ttlMs } = this;
    const heldBack = { reasons, whole: this };
    return new ItemList(items, { completeness, incompleteReason, leftOut, ttlMs, heldBack });
  }

  /** Returns the item with a name, if there is one. */
  get(name: string): Item | undefined {
    return this.#byName.get(name);
  }
}
