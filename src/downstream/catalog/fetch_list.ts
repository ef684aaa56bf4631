import { quoteEscaped, shortenText, startOfText } from "../../text.ts";
import {
  AnswerTooLong,
  type CancelSignal,
  JsonText,
  RPC_CODES,
  type RpcError,
} from "../../jsonrpc/mod.ts";
import type { Budget } from "../../budget.ts";
import { isRecord } from "../../json.ts";
import { type Item, ItemList, type ListNotes } from "./item_list.ts";
import { ListMemory } from "./list_memory.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { type ItemPage, ListError } from "../revisions/mod.ts";
import { refusesSession } from "../session_refusal.ts";
import { withDeadline } from "../../within.ts";

/** Limit of pages, more than any real server has. It ends a list that would never end. */
const MAX_PAGES = 1000;

/** Maximum length of a tool's name, in UTF-16 code units; each pattern of the rules is compared with it. */
const MAX_NAME_LENGTH = 256;

/** Maximum length of a tool's definition, in UTF-16 code units, so that reading it takes few milliseconds. */
const MAX_DEFINITION_LENGTH = 1024 * 1024;

/** Size limit of all definitions of a server together, in UTF-16 code units. */
const MAX_TOTAL_LENGTH = 16 * 1024 * 1024;

/** Limit of tools, ten times as many as the largest servers have. */
const MAX_TOOLS = 10_000;

/** Number of left-out tools that are reported one by one. */
const MAX_LEFT_OUT_REPORTED = 20;

/** Maximum time for a server that declares no tools to answer `tools/list`, in milliseconds. */
const UNDECLARED_TIMEOUT_MS = 3000;

/** Maximum length of a quoted name or cursor, in UTF-16 code units. */
const MAX_QUOTE_LENGTH = 80;

/** The reason why the list of a server that has only resources or prompts is empty. */
const NO_TOOLS = "It offers no tools; its resources and prompts are not passed on";

/** The server did not list the first page of its tools in time, although the handshake succeeded. */
export class ListTimeout extends DOMException {
  /** Creates a `TimeoutError`. */
  constructor(timeoutMs: number) {
    super(`The tools were not listed within ${timeoutMs} ms`, "TimeoutError");
  }
}

/** Options of fetching a list. */
export interface FetchListOptions {
  /** Requests a page: the first if there is no cursor. */
  readonly listPage: (cursor: string | undefined, signal: CancelSignal) => Promise<ItemPage>;
  /** Time for all pages, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether the server declared in its handshake that it has tools. */
  readonly declaresTools: boolean;
  /** Removes secrets from a text of the server, and shortens it. */
  readonly quote: (text: string) => string;
  /** The memory of the server, in which the list counts; `undefined` for no limit. */
  readonly memory: Budget | undefined;
}

/**
 * Fetches all pages of a server's tools. If a page after the first fails, the list keeps the
 * pages before that page and is `partial`. A server that declares no tools is asked, too, because some
 * servers forget to declare them. If such a server refuses or does not answer, its list is `empty`.
 *
 * @throws {ListError} if the server answers the first page with an error, or with something that is
 * not a list.
 * @throws {ListTimeout} if it does not answer the first page in time.
 */
export async function fetchList(options: FetchListOptions): Promise<ItemList> {
  const memory = new ListMemory(options.memory);
  try {
    return await fetchPages(new ListBuilder(options.quote, memory), options);
  } catch (error) {
    memory.free();
    throw error;
  }
}

async function fetchPages(builder: ListBuilder, options: FetchListOptions): Promise<ItemList> {
  const { listPage, timeoutMs, declaresTools } = options;
  const endsAt = performance.now() + timeoutMs;
  const cursors = new Set<string>();
  let cursor: string | undefined;
  for (let pageNumber = 1;; pageNumber++) {
    let page: ItemPage;
    try {
      const remainingMs = Math.max(0, endsAt - performance.now());
      const pageTimeoutMs = pageNumber === 1 && !declaresTools
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
        // An error about the session does not mean that there are no tools.
        const isRefused = refusal !== undefined && !refusesSession(refusal);
        if (!declaresTools && (isSilent || isRefused)) return builder.buildEmpty(NO_TOOLS);
        if (refusal?.code === RPC_CODES.methodNotFound) {
          return builder.buildEmpty(`It declares tools, but ${(cause as Error).message}`);
        }
      }
      if (pageNumber === 1 && isSilent) throw new ListTimeout(timeoutMs);
      if (pageNumber === 1 || !affectsOnlyItsPage(cause)) throw cause;
      const why = isSilent ? "it was not answered in time" : (cause as Error).message;
      return builder.buildPartial(`page ${pageNumber} is missing: ${why}`);
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
  const isEmpty = builder.size === 0 && !declaresTools;
  return isEmpty ? builder.buildEmpty(NO_TOOLS) : builder.buildComplete();
}

/** Builds a list from the pages that have arrived. */
class ListBuilder {
  readonly #items = new Map<string, Item>();
  readonly #leftOut: string[] = [];
  readonly #quote: FetchListOptions["quote"];
  readonly #memory: ListMemory;
  #leftOutCount = 0;
  #textLength = 0;

  constructor(quote: FetchListOptions["quote"], memory: ListMemory) {
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
    this.#textLength += size;
    if (this.size + definitions.length > MAX_TOOLS) {
      throw new ListError(`its list of tools has more than ${MAX_TOOLS} entries`);
    }
    if (this.#textLength > MAX_TOTAL_LENGTH) {
      throw new ListError("its list of tools has more than 16 MiB");
    }
    if (!this.#memory.take(memory)) {
      throw new ListError(
        "its lists of tools do not fit into its share of the memory, a quarter of GATEWAY_MAX_HELD",
      );
    }
  }

  /** Adds the tools of a page that can be called, and notes the tools that cannot be called. */
  addPage({ definitions, definitionTexts }: ItemPage, pageNumber: number): void {
    for (const [index, definition] of definitions.entries()) {
      const name: unknown = isRecord(definition) ? definition.name : undefined;
      const text = new JsonText(definitionTexts[index] ?? "null");
      const problem = text.json.length > MAX_DEFINITION_LENGTH
        ? "a definition of more than 1 MiB"
        : this.#nameProblem(name);
      if (typeof name === "string" && problem === undefined) {
        this.#items.set(name, { name, definition: definition as Item["definition"], text });
      } else if (++this.#leftOutCount <= MAX_LEFT_OUT_REPORTED) {
        const page = pageNumber === 1 ? "" : ` of page ${pageNumber}`;
        this.#leftOut.push(`tools[${index}]${page} has ${problem}`);
      }
    }
  }

  /** Returns the list of all pages. */
  buildComplete(): ItemList {
    return this.#build({});
  }

  /** Returns the list of the pages so far. */
  buildPartial(why: string): ItemList {
    const incompleteReason = `Its list of tools is incomplete: ${this.#quote(why)}`;
    return this.#build({ incompleteReason, completeness: "partial" });
  }

  /** Returns an empty list. */
  buildEmpty(incompleteReason: string): ItemList {
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
      memory: this.#memory,
    });
  }

  /** Describes why a tool with this name cannot be called, as an object of "has"; `undefined` if it can be called. */
  #nameProblem(name: unknown): string | undefined {
    if (typeof name !== "string") return "no name";
    if (name === "") return "an empty name";
    if (name.length > MAX_NAME_LENGTH) return "a name that is too long";
    if (!this.#items.has(name)) return undefined;
    const quoted = quoteEscaped(shortenText(this.#quote(name), MAX_QUOTE_LENGTH));
    return `the duplicate name ${quoted}`;
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
