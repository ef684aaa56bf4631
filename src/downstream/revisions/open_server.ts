import { Cancellation, ChannelClosed, type Peer } from "../../jsonrpc/mod.ts";
import { REVISIONS, STATELESS_REVISION } from "../../revisions.ts";
import { within } from "../../within.ts";
import {
  HandshakeError,
  type OpenServerOptions,
  type ServerCodec,
  type ServerInfo,
  WrongRevision,
} from "./codec.ts";
import { maySpeakStateless } from "./newer_revision.ts";
import { completeInitialization, initialize, v2025 } from "./v2025/mod.ts";
import type { Discovery, FoundStateless } from "./v2026/mod.ts";

/**
 * Time for a server to answer which revisions it speaks: in milliseconds, and as a share of the time for its start. After
 * the shorter of both, it also gets `initialize`, because some servers ignore requests that they do not know.
 */
const SILENCE_MS = 2500;
const SILENCE_SHARE = 0.25;

/** A server that has been opened, and the codec of its revision. */
export interface OpenedServer {
  /** The codec. */
  readonly codec: ServerCodec;
  /** The server's description of itself. */
  readonly info: ServerInfo;
}

/**
 * Opens a server: finds out which revision it speaks, unless that is known, and negotiates the capabilities.
 *
 * @throws {HandshakeError} The server refuses, or speaks no known revision.
 * @throws {WrongRevision} The server has to be connected to again.
 */
export async function openServer(peer: Peer, options: OpenServerOptions): Promise<OpenedServer> {
  const { protocol, knownRevision } = options;
  if (protocol === "legacy") return await openEarlier(peer, options);
  const isKnownEarlier = knownRevision !== undefined && knownRevision !== STATELESS_REVISION;
  if (protocol === "modern" || !isKnownEarlier) return await probe(peer, options);
  try {
    return await openEarlier(peer, options);
  } catch (cause) {
    const isRefused = cause instanceof HandshakeError && cause.rpcError !== undefined &&
      maySpeakStateless(cause.rpcError);
    throw isRefused ? new WrongRevision(undefined, { cause }) : cause;
  }
}

async function openEarlier(peer: Peer, options: OpenServerOptions): Promise<OpenedServer> {
  return confirmEarlier(peer, await initialize(peer, options), options);
}

function confirmEarlier(
  peer: Peer,
  info: ServerInfo,
  { onHeaders }: OpenServerOptions,
): OpenedServer {
  completeInitialization(peer, { info, onHeaders });
  return { codec: v2025, info };
}

/** Asks the server which revisions it speaks, and opens it with the codec of the newest one. */
async function probe(peer: Peer, options: OpenServerOptions): Promise<OpenedServer> {
  const { protocol, isHttp, signal, timeoutMs } = options;
  const silenceMs = Math.min(SILENCE_MS, SILENCE_SHARE * timeoutMs);
  const question = new Cancellation();
  const cancelQuestion = (): void => question.cancel(signal.reason);
  signal.addEventListener("abort", cancelQuestion, { once: true });
  try {
    // Most servers are known to speak an earlier revision, and need none of this.
    const { discover } = await import("./v2026/mod.ts");
    const discovering = discover(peer, { ...options, signal: question });
    const isAnswered = protocol === "modern" || await within(discovering, silenceMs);
    if (!isAnswered) return await openByFirstAnswer(peer, { discovering, options });
    const discovery = await discovering;
    if (discovery.info !== undefined) return await openStateless(discovery, options);
    if (protocol === "modern") throw createNotModernError(discovery.refusal);
    return await openEarlier(peer, options);
  } catch (cause) {
    // Some servers exit when the first message is not `initialize`.
    const hasExited = cause instanceof ChannelClosed && !isHttp && protocol === "auto";
    throw hasExited ? new WrongRevision(REVISIONS[0], { cause }) : cause;
  } finally {
    signal.removeEventListener("abort", cancelQuestion);
    // An unanswered question keeps its connection open. A process would receive a message for it, which some servers
    // do not expect before the end of the handshake.
    if (isHttp) question.cancel("The server is open");
  }
}

/** Sends `initialize`, too, while the question about the revisions is unanswered; the first good answer decides. */
async function openByFirstAnswer(
  peer: Peer,
  { discovering, options }: {
    readonly discovering: Promise<Discovery>;
    readonly options: OpenServerOptions;
  },
): Promise<OpenedServer> {
  const stateless = discovering.then((discovery) => {
    if (discovery.info === undefined) throw new HandshakeError(discovery.refusal);
    return discovery;
  });
  const earlier = initialize(peer, options);
  try {
    const first = await Promise.any([stateless, earlier]);
    return "info" in first
      ? await openStateless(first, options)
      : confirmEarlier(peer, first, options);
  } catch (cause) {
    // Both failed; the answer to `initialize` explains the failure.
    throw cause instanceof AggregateError ? cause.errors[1] : cause;
  }
}

async function openStateless(
  { info, capabilities: serverCapabilities }: FoundStateless,
  options: OpenServerOptions,
): Promise<OpenedServer> {
  const { StatelessCodec } = await import("./v2026/mod.ts");
  return { codec: new StatelessCodec({ ...options, serverCapabilities }), info };
}

function createNotModernError(refusal: string): HandshakeError {
  const message =
    `${refusal}, and "gateway.protocol": "modern" of its entry allows only revision ${STATELESS_REVISION}`;
  return new HandshakeError(message, { isExcluded: true });
}

/**
 * Explains why a server was not opened, if its entry excludes the stateless revision.
 *
 * @param error The failure.
 * @returns The failure itself if the revision may not be its cause.
 */
export function explainExcluded(error: unknown): unknown {
  if (!(error instanceof HandshakeError) || error.rpcError === undefined) return error;
  const { rpcError } = error;
  if (!maySpeakStateless(rpcError)) return error;
  const message =
    `it refused to initialize: ${rpcError.message} (error ${rpcError.code}); it may speak only ` +
    `MCP revision ${STATELESS_REVISION}, which "gateway.protocol": "legacy" of its entry excludes`;
  return new HandshakeError(message, { rpcError, isExcluded: true, cause: error });
}
