/**
 * Sends HTTP requests to addresses that another machine named, such as the endpoints in a server's
 * metadata. A machine on the internet must not make the gateway send requests inside the network.
 * Imports only leaves.
 *
 * @module
 */
import { type AddressKind, kindOfAddress } from "./address_kind.ts";
import { createByteReader, joinBytes, readBytes } from "./bytes.ts";
import { isBrowserLoopback } from "./loopback.ts";

/** Maximum size of a response; metadata, keys and tokens have a few kilobytes. */
const MAX_BYTES = 1024 * 1024;

/** Maximum number of headers of a response, the same as of `fetch`: Deno takes quadratic time to add many. */
const MAX_HEADERS = 100;

/** Size of one read from a connection, in bytes. */
const READ_BYTES = 16 * 1024;

/** Statuses of responses without a body. */
const BODILESS_STATUSES: ReadonlySet<number> = new Set([204, 205, 304]);

const KIND_NAMES: Readonly<Record<Exclude<AddressKind, "public">, string>> = {
  private: "in a private network",
  loopback: "on this machine",
  "link-local": "link-local",
  reserved: "reserved",
};

/** A machine named an address of a kind that it must not name. */
export class ForbiddenAddressError extends Error {
  /** The class name, because a minifier may shorten it. */
  override readonly name = "ForbiddenAddressError";

  /** The message is a clause whose subject is the machine that named the address. */
  constructor(url: URL, kind: Exclude<AddressKind, "public">) {
    super(`it names ${url.origin}, which is ${KIND_NAMES[kind]}, although its own address is not`);
  }
}

/** Options of the check of a named address. */
export interface UntrustedAddressOptions {
  /** The address of the machine that named the address; the operator has chosen this one. */
  readonly namedBy: string;
  /** Cancels the check and the request; its reason is thrown. */
  readonly signal: AbortSignal;
}

/**
 * Throws if an address must not be used. A machine may name public addresses, and addresses of the same kind as
 * its own. If its own address is loopback, it may also name addresses in a private network.
 *
 * @throws {ForbiddenAddressError}
 */
export async function requireAllowedAddress(
  url: URL,
  options: UntrustedAddressOptions,
): Promise<void> {
  if (hostOf(url) === hostOf(new URL(options.namedBy))) return;
  for (const kind of await resolveKinds(url, options.signal)) {
    await requireAllowedKind(url, kind, options);
  }
}

/**
 * Sends a request to a named address, on a connection of its own: a POST on a pooled connection that
 * is closing would be sent again. The address is checked after the name is resolved, and again when
 * the connection is open, before anything is sent. A proxy that `HTTP_PROXY` and the like set resolves names itself.
 * Follows no redirect.
 *
 * @returns The response with its complete body.
 * @throws {ForbiddenAddressError} Nothing was sent.
 */
export async function fetchUntrusted(
  address: string | URL,
  { namedBy, signal, ...init }: RequestInit & UntrustedAddressOptions,
): Promise<Response> {
  const url = new URL(address);
  await requireAllowedAddress(url, { namedBy, signal });
  if (usesProxy(url)) return await fetchByProxy(url, { ...init, signal });
  await using connection = await openConnection(url, { namedBy, signal });
  try {
    return await sendOver(connection.stream, new Request(url, init));
  } catch (error) {
    // An abort closes the connection, which ends reading and writing with other errors.
    signal.throwIfAborted();
    throw error;
  }
}

async function requireAllowedKind(
  url: URL,
  kind: AddressKind,
  options: UntrustedAddressOptions,
): Promise<void> {
  if (kind === "public") return;
  const namedByKind = await findOwnKind(options);
  const isAllowed = kind === namedByKind || (kind === "private" && namedByKind === "loopback");
  if (!isAllowed) throw new ForbiddenAddressError(url, kind);
}

/**
 * Finds the kind of the `namedBy` machine's own address. DNS alone does not decide, because the owner of a
 * domain can publish any address: the machine must prove its name by TLS. An address in a private network is
 * accepted without TLS, too. Through a proxy nothing is proved, so the machine counts as public.
 */
