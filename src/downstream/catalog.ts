import {
  AnswerTooLong,
  type CancelSignal,
  JsonText,
  RPC_CODES,
  type RpcError,
} from "../jsonrpc/mod.ts";
import { isRecord } from "../json.ts";
import { RemoteFailure } from "./remote_failure.ts";
import { CatalogError, type ToolPage } from "./revisions/mod.ts";
import { refusesSession } from "./session_check.ts";
import { withDeadline } from "../within.ts";

/** Limit of pages: more than any real server has, so that a list without an end is cut. */
const MAX_PAGES = 1000;

/** The longest name that can be called: the longest text argument of a gateway tool. */
const MAX_NAME = 8192;

/** Size limit of all definitions of a server together, in UTF-16 code units. */
const MAX_SIZE = 64 * 1024 * 1024;

/** Limit of tools: more than any real server has; small ones take twenty times their size in memory. */
const MAX_TOOLS = 100_000;

/** Number of skipped definitions that are reported one by one. */
const MAX_REPORTED = 20;

/** Time to answer for a server that declares no tools, in milliseconds. */
const BRIEF_MS = 3000;

/** Maximum length of a quoted name, in UTF-16 code units. */
const MAX_QUOTED_NAME = 80;

/** The reason for the empty list of a server that has only resources or prompts. */
const NO_TOOLS = "It offers no tools; its resources and prompts are not passed on";

/** A tool of a server. */
export interface Tool {
  /** Its name, unique within its server. */
  readonly name: string;
  /** The definition, parsed. */
  readonly definition: Readonly<Record<string, unknown>>;
  /** The definition as the server wrote it, every field kept. */
  readonly text: JsonText;
}

/** Remarks about a list of tools. */
export interface CatalogNotes {
  /** Why the list is empty or not whole, as a sentence without a full stop. */
  readonly incompleteReason?: string | undefined;
  /** See `Catalog`; default `whole`. */
  readonly extent?: Catalog["extent"];
  /** Definitions that were left out, and why. */
  readonly leftOut?: readonly string[];
}

/** The tools of a server, in its order. */
export class Catalog {
  /** All tools. */
  readonly tools: readonly Tool[];
  /** Why there are no tools, or not all of them; `undefined` if nothing is missing. */
  readonly incompleteReason: string | undefined;
  /**
   * Completeness of the list. The rest of a `partial` list may arrive when the server is asked again; if
   * it is `none`, asking again is of no use.
   */
  readonly extent: "whole" | "partial" | "none";
  /** Definitions that were left out, and why. */
  readonly leftOut: readonly string[];
  readonly #byName: ReadonlyMap<string, Tool>;

  /**
   * Creates the catalog.
   *
   * @param tools Names are unique.
   * @param notes Remarks about the list.
   */
  constructor(tools: readonly Tool[], notes: CatalogNotes = {}) {
    this.tools = tools;
    this.incompleteReason = notes.incompleteReason;
    this.extent = notes.extent ?? "whole";
    this.leftOut = notes.leftOut ?? [];
    this.#byName = new Map(tools.map((tool) => [tool.name, tool]));
  }

  /** Returns the tool with a name, if there is one. */
  get(name: string): Tool | undefined {
    return this.#byName.get(name);
  }
}

/** Options of fetching a catalog. */
export interface CatalogOptions {
  /** Asks for a page: the first if there is no cursor. */
  readonly listPage: (cursor: string | undefined, signal: CancelSignal) => Promise<ToolPage>;
  /** Time for all pages, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether the server said in its handshake that it has tools. */
  readonly declaresTools: boolean;
  /** Removes secrets from a text of the server, and shortens it. */
  readonly quote: (text: string) => string;
}

/**
 * Asks a server for all pages of its tools. If a page after the first fails, the catalog keeps the
 * pages before it and is `partial`. A server that declares no tools is asked too, because some forget
 * to declare them; if it refuses or does not answer, it has none.
 *
 * @throws {CatalogError} if the server answers the first page with an error, or with something that is
 * not a list.
 * @throws {DOMException} `TimeoutError` if it does not answer the first page in time.
 */
