import { quoteEscaped, shortenText, startOfText } from "../../text.ts";
import {
  AnswerTooLong,
  type CancelSignal,
  JsonText,
  RPC_CODES,
  type RpcError,
} from "../../jsonrpc/mod.ts";
import type { Budget } from "../../budget.ts";
import {
  type Item,
  ItemList,
  LIST_WORDS,
  type ListKind,
  type ListNotes,
  type ListWords,
  MAX_URI_LENGTH,
} from "./item_list.ts";
import { ListError, ListTimeout } from "./list_error.ts";
import { ListMemory } from "./list_memory.ts";
import { RemoteFailure } from "../remote_failure.ts";
import type { ItemPage } from "../revisions/mod.ts";
import { refusesSession } from "../session_refusal.ts";
import { withDeadline } from "../../within.ts";

/** Limit of pages, more than any real server has. It ends a list that would never end. */
const MAX_PAGES = 1000;

/** Maximum length of a name, in UTF-16 code units; each pattern of the rules is compared with it. */
const MAX_NAME_LENGTH = 256;

/** Maximum length of the definition of an item, in UTF-16 code units, so that reading it takes few milliseconds. */
const MAX_DEFINITION_LENGTH = 1024 * 1024;

/** Size limit of all definitions of a list together, in UTF-16 code units. */
const MAX_TOTAL_LENGTH = 16 * 1024 * 1024;

/** Limit of the items of a list, ten times as many as the largest servers have. */
const MAX_ITEMS = 10_000;

/** Number of left-out items that are reported one by one. */
const MAX_LEFT_OUT_REPORTED = 20;

/** Maximum time for a server that declares no tools to answer `tools/list`, in milliseconds. */
const UNDECLARED_TIMEOUT_MS = 3000;

/** Maximum length of a quoted name or cursor, in UTF-16 code units. */
const MAX_QUOTE_LENGTH = 80;

/** Options of fetching a list. */
export interface FetchListOptions {
  /** The list. */
  readonly kind: ListKind;
  /** Requests a page: the first if there is no cursor. */
  readonly listPage: (cursor: string | undefined, signal: CancelSignal) => Promise<ItemPage>;
  /** Time for all pages, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether the server declared in its handshake that it has such items. */
  readonly isDeclared: boolean;
  /** Removes secrets from a text of the server, and shortens it. */
  readonly quote: (text: string) => string;
  /** The memory of the server, in which the list counts; `undefined` for no limit. */
  readonly memory: Budget | undefined;
}

/**
 * Fetches all pages of a list. If a page after the first fails, the list keeps the
 * pages before that page and is `partial`. If a server does not declare the list and refuses or
 * does not answer, its list is `empty`.
 *
 * @throws {ListError} if the server answers the first page with an error, or with something that is
 * not a list.
 * @throws {ListTimeout} if it does not answer the first page in time.
 */
export async function fetchList(options: FetchListOptions): Promise<ItemList> {
  const memory = new ListMemory(options.memory);
  try {
    return await fetchPages(new ListBuilder(options, memory), options);
  } catch (error) {
    memory.free();
    throw error;
  }
}

async function fetchPages(builder: ListBuilder, options: FetchListOptions): Promise<ItemList> {
  const { kind, listPage, timeoutMs, isDeclared } = options;
  const endsAt = performance.now() + timeoutMs;
  const cursors = new Set<string>();
  let cursor: string | undefined;
  for (let pageNumber = 1;; pageNumber++) {
    let page: ItemPage;
    try {
      const remainingMs = Math.max(0, endsAt - performance.now());
      const pageTimeoutMs = pageNumber === 1 && !isDeclared
        ? Math.min(remainingMs, UNDECLARED_TIMEOUT_MS)
        : remainingMs;
      page = await withDeadline(pageTimeoutMs, (signal) => listPage(cursor, signal));
      builder.countPage(page);
    } catch (cause) {
      const isSilent = isTimeout(cause);
      if (pageNumber === 1) {
        const refusal = cause instanceof ListError
          ? cause.cause as RpcError | undefined
          : undefined;
        // An error about the session does not mean that there are no items.
        const isRefused = refusal !== undefined && !refusesSession(refusal);
        if (!isDeclared && (isSilent || isRefused)) return builder.buildEmpty();
        if (refusal?.code === RPC_CODES.methodNotFound) {
          // Servers with resources need not have templates, for which there is no capability.
          return kind === "templates" ? builder.buildEmpty() : builder.buildEmpty(
            `It declares ${LIST_WORDS[kind].items}, but ${(cause as Error).message}`,
          );
        }
      }
      if (pageNumber === 1 && isSilent) throw new ListTimeout(kind, timeoutMs);
      if (pageNumber === 1 || !affectsOnlyItsPage(cause)) throw cause;
      const reason = isSilent ? "it was not answered in time" : (cause as Error).message;
      return builder.buildPartial(`page ${pageNumber} is missing: ${reason}`);
    }
    builder.addPage(page, pageNumber);
    const { nextCursor } = page;
    if (nextCursor === undefined || nextCursor === null) break;
    if (typeof nextCursor !== "string") {
      const quoted = startOfText(JSON.stringify(nextCursor), MAX_QUOTE_LENGTH);
      return builder.buildPartial(`"nextCursor" of page ${pageNumber} is ${quoted}, not a string`);
    }
    if (cursors.has(nextCursor)) {
      return builder.buildPartial(`page ${pageNumber} has a cursor that an earlier page had`);
    }
    if (pageNumber === MAX_PAGES) {
      return builder.buildPartial(`it has more than ${MAX_PAGES} pages`);
    }
    cursors.add(nextCursor);
    cursor = nextCursor;
  }
  const isEmpty = builder.size === 0 && !isDeclared;
  return isEmpty ? builder.buildEmpty() : builder.buildComplete();
}

