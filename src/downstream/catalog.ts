import {
  type CancelSignal,
  elementTexts,
  JsonText,
  type Peer,
  RPC_CODES,
  textAt,
} from "../jsonrpc/mod.ts";
import { isRecord } from "./handshake.ts";

/** More pages than any server has; one that sends them for ever is cut here. */
const MAX_PAGES = 1000;

/** The longest name that can be called: the longest text argument of a gateway tool. */
const MAX_NAME = 8192;

/** Size that all definitions of a server may have together, in UTF-16 code units. */
const MAX_SIZE = 64 * 1024 * 1024;

/** How many definitions that were left out are told one by one. */
const MAX_ODD = 20;

/** A tool of a server. */
export interface Tool {
  /** Its name, unique within its server. */
  readonly name: string;
  /** The definition, parsed. */
  readonly definition: Readonly<Record<string, unknown>>;
  /** The definition as the server wrote it, every field kept. */
  readonly text: JsonText;
}

/** The tools of a server, in its order. */
export class Catalog {
  /** All tools. */
  readonly tools: readonly Tool[];
  readonly #byName: ReadonlyMap<string, Tool>;

  /**
   * Keeps the tools.
   *
   * @param tools Names are unique.
   */
  constructor(tools: readonly Tool[]) {
    this.tools = tools;
    this.#byName = new Map(tools.map((tool) => [tool.name, tool]));
  }

  /** The tool of that name, if there is one. */
  get(name: string): Tool | undefined {
    return this.#byName.get(name);
  }
}

/** The server did not list its tools; the message goes to the agent. */
export class CatalogError extends Error {
  /** Tells this class from others. */
  override readonly name = "CatalogError";
}

/**
 * Asks a server for all pages of its tools. A definition without a name is left out, one whose name
 * came before too: neither could be called.
 *
 * @param peer The way to the server.
 * @param options What ends the attempt; `onOdd` is told of definitions that were left out.
 * @throws {CatalogError} where the server answers with an error.
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/server/tools#listing-tools}
 */
export async function fetchCatalog(
  peer: Peer,
  options: { readonly signal: CancelSignal; readonly onOdd: (what: string) => void },
): Promise<Catalog> {
  const tools = new Map<string, Tool>();
  const cursors = new Set<string>();
  let cursor: string | undefined;
  let size = 0;
  let odd = 0;
  for (let page = 0; page < MAX_PAGES; page++) {
    const params = cursor === undefined ? {} : { cursor };
    const reply = await peer.request("tools/list", params, { signal: options.signal });
    if (!reply.ok) {
      // A server without tools need not know the method.
      if (reply.error.code === RPC_CODES.methodNotFound) break;
      const message = `it did not list its tools: ${reply.error.message}`;
      throw new CatalogError(message, { cause: reply.error });
    }
    const answer = reply.result.value;
    const { tools: listed, nextCursor } = isRecord(answer) ? answer : {};
    size += reply.result.text.text.length;
    if (size > MAX_SIZE) throw new CatalogError("its list of tools has more than 64 MiB");
    const texts = elementTexts(textAt(reply.result.text.text, "tools") ?? "[]");
    for (const [index, definition] of (Array.isArray(listed) ? listed : []).entries()) {
      const name: unknown = isRecord(definition) ? definition.name : undefined;
      const problem = problemOf(name, tools);
      if (typeof name !== "string" || problem !== undefined) {
        if (++odd <= MAX_ODD) options.onOdd(`tools[${index}] has ${problem}`);
        continue;
      }
      tools.set(name, { name, definition, text: new JsonText(texts[index] ?? "null") });
    }
    if (typeof nextCursor !== "string" || cursors.has(nextCursor)) break;
    cursors.add(nextCursor);
    cursor = nextCursor;
  }
  if (odd > MAX_ODD) options.onOdd(`and ${odd - MAX_ODD} more`);
  return new Catalog([...tools.values()]);
}

/** Why a tool of this name could not be called. */
function problemOf(name: unknown, tools: ReadonlyMap<string, Tool>): string | undefined {
  if (typeof name !== "string") return "no name";
  if (name.length > MAX_NAME) return "a name that is too long";
  return tools.has(name) ? "a name that came before" : undefined;
}