async function findOwnKind({ namedBy, signal }: UntrustedAddressOptions): Promise<AddressKind> {
  const url = new URL(namedBy);
  const literalKind = kindOfLiteral(hostOf(url));
  if (literalKind !== undefined) return literalKind;
  if (usesProxy(url)) return "public";
  try {
    await using connection = await openConnection(url, { namedBy, signal });
    const isProved = url.protocol === "https:" || connection.kind === "private";
    return isProved ? connection.kind : "public";
  } catch {
    signal.throwIfAborted();
    return "public";
  }
}

/** Returns the kinds of the addresses of a host; empty if they are unknown here. */
async function resolveKinds(url: URL, signal: AbortSignal): Promise<ReadonlySet<AddressKind>> {
  const host = hostOf(url);
  const literalKind = kindOfLiteral(host);
  if (literalKind !== undefined) return new Set([literalKind]);
  const { lookup } = await import("node:dns/promises");
  try {
    const addresses = await untilAborted(lookup(host, { all: true }), signal);
    return new Set(addresses.map(({ address }) => kindOfAddress(address)));
  } catch {
    signal.throwIfAborted();
    // The name is unknown here, or Deno may not resolve it. The address is checked once the connection is open.
    return new Set();
  }
}

/** Returns the kind of a host that is an address or a name of this machine; `undefined` for others. */
function kindOfLiteral(host: string): AddressKind | undefined {
  if (isBrowserLoopback(host)) return "loopback";
  return host.includes(":") || /^\d+(?:\.\d+){3}$/.test(host) ? kindOfAddress(host) : undefined;
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}

/** Whether a proxy that `HTTP_PROXY` and the like set sends the requests. */
function usesProxy(url: URL): boolean {
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const hasProxy = [name, name.toLowerCase(), "ALL_PROXY", "all_proxy"]
    .some((name) => Deno.env.get(name));
  return hasProxy && !bypassesProxy(hostOf(url));
}

/** Whether `NO_PROXY` names a host, itself or by a domain above it, as Deno's `fetch` reads it. */
function bypassesProxy(host: string): boolean {
  const names = (Deno.env.get("NO_PROXY") ?? Deno.env.get("no_proxy") ?? "").split(",");
  return names.map((name) => name.trim().replace(/^\./, "")).filter((name) => name !== "")
    .some((name) => name === "*" || host === name || host.endsWith(`.${name}`));
}

async function fetchByProxy(url: URL, init: RequestInit): Promise<Response> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const response = await fetch(url, { redirect: "manual", ...init, client });
  const body = await readBytes(createByteReader(response.body), MAX_BYTES);
  if (body === undefined) throw new UnusableResponseError("answered with more than 1 MiB");
  return createResponse(body, response);
}

/** A connection, and the kind of the address at its other end. */
interface OpenConnection extends AsyncDisposable {
  readonly stream: Deno.Conn;
  readonly kind: AddressKind;
}

