import type { Budget } from "../../budget.ts";
import { isRecord } from "../../json.ts";
import { MAX_URI_LENGTH } from "./uri_template.ts";

/** Maximum number of links that a connection keeps. */
const MAX_LINKS = 5000;

/** Maximum total length of the links that a connection keeps, in UTF-16 code units. */
const MAX_TOTAL_LENGTH = 512 * 1024;

/** Memory of a link besides its URI, in bytes. */
const LINK_BYTES = 150;

/** Maximum number of parts of a result that are searched for links. */
const MAX_PARTS = 10_000;

/** The resources to which results of servers have links, so that the client of a connection can read them. */
export class Links {
  // The URIs in the order of their last use, each with the name of the server that gave it last.
  readonly #servers = new Map<string, string>();
  readonly #memory: (() => Budget) | undefined;
  #length = 0;
  #isClosed = false;

  /**
   * Starts without links.
   *
   * @param memory Returns the budget that the links count against; default: no limit.
   */
  constructor(memory?: () => Budget) {
    this.#memory = memory;
  }

  /** Number of links. */
  get size(): number {
    return this.#servers.size;
  }

  /**
   * Adds the links of a result.
   *
   * @param server The name of the server that answered.
   * @param result The parsed result.
   */
  add(server: string, result: unknown): void {
    if (this.#isClosed) return;
    for (const uri of findLinks(result)) {
      this.#remove(uri);
      this.#servers.set(uri, server);
      this.#length += uri.length;
      this.#memory?.().add(bytesOf(uri));
    }
    for (const [oldest] of this.#servers) {
      const isTooMuch = this.#servers.size > MAX_LINKS || this.#length > MAX_TOTAL_LENGTH ||
        this.#memory?.().hasRoom(0) === false;
      if (!isTooMuch) break;
      this.#remove(oldest);
    }
  }

  /** Removes all links, after the client has left. */
  close(): void {
    this.#isClosed = true;
    for (const uri of this.#servers.keys()) this.#remove(uri);
  }

  /** Returns the server that last gave a URI to the connection. This use keeps the link from being removed next. */
  serverOf(uri: string): string | undefined {
    const server = this.#servers.get(uri);
    if (server === undefined) return undefined;
    this.#servers.delete(uri);
    this.#servers.set(uri, server);
    return server;
  }

  #remove(uri: string): void {
    if (!this.#servers.delete(uri)) return;
    this.#length -= uri.length;
    this.#memory?.().add(-bytesOf(uri));
  }
}

/** Returns the memory of a link, in bytes. */
function bytesOf(uri: string): number {
  return LINK_BYTES + 2 * uri.length;
}

/**
 * Finds the URIs of the resources that a result links to or contains: in the content of a tool's result, in the
 * messages of a prompt, and in the contents of a resource.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/server/tools#resource-links}
 */
function findLinks(result: unknown): string[] {
  if (!isRecord(result)) return [];
  const promptBlocks = partsOf(result.messages).map((message) =>
    isRecord(message) && message.content
  );
  const blocks = [...partsOf(result.content), ...promptBlocks];
  const uris = [...blocks.map(linkOf), ...partsOf(result.contents).map(uriOf)];
  return uris.filter((uri): uri is string =>
    typeof uri === "string" && uri.length <= MAX_URI_LENGTH
  );
}

function partsOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) return [];
  return value.length <= MAX_PARTS ? value : value.slice(0, MAX_PARTS);
}

function linkOf(block: unknown): unknown {
  if (!isRecord(block)) return undefined;
  if (block.type === "resource_link") return block.uri;
  return block.type === "resource" ? uriOf(block.resource) : undefined;
}

function uriOf(value: unknown): unknown {
  return isRecord(value) ? value.uri : undefined;
}
