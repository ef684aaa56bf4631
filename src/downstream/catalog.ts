import { quoteEscaped, shortenText, startOfText } from "../text.ts";
import {
  AnswerTooLong,
  type CancelSignal,
  JsonText,
  RPC_CODES,
  type RpcError,
} from "../jsonrpc/mod.ts";
import type { Budget } from "../budget.ts";
import { isRecord } from "../json.ts";
import { CatalogMemory } from "./catalog_memory.ts";
import { RemoteFailure } from "./remote_failure.ts";
import { CatalogError, type ToolPage } from "./revisions/mod.ts";
import { refusesSession } from "./session_check.ts";
import { withDeadline } from "../within.ts";

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

/** Size that corresponds to the work on a tool besides that on its text, in bytes. */
const WORK_BYTES_PER_TOOL = 256;

/** Number of left-out tools that are reported one by one. */
const MAX_LEFT_OUT_REPORTED = 20;

/** Maximum time for a server that declares no tools to answer `tools/list`, in milliseconds. */
const UNDECLARED_TIMEOUT_MS = 3000;

/** Maximum length of a quoted name or cursor, in UTF-16 code units. */
const MAX_QUOTE_LENGTH = 80;

/** The reason why the list of a server that has only resources or prompts is empty. */
const NO_TOOLS = "It offers no tools; its resources and prompts are not passed on";

/** Minimum work of a long list, whose tools are handled in steps, in bytes. */
const LONG_LIST_BYTES = 256 * 1024;

/** A tool of a server. */
export interface Tool {
  /** Its name, unique within its server. */
  readonly name: string;
  /** The definition, parsed. */
  readonly definition: Readonly<Record<string, unknown>>;
  /** The definition as the server wrote it, with all its fields. */
  readonly text: JsonText;
}

/** Whether the tool declares that it changes nothing. */
export function isReadOnly({ definition: { annotations } }: Tool): boolean {
  return isRecord(annotations) && annotations.readOnlyHint === true;
}

/** Remarks about a list of tools. */
export interface CatalogNotes {
  /** The reason why the list is empty or incomplete, as a sentence without a full stop. */
  readonly incompleteReason?: string | undefined;
  /** See `Catalog`; default `complete`. */
  readonly completeness?: Catalog["completeness"];
  /** Tools that were left out, and why. */
  readonly leftOutTools?: readonly string[];
  /** The memory that the catalog takes; default: not counted. */
  readonly memory?: CatalogMemory;
}

/** The tools of a server, in its order. */
export class Catalog {
  /** All tools. */
  readonly tools: readonly Tool[];
  /** The reason why the list is empty or incomplete; `undefined` if it is complete. */
  readonly incompleteReason: string | undefined;
  /**
   * Completeness of the list. A `partial` list lacks some pages, and is fetched again later. An `empty` list
   * is not fetched again: the server has no tools.
   */
  readonly completeness: "complete" | "partial" | "empty";
  /** Tools that were left out, and why. */
  readonly leftOutTools: readonly string[];
  /** Whether work on all tools is long work. */
  readonly isLong: boolean;
  readonly #byName: ReadonlyMap<string, Tool>;
  readonly #memory: CatalogMemory | undefined;

  /**
   * Creates the catalog.
   *
   * @param tools The tools, whose names must be unique.
   * @param notes Remarks about the list.
   */
  constructor(tools: readonly Tool[], notes: CatalogNotes = {}) {
    this.tools = tools;
    this.incompleteReason = notes.incompleteReason;
    this.completeness = notes.completeness ?? "complete";
    this.leftOutTools = notes.leftOutTools ?? [];
    const bytes = tools.reduce((sum, { text }) => sum + WORK_BYTES_PER_TOOL + text.json.length, 0);
    this.isLong = bytes > LONG_LIST_BYTES;
    this.#byName = new Map(tools.map((tool) => [tool.name, tool]));
    this.#memory = notes.memory;
    this.#memory?.freeWith(this);
  }

  /** Frees the memory of a catalog that nobody uses, before it is collected as garbage. */
  free(): void {
    this.#memory?.free();
  }

  /** Takes memory for an index of the tools, until `free`; returns whether it fits into the server's share. */
  takeMemory(bytes: number): boolean {
    return this.#memory?.take(bytes) ?? true;
  }

  /** Returns the tool with a name, if there is one. */
  get(name: string): Tool | undefined {
    return this.#byName.get(name);
  }
}

/** The server did not list the first page of its tools in time, although the handshake succeeded. */
export class ToolListTimeout extends DOMException {
  /** Creates a `TimeoutError`. */
  constructor(timeoutMs: number) {
    super(`The tools were not listed within ${timeoutMs} ms`, "TimeoutError");
  }
}

/** Options of fetching a catalog. */
export interface CatalogOptions {
  /** Requests a page: the first if there is no cursor. */
  readonly listPage: (cursor: string | undefined, signal: CancelSignal) => Promise<ToolPage>;
  /** Time for all pages, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether the server declared in its handshake that it has tools. */
  readonly declaresTools: boolean;
  /** Removes secrets from a text of the server, and shortens it. */
  readonly quote: (text: string) => string;
  /** The memory of the server, in which the catalog counts; `undefined` for no limit. */
  readonly memory: Budget | undefined;
}

