import { type Fields, fieldsOf } from "../../../json.ts";
import { DownstreamError } from "../../../errors.ts";
import {
  JsonParts,
  JsonText,
  type Payload,
  type Peer,
  type Reply,
  type RequestOptions,
} from "../../../jsonrpc/mod.ts";
import { STATELESS_CODES } from "../../../revisions.ts";
import type { GivenInput } from "../../client_channel.ts";
import type { Invocation } from "../../invocation.ts";
import type {
  InvocationReply,
  InvokeOptions,
  ItemPage,
  ListOptions,
  OpenServerOptions,
  ProbeKind,
  ServerCodec,
  ServerNotification,
} from "../codec.ts";
import { isToolError, methodOf, writeInvocationMembers } from "../invocations.ts";
import { LISTS, readPage } from "../lists.ts";
import { decodeNotification } from "../notifications.ts";
import { DISCOVER } from "./discover.ts";
import { invocationHeaders, requestHeaders } from "./headers.ts";
import { askForInput } from "./input_rounds.ts";
import { Listening } from "./listening.ts";
import { findHeaderProblems } from "./mirrored_arguments.ts";
import { readNeededInput } from "./needed_input.ts";
import {
  withoutConnectionMeta,
  withoutReservedMeta,
  withoutRevisionMembers,
} from "./revision_members.ts";
import { RequestMeta } from "./request_meta.ts";

/** Maximum number of times that the client is asked for input during one invocation. */
const MAX_ROUNDS = 8;

/** Options of the codec of a session. */
export interface StatelessOptions extends
  Pick<
    OpenServerOptions,
    "capabilities" | "version" | "server" | "isHttp" | "onListsChanged" | "onResourceUpdated"
  > {
  /** The capabilities of the server. */
  readonly serverCapabilities: Fields;
}

/**
 * The codec of the stateless revision for one session. Each request says which capabilities the client has; a server
 * never sends a request, but asks for input with its answer.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic}
 */
export class StatelessCodec implements ServerCodec {
  readonly #options: StatelessOptions;
  readonly #meta: RequestMeta;
  readonly #listening: Listening;

  /**
   * Creates the codec of a session.
   *
   * @param options The server, and the capabilities that are declared to it.
   */
  constructor(options: StatelessOptions) {
    this.#options = options;
    this.#meta = new RequestMeta(options.capabilities, options.version);
    this.#listening = new Listening({ ...options, meta: this.#meta });
  }

  start(peer: Peer): void {
    this.#listening.start(peer, this.#options.serverCapabilities);
  }

  hasBatches(): boolean {
    return false;
  }