/** Connects to the host of a URL, with TLS for `https`. Sends nothing to a forbidden address. */
async function openConnection(url: URL, options: UntrustedAddressOptions): Promise<OpenConnection> {
  const { signal } = options;
  const isSecure = url.protocol === "https:";
  const hostname = hostOf(url);
  const port = Number(url.port || (isSecure ? 443 : 80));
  let stream: Deno.TcpConn | Deno.TlsConn = await Deno.connect({ hostname, port, signal });
  const close = (): void => {
    try {
      stream.close();
    } catch (error) {
      // It was closed before, or TLS has taken it over.
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  };
  signal.addEventListener("abort", close);
  const dispose = (): Promise<void> => {
    signal.removeEventListener("abort", close);
    close();
    return Promise.resolve();
  };
  try {
    const kind = kindOfAddress(stream.remoteAddr.hostname);
    // The name may have been resolved to another address than before.
    if (hostname !== hostOf(new URL(options.namedBy))) await requireAllowedKind(url, kind, options);
    if (isSecure) {
      const tls = await Deno.startTls(stream, { hostname, alpnProtocols: ["http/1.1"] });
      stream = tls;
      await tls.handshake();
    }
    signal.throwIfAborted();
    return { stream, kind, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    signal.throwIfAborted();
    throw error;
  }
}

/** Sends the only request of a connection. */
async function sendOver(stream: Deno.Conn, request: Request): Promise<Response> {
  const { host, pathname, search } = new URL(request.url);
  const body = new Uint8Array(await request.arrayBuffer());
  const headers = {
    ...Object.fromEntries(request.headers),
    host,
    connection: "close",
    "accept-encoding": "identity",
    "content-length": String(body.length),
  };
  const head = [
    `${request.method} ${pathname}${search} HTTP/1.1`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    "\r\n",
  ].join("\r\n");
  const headBytes = Uint8Array.from(head, (character) => character.charCodeAt(0));
  const bytes = joinBytes([headBytes, body]);
  for (let at = 0; at < bytes.length;) at += await stream.write(bytes.subarray(at));
  return await readResponse(stream);
}

/** Reads the response to the only request on a connection. */
async function readResponse(stream: Deno.Conn): Promise<Response> {
  const [{ HTTPParser }, { Buffer }] = await Promise.all([
    import("http-parser-js"),
    import("node:buffer"),
  ]);
  const parser = new HTTPParser("RESPONSE");
  const headers = new Headers();
  const buffer = Buffer.alloc(READ_BYTES);
  // The body is joined as it arrives, because each byte may arrive by itself.
  const body = new Uint8Array(MAX_BYTES);
  let bodySize = 0;
  let status = 0;
  let hasTooManyHeaders = false;
  let isComplete = false;
  parser[HTTPParser.kOnHeadersComplete] = ({ statusCode, headers: rawHeaders }) => {
    status = statusCode;
    // The headers of an interim response say nothing about the final one.
    if (status < 200) return;
    hasTooManyHeaders = rawHeaders.length > 2 * MAX_HEADERS;
    if (hasTooManyHeaders) return;
    for (let index = 0; index < rawHeaders.length; index += 2) {
      headers.append(rawHeaders[index] ?? "", rawHeaders[index + 1] ?? "");
    }
  };
  parser[HTTPParser.kOnBody] = (chunk, offset, length) => {
    body.set(chunk.subarray(offset, offset + length), bodySize);
    bodySize += length;
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    // A response with a status below 200 is interim: the final one follows.
    isComplete = status >= 200;
  };
  let size = 0;
  while (!isComplete) {
    const count = await stream.read(buffer);
    size += count ?? 0;
    if (size > MAX_BYTES) throw new UnusableResponseError("answered with more than 1 MiB");
    const result = count === null ? parser.finish() : parser.execute(buffer.subarray(0, count));
    if (result instanceof Error) throw result;
    if (hasTooManyHeaders) {
      throw new UnusableResponseError(`answered with more than ${MAX_HEADERS} headers`);
    }
    if (count === null) break;
  }
  if (!isComplete) throw new Error("The connection was closed before the response was complete");
  if ((headers.get("content-encoding") ?? "identity") !== "identity") {
    throw new UnusableResponseError("answered with a compressed body");
  }
  return createResponse(body.slice(0, bodySize), { status, headers });
}

/** A response is too long, has too many headers, or is compressed, although only `identity` was accepted. */
export class UnusableResponseError extends Error {
  /** The class name, because a minifier may shorten it. */
  override readonly name = "UnusableResponseError";
}

/** Creates a response with its complete body. */
function createResponse(
  body: Uint8Array<ArrayBuffer>,
  { status, headers }: Pick<Response, "status" | "headers">,
): Response {
  return new Response(BODILESS_STATUSES.has(status) ? null : body, { status, headers });
}

/** Waits for a promise until a signal aborts, whose reason is then thrown; a later rejection is ignored. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => {});
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