/**
 * Fetches all pages of a server's tools. If a page after the first fails, the catalog keeps the
 * pages before that page and is `partial`. A server that declares no tools is asked, too, because some
 * servers forget to declare them. If such a server refuses or does not answer, its catalog is `empty`.
 *
 * @throws {CatalogError} if the server answers the first page with an error, or with something that is
 * not a list.
 * @throws {ToolListTimeout} if it does not answer the first page in time.
 */
export async function fetchCatalog(options: CatalogOptions): Promise<Catalog> {
  const memory = new CatalogMemory(options.memory);
  try {
    return await fetchPages(new CatalogBuilder(options.quote, memory), options);
  } catch (error) {
    memory.free();
    throw error;
  }
}

async function fetchPages(builder: CatalogBuilder, options: CatalogOptions): Promise<Catalog> {
  const { listPage, timeoutMs, declaresTools } = options;
  const endsAt = performance.now() + timeoutMs;
  const cursors = new Set<string>();
  let cursor: string | undefined;
  for (let pageNumber = 1;; pageNumber++) {
    let page: ToolPage;
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
        const refusal = cause instanceof CatalogError
          ? cause.cause as RpcError | undefined
          : undefined;
        // An error about the session does not mean that there are no tools.
        const isRefused = refusal !== undefined && !refusesSession(refusal);
        if (!declaresTools && (isSilent || isRefused)) return builder.buildEmpty(NO_TOOLS);
        if (refusal?.code === RPC_CODES.methodNotFound) {
          return builder.buildEmpty(`It declares tools, but ${(cause as Error).message}`);
        }
      }
      if (pageNumber === 1 && isSilent) throw new ToolListTimeout(timeoutMs);
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

/** Builds a catalog from the pages that have arrived. */
class CatalogBuilder {
  readonly #tools = new Map<string, Tool>();
  readonly #leftOutTools: string[] = [];
  readonly #quote: CatalogOptions["quote"];
  readonly #memory: CatalogMemory;
  #leftOutCount = 0;
  #textLength = 0;

  constructor(quote: CatalogOptions["quote"], memory: CatalogMemory) {
    this.#quote = quote;
    this.#memory = memory;
  }

  /** Number of tools. */
  get size(): number {
    return this.#tools.size;
  }

  /**
   * Counts the length and the memory of a page.
   *
   * @throws {CatalogError} if the page makes the list too large.
   */
  countPage({ size, definitions, memory }: ToolPage): void {
    this.#textLength += size;
    if (this.size + definitions.length > MAX_TOOLS) {
      throw new CatalogError(`its list of tools has more than ${MAX_TOOLS} entries`);
    }
    if (this.#textLength > MAX_TOTAL_LENGTH) {
      throw new CatalogError("its list of tools has more than 16 MiB");
    }
    if (!this.#memory.take(memory)) {
      throw new CatalogError(
        "its lists of tools do not fit into its share of the memory, a quarter of GATEWAY_MAX_HELD",
      );
    }
  }

  /** Adds the tools of a page that can be called, and notes the tools that cannot be called. */
  addPage({ definitions, definitionTexts }: ToolPage, pageNumber: number): void {
    for (const [index, definition] of definitions.entries()) {
      const name: unknown = isRecord(definition) ? definition.name : undefined;
      const text = new JsonText(definitionTexts[index] ?? "null");
      const problem = text.json.length > MAX_DEFINITION_LENGTH
        ? "a definition of more than 1 MiB"
        : this.#nameProblem(name);
      if (typeof name === "string" && problem === undefined) {
        this.#tools.set(name, { name, definition: definition as Tool["definition"], text });
      } else if (++this.#leftOutCount <= MAX_LEFT_OUT_REPORTED) {
        const page = pageNumber === 1 ? "" : ` of page ${pageNumber}`;
        this.#leftOutTools.push(`tools[${index}]${page} has ${problem}`);
      }
    }
  }

  /** Returns the catalog of all pages. */
  buildComplete(): Catalog {
    return this.#catalog({});
  }

  /** Returns the catalog of the pages so far. */
  buildPartial(why: string): Catalog {
    const incompleteReason = `Its list of tools is incomplete: ${this.#quote(why)}`;
    return this.#catalog({ incompleteReason, completeness: "partial" });
  }

  /** Returns an empty catalog. */
  buildEmpty(incompleteReason: string): Catalog {
    return this.#catalog({ incompleteReason, completeness: "empty" });
  }

  #catalog(notes: CatalogNotes): Catalog {
    const unreportedCount = this.#leftOutCount - this.#leftOutTools.length;
    const leftOutTools = unreportedCount === 0
      ? this.#leftOutTools
      : [...this.#leftOutTools, `and ${unreportedCount} more`];
    return new Catalog([...this.#tools.values()], {
      ...notes,
      leftOutTools,
      memory: this.#memory,
    });
  }

  /** Describes why a tool with this name cannot be called, as an object of "has"; `undefined` if it can be called. */
  #nameProblem(name: unknown): string | undefined {
    if (typeof name !== "string") return "no name";
    if (name === "") return "an empty name";
    if (name.length > MAX_NAME_LENGTH) return "a name that is too long";
    if (!this.#tools.has(name)) return undefined;
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
  return isTimeout(cause) || cause instanceof CatalogError || cause instanceof AnswerTooLong;
}