/** Builds a list from the pages that have arrived. */
class ListBuilder {
  readonly #items = new Map<string, Item>();
  readonly #leftOut: string[] = [];
  readonly #words: ListWords;
  readonly #quote: FetchListOptions["quote"];
  readonly #maxNameLength: number;
  readonly #memory: ListMemory;
  #ttlMs: number | undefined;
  #leftOutCount = 0;
  #textLength = 0;

  constructor(
    { kind, quote }: Pick<FetchListOptions, "kind" | "quote">,
    memory: ListMemory,
  ) {
    this.#words = LIST_WORDS[kind];
    const hasUris = kind === "resources" || kind === "templates";
    this.#maxNameLength = hasUris ? MAX_URI_LENGTH : MAX_NAME_LENGTH;
    this.#quote = quote;
    this.#memory = memory;
  }

  /** Number of items. */
  get size(): number {
    return this.#items.size;
  }

  /**
   * Counts the length and the memory of a page.
   *
   * @throws {ListError} if the page makes the list too large.
   */
  countPage({ size, definitions, memory }: ItemPage): void {
    const { items } = this.#words;
    this.#textLength += size;
    if (this.size + definitions.length > MAX_ITEMS) {
      throw new ListError(`its list of ${items} has more than ${MAX_ITEMS} entries`);
    }
    if (this.#textLength > MAX_TOTAL_LENGTH) {
      throw new ListError(`its list of ${items} has more than 16 MiB`);
    }
    if (!this.#memory.take(memory)) {
      throw new ListError(
        `its lists of ${items} do not fit into its share of the memory, a quarter of GATEWAY_MAX_HELD`,
      );
    }
  }

  /** Adds the items of a page that can be used, and notes the items that cannot be used. */
  addPage(
    { names, definitions, definitionTexts, problems, ttlMs }: ItemPage,
    pageNumber: number,
  ): void {
    if (ttlMs !== undefined) this.#ttlMs = Math.min(ttlMs, this.#ttlMs ?? Infinity);
    for (const [index, definition] of definitions.entries()) {
      const name = names[index];
      const text = new JsonText(definitionTexts[index] ?? "null");
      const problem = text.json.length > MAX_DEFINITION_LENGTH
        ? "a definition of more than 1 MiB"
        : this.#describeNameProblem(name) ?? this.#addName(problems?.[index], name);
      if (typeof name === "string" && problem === undefined) {
        this.#items.set(name, { name, definition: definition as Item["definition"], text });
      } else if (++this.#leftOutCount <= MAX_LEFT_OUT_REPORTED) {
        const page = pageNumber === 1 ? "" : ` of page ${pageNumber}`;
        this.#leftOut.push(`${this.#words.items}[${index}]${page} has ${problem}`);
      }
    }
  }

  /** Returns the list of all pages. */
  buildComplete(): ItemList {
    return this.#build({});
  }

  /** Returns the list of the pages so far. */
  buildPartial(reason: string): ItemList {
    const incompleteReason = `Its list of ${this.#words.items} is incomplete: ${
      this.#quote(reason)
    }`;
    return this.#build({ incompleteReason, completeness: "partial" });
  }

  /** Returns an empty list. */
  buildEmpty(incompleteReason?: string): ItemList {
    return this.#build({ incompleteReason, completeness: "empty" });
  }

  #build(notes: ListNotes): ItemList {
    const unreportedCount = this.#leftOutCount - this.#leftOut.length;
    const leftOut = unreportedCount === 0
      ? this.#leftOut
      : [...this.#leftOut, `and ${unreportedCount} more`];
    return new ItemList([...this.#items.values()], {
      ...notes,
      leftOut,
      ttlMs: this.#ttlMs,
      memory: this.#memory,
    });
  }

  /** Adds the name of the item to the description of its problem, if there is one. */
  #addName(problem: string | undefined, name: unknown): string | undefined {
    if (problem === undefined) return undefined;
    return `${this.#quote(problem)} (${this.#quoteName(String(name))})`;
  }

  #quoteName(name: string): string {
    return quoteEscaped(shortenText(this.#quote(name), MAX_QUOTE_LENGTH));
  }

  /** Describes why an item with this name cannot be used, as an object of "has"; `undefined` if it can be used. */
  #describeNameProblem(name: unknown): string | undefined {
    const { name: word } = this.#words;
    if (typeof name !== "string") return `no ${word}`;
    if (name === "") return `an empty ${word}`;
    if (name.length > this.#maxNameLength) return `a ${word} that is too long`;
    if (!this.#items.has(name)) return undefined;
    return `the duplicate ${word} ${this.#quoteName(name)}`;
  }
}

function isTimeout(cause: unknown): boolean {
  return cause instanceof DOMException && cause.name === "TimeoutError";
}

/** Whether the failure of a page leaves the pages before it, and later calls, unaffected. */
function affectsOnlyItsPage(cause: unknown): boolean {
  if (cause instanceof RemoteFailure) return cause.reach !== "never" && !cause.endsSession;
  return isTimeout(cause) || cause instanceof ListError || cause instanceof AnswerTooLong;
}