export async function fetchCatalog(options: CatalogOptions): Promise<Catalog> {
  const { listPage, timeoutMs, declaresTools, quote } = options;
  const endsAt = performance.now() + timeoutMs;
  const gathered = new GatheredTools(quote);
  const cursors = new Set<string>();
  let cursor: string | undefined;
  for (let number = 1;; number++) {
    let page: ToolPage;
    try {
      const left = Math.max(0, endsAt - performance.now());
      const ms = number === 1 && !declaresTools ? Math.min(left, BRIEF_MS) : left;
      page = await withDeadline(ms, (signal) => listPage(cursor, signal));
      gathered.grow(page);
    } catch (cause) {
      const isSilent = isTimeout(cause);
      if (number === 1) {
        const refusal = cause instanceof CatalogError
          ? cause.cause as RpcError | undefined
          : undefined;
        // An error about the session says nothing about the tools.
        const isRefused = refusal !== undefined && !refusesSession(refusal);
        if (!declaresTools && (isSilent || isRefused)) return gathered.none(NO_TOOLS);
        if (refusal?.code === RPC_CODES.methodNotFound) {
          return gathered.none(`It declares tools, but ${(cause as Error).message}`);
        }
      }
      if (number === 1 || !spoilsOnlyItsPage(cause)) throw cause;
      const why = isSilent ? "it was not answered in time" : (cause as Error).message;
      return gathered.partial(`page ${number} is missing: ${why}`);
    }
    gathered.add(page, number);
    const { next } = page;
    if (next === undefined || next === null) break;
    if (typeof next !== "string") {
      const shown = JSON.stringify(next).slice(0, MAX_QUOTED_NAME);
      return gathered.partial(`"nextCursor" of page ${number} is ${shown}, not a string`);
    }
    if (cursors.has(next)) {
      return gathered.partial(`page ${number} has a cursor that an earlier page had`);
    }
    if (number === MAX_PAGES) return gathered.partial(`it has more than ${MAX_PAGES} pages`);
    cursors.add(next);
    cursor = next;
  }
  const isEmpty = gathered.size === 0 && !declaresTools;
  return isEmpty ? gathered.none(NO_TOOLS) : gathered.whole();
}

/** The tools of the pages so far. */
class GatheredTools {
  readonly #tools = new Map<string, Tool>();
  readonly #leftOut: string[] = [];
  readonly #quote: CatalogOptions["quote"];
  #leftOutCount = 0;
  #textSize = 0;

  constructor(quote: CatalogOptions["quote"]) {
    this.#quote = quote;
  }

  /** Number of tools. */
  get size(): number {
    return this.#tools.size;
  }

  /** Counts a page. Throws if the list is too large with it. */
  grow({ size, listed }: ToolPage): void {
    this.#textSize += size;
    if (this.size + listed.length > MAX_TOOLS) {
      throw new CatalogError(`its list of tools has more than ${MAX_TOOLS} entries`);
    }
    if (this.#textSize > MAX_SIZE) throw new CatalogError("its list of tools has more than 64 MiB");
  }

  /** Adds the tools of a page that can be called. */
  add({ listed, texts }: ToolPage, number: number): void {
    for (const [index, definition] of listed.entries()) {
      const name: unknown = isRecord(definition) ? definition.name : undefined;
      const problem = this.#problemOf(name);
      if (typeof name === "string" && problem === undefined) {
        const text = new JsonText(texts[index] ?? "null");
        this.#tools.set(name, { name, definition: definition as Tool["definition"], text });
      } else if (++this.#leftOutCount <= MAX_REPORTED) {
        const page = number === 1 ? "" : ` of page ${number}`;
        this.#leftOut.push(`tools[${index}]${page} has ${problem}`);
      }
    }
  }

  /** Returns the catalog of all pages. */
  whole(): Catalog {
    return this.#catalog({});
  }

  /** Returns the catalog of the pages so far. */
  partial(why: string): Catalog {
    const incompleteReason = `Its list of tools is incomplete: ${this.#quote(why)}`;
    return this.#catalog({ incompleteReason, extent: "partial" });
  }

  /** Returns an empty catalog. */
  none(incompleteReason: string): Catalog {
    return this.#catalog({ incompleteReason, extent: "none" });
  }

  #catalog(notes: CatalogNotes): Catalog {
    const more = this.#leftOutCount - this.#leftOut.length;
    const leftOut = more === 0 ? this.#leftOut : [...this.#leftOut, `and ${more} more`];
    return new Catalog([...this.#tools.values()], { ...notes, leftOut });
  }

  /** Why a tool of this name could not be called. */
  #problemOf(name: unknown): string | undefined {
    if (typeof name !== "string") return "no name";
    if (name === "") return "an empty name";
    if (name.length > MAX_NAME) return "a name that is too long";
    if (!this.#tools.has(name)) return undefined;
    const shown = JSON.stringify(this.#quote(name).slice(0, MAX_QUOTED_NAME));
    return `the duplicate name ${shown}`;
  }
}

function isTimeout(cause: unknown): boolean {
  return cause instanceof DOMException && cause.name === "TimeoutError";
}

/** Whether an error affects neither the pages before it nor later calls. */
function spoilsOnlyItsPage(cause: unknown): boolean {
  if (cause instanceof RemoteFailure) return cause.reach !== "never" && !cause.endsSession;
  return isTimeout(cause) || cause instanceof CatalogError || cause instanceof AnswerTooLong;
}