  async list(peer: Peer, { kind, cursor, signal }: ListOptions): Promise<ItemPage> {
    const { method } = LISTS[kind];
    const cursorMember = cursor === undefined ? "" : `"cursor":${JSON.stringify(cursor)},`;
    const params = new JsonText(`{${cursorMember}"_meta":${this.#meta.write()}}`);
    const reply = await peer.request(method, params, this.#withHeaders(method, { signal }));
    const page = { ...readPage(kind, reply), ttlMs: readTtl(reply) };
    if (kind !== "tools" || !this.#options.isHttp) return page;
    return { ...page, problems: await findHeaderProblems(page, this.#options.server) };
  }

  requireSendable(invocation: Invocation): void {
    if (this.#options.isHttp) invocationHeaders(invocation);
  }

  methodOf(invocation: Invocation): string {
    return methodOf(invocation);
  }

  async invoke(peer: Peer, options: InvokeOptions): Promise<InvocationReply> {
    const { client, invocation } = options;
    switch (invocation.kind) {
      case "subscribe":
        return await this.#listening.subscribe(invocation.uri, options.signal);
      case "unsubscribe":
        return this.#listening.unsubscribe(invocation.uri);
    }
    let { givenInput } = options;
    let elicitationIds: readonly string[] = [];
    for (let round = 0;; round++) {
      const reply = await this.#send(peer, options, givenInput);
      for (const elicitationId of elicitationIds) {
        client?.channel.notifyUrlInputDone({ elicitationId });
      }
      if (!reply.ok) return reply;
      const { server, capabilities: declared } = this.#options;
      const neededInput = mayNeedInput(invocation)
        ? readNeededInput(reply.result, { server, declared })
        : undefined;
      if (neededInput === undefined) {
        return { ok: true, result: withoutRevisionMembers(reply.result) };
      }
      const relaysInput = client?.channel.relaysInput === true && client.awaitsInput !== true;
      if (client === undefined || relaysInput) return { needed: neededInput };
      if (round === MAX_ROUNDS) throw createTooManyRoundsError(server);
      const inputOrReply = await askForInput(neededInput, { ...client, signal: options.signal });
      if ("ok" in inputOrReply) return inputOrReply;
      ({ givenInput, elicitationIds } = inputOrReply);
    }
  }

  isToolError(
    answer: Reply,
    context: { readonly invocation: Invocation; readonly server: string },
  ): boolean {
    return isToolError(answer, context);
  }

  decodeUrlInputError(): undefined {
    return undefined;
  }

  async probe(
    peer: Peer,
    { probe, signal }: { readonly probe: ProbeKind; readonly signal: InvokeOptions["signal"] },
  ): Promise<Reply> {
    const method = probe === "alive" ? DISCOVER : LISTS.tools.method;
    const params = new JsonText(`{"_meta":${this.#meta.write()}}`);
    return await peer.request(method, params, this.#withHeaders(method, { signal }));
  }

  /** A server of this revision never answers `server/discover` with an error. */
  refusesProbe(probe: ProbeKind): boolean {
    return probe === "alive";
  }

  /** Each request names the level of its own log messages. */
  setLogLevel(): Promise<void> {
    return Promise.resolve();
  }

  /** A server asks for the roots when it needs them. */
  notifyRootsChanged(): void {}

  /** Servers send no requests. */
  decodeRequest(): undefined {
    return undefined;
  }

  decodeNotification(
    notification: { readonly method: string; readonly params: unknown; readonly text: string },
    server: string,
  ): ServerNotification | undefined {
    const { method, params } = notification;
    if (this.#listening.receive(method, params)) return undefined;
    const decoded = decodeNotification(notification, server);
    switch (decoded?.kind) {
      case "log":
        return { kind: "log", params: withoutReservedMeta(decoded.params) };
      case "resource-updated":
        return { kind: "resource-updated", update: withoutConnectionMeta(decoded.update) };
      default:
        return decoded;
    }
  }

  recover(): void {
    this.#listening.recover();
  }

  close(): void {
    this.#listening.close();
  }

  /** Sends an invocation. Sends it once more if its headers do not fit the tool, because the definition may have changed. */
  async #send(
    peer: Peer,
    options: InvokeOptions,
    givenInput: GivenInput | undefined,
  ): Promise<Reply> {
    const reply = await this.#sendOnce(peer, options, givenInput);
    const { invocation, renewTool } = options;
    const isMismatch = !reply.ok && reply.error.code === STATELESS_CODES.headerMismatch;
    if (!isMismatch || !this.#options.isHttp || invocation.kind !== "tool") return reply;
    const tool = await renewTool?.();
    if (tool === undefined) return reply;
    return await this.#sendOnce(
      peer,
      { ...options, invocation: { ...invocation, tool } },
      givenInput,
    );
  }

  #sendOnce(
    peer: Peer,
    options: InvokeOptions,
    givenInput: GivenInput | undefined,
  ): Promise<Reply> {
    const { invocation, signal, memory, onProgress } = options;
    const method = methodOf(invocation);
    const params = (id: number): Payload => this.#writeParams(options, givenInput, id);
    const headers = this.#options.isHttp ? invocationHeaders(invocation) : undefined;
    return peer.request(method, params, { signal, memory, onProgress, headers });
  }

  #writeParams(
    { invocation, meta, client }: InvokeOptions,
    givenInput: GivenInput | undefined,
    progressToken: number,
  ): JsonParts {
    const metaText = this.#meta.write({
      progressToken,
      logLevel: client?.channel.logLevel(),
      meta,
    });
    const responses = givenInput?.responses;
    const state = givenInput?.state;
    return new JsonParts(
      "{",
      ...writeInvocationMembers(invocation),
      ...(responses === undefined ? [] : [',"inputResponses":', responses.json]),
      state === undefined ? "" : `,"requestState":${JSON.stringify(state)}`,
      `,"_meta":${metaText}}`,
    );
  }

  #withHeaders(method: string, options: RequestOptions): RequestOptions {
    return this.#options.isHttp ? { ...options, headers: requestHeaders(method) } : options;
  }
}

/** Whether a server may answer an invocation with a request for input. */
function mayNeedInput({ kind }: Invocation): boolean {
  return kind === "tool" || kind === "prompt" || kind === "resource";
}

/** Returns the time for which a list stays valid, in milliseconds; `undefined` if the server does not say. */
function readTtl(reply: Reply): number | undefined {
  const { ttlMs } = reply.ok ? fieldsOf(reply.result.value) : {};
  return typeof ttlMs === "number" && ttlMs >= 0 ? ttlMs : undefined;
}

function createTooManyRoundsError(server: string): DownstreamError {
  const message = `Server "${server}" asked for input more than ${MAX_ROUNDS} times during one ` +
    "call; the call is not complete.";
  return new DownstreamError("SERVER_UNAVAILABLE", server, message);
}
