import { elementTexts, JsonText, type Peer, RPC_CODES, textAt } from "../jsonrpc/mod.ts";
import { isRecord } from "./handshake.ts";

/** More pages than any server has; one that sends them for ever is cut here. */
const MAX_PAGES = 1000;

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
  options: { readonly signal: AbortSignal; readonly onOdd: (what: string) => void },
): Promise<Catalog> {
  const tools = new Map<string, Tool>();
  const cursors = new Set<string>();
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const params = cursor === undefined ? {} : { cursor };
    const reply = await peer.request("tools/list", params, { signal: options.signal });
    if (!reply.ok) {
      // A server without tools need not know the method.
      if (reply.error.code === RPC_CODES.methodNotFound) break;
      throw new CatalogError(`it did not list its tools: ${reply.error.message}`);
    }
    const answer = reply.result.value;
    const { tools: listed, nextCursor } = isRecord(answer) ? answer : {};
    const texts = elementTexts(textAt(reply.result.text.text, "tools") ?? "[]");
    for (const [index, definition] of (Array.isArray(listed) ? listed : []).entries()) {
      const name: unknown = isRecord(definition) ? definition.name : undefined;
      if (typeof name !== "string" || tools.has(name)) {
        options.onOdd(
          `tools[${index}] has ${typeof name === "string" ? "a name that came before" : "no name"}`,
        );
        continue;
      }
      tools.set(name, { name, definition, text: new JsonText(texts[index] ?? "null") });
    }
    if (typeof nextCursor !== "string" || cursors.has(nextCursor)) break;
    cursors.add(nextCursor);
    cursor = nextCursor;
  }
  return new Catalog([...tools.values()]);
}
