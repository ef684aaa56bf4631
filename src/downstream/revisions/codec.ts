import type { Budget } from "../../budget.ts";
import type { ForwardedRequest, ProtocolChoice } from "../../config/mod.ts";
import type { Fields } from "../../json.ts";
import type {
  CancelSignal,
  IncomingRequest,
  JsonText,
  Payload,
  Peer,
  Reply,
  RpcError,
} from "../../jsonrpc/mod.ts";
import type { Meta } from "../../trace.ts";
import type { Pausable } from "../../within.ts";
import type { Caller, ClientCapabilities } from "../caller.ts";
import type { ListKind, Tool } from "../catalog/mod.ts";
import type { GivenInput, InputRequest, NeededInput } from "../client_channel.ts";
import type { Invocation } from "../invocation.ts";

/** The part of a server's description of itself that the gateway uses; small, because each session keeps it. */
export interface ServerInfo {
  /** The negotiated revision. */
  readonly revision: string;
  /** Whether the server declares that it has tools. */
  readonly hasTools: boolean;
  /** Whether the server declares that it has resources, which may have URI templates. */
  readonly hasResources: boolean;
  /** Whether the server declares that it has prompts. */
  readonly hasPrompts: boolean;
  /** Whether the server completes arguments of prompts and URI templates. */
  readonly hasCompletions: boolean;
  /** Whether clients can subscribe to the server's resources. */
  readonly canSubscribe: boolean;
  /** Whether the server supports logging. */
  readonly hasLogging: boolean;
  /** Whether the server can run calls of tools as tasks. */
  readonly hasTasks: boolean;
  /** The beginning of its instructions for clients, if it has any. */
  readonly instructions?: string;
  /** The beginning of its name for people, if it has one. */
  readonly title?: string;
  /** The beginning of its name for programs. */
  readonly name?: string;
  /** The beginning of its version. */
  readonly version?: string;
}

/** Options of opening a server. */
export interface OpenServerOptions {
  /** Capabilities that are declared to the server. */
  readonly capabilities: ClientCapabilities;
  /** The gateway's version. */
  readonly version: string;
  /** Cancels the attempt. */
  readonly signal: CancelSignal;
  /** Time after which the attempt is cancelled, in milliseconds. */
  readonly timeoutMs: number;
  /** Receives the HTTP headers of all further messages, before the next one is sent. */
  readonly onHeaders: (headers: Readonly<Record<string, string>>) => void;
  /** The server's name. */
  readonly server: string;
  /** The revisions that the server may speak. */
  readonly protocol: ProtocolChoice;
  /** The revision that the server spoke when it was probed; `undefined` if it must be probed. */
  readonly knownRevision: string | undefined;
  /** Whether the messages are HTTP requests; otherwise the server is a process or in memory. */
  readonly isHttp: boolean;
  /** Called when changes of lists may have been missed. */
  readonly onListsChanged: (lists: readonly ListKind[]) => void;
  /** Called when the update of a resource may have been missed. */
  readonly onResourceUpdated: (update: ResourceUpdate) => void;
}

/** The server does not speak the revision that was assumed, so it has to be opened on another connection. */
export class WrongRevision extends Error {
  /** The name of the class. */
  override readonly name = "WrongRevision";
  /** The revision to assume on the next connection; `undefined` to probe the server. */
  readonly nextRevision: string | undefined;

  /**
   * Creates the error.
   *
   * @param nextRevision The revision to assume on the next connection; `undefined` to probe the server.
   * @param options `cause`: the failure, for the case that there is no next connection.
   */
  constructor(nextRevision: string | undefined, options: ErrorOptions) {
    super("The server does not speak the revision that was assumed", options);
    this.nextRevision = nextRevision;
  }
}

/** The handshake with a server failed because of its answer; the message goes to the agent. */
export class HandshakeError extends Error {
  /** The name of the class. */
  override readonly name = "HandshakeError";
  /** The JSON-RPC error of the answer; `undefined` if the answer was not an error. */
  readonly rpcError: RpcError | undefined;
  /** Whether the server speaks only revisions that are newer than those of the gateway. */
  readonly isNewer: boolean;
  /** Whether the server may speak a revision that `gateway.protocol` of its entry excludes. */
  readonly isExcluded: boolean;

  /**
   * Creates the error.
   *
   * @param message Description of the failure, for the agent.
   * @param options The error of the answer, and whether the server is too new, or its revision excluded.
   */
  constructor(
    message: string,
    { rpcError, isNewer = false, isExcluded = false, ...options }: ErrorOptions & {
      readonly rpcError?: RpcError | undefined;
      readonly isNewer?: boolean;
      readonly isExcluded?: boolean;
    } = {},
  ) {
    super(message, options);
    this.rpcError = rpcError;
    this.isNewer = isNewer;
    this.isExcluded = isExcluded;
  }
}

/** Options of requesting a page of a list. */
export interface ListOptions {
  /** The list. */
  readonly kind: ListKind;
  /** The cursor of the page before it; `undefined` for the first page. */
  readonly cursor: string | undefined;
  /** Cancels the request. */
  readonly signal: CancelSignal;
}

/** One page of a list. */
export interface ItemPage {
  /** The names of the items; any other value where an item has no valid name. */
  readonly names: readonly unknown[];
  /** The definitions of the items, parsed. */
  readonly definitions: readonly unknown[];
  /** The definitions as the server wrote them. */
  readonly definitionTexts: readonly string[];
  /** Size of the whole answer, in UTF-16 code units. */
  readonly size: number;
  /** Memory of the definitions, parsed and as text, in bytes. */
  readonly memory: number;
  /** For each item, why it cannot be used, as an object of "has"; `undefined` where it can. Default: all can be used. */
  readonly problems?: readonly (string | undefined)[];
  /** Cursor of the next page; `undefined` or `null` on the last. */
  readonly nextCursor: unknown;
  /** Time after which the server may list something else, in milliseconds; `undefined` if it does not say. */
  readonly ttlMs?: number | undefined;
}

/** The client of an invocation. */
export interface InvokingClient extends Pick<Caller, "channel" | "awaitsInput"> {
  /** The clock of the invocation, which is paused while the client is asked for input. */
  readonly clock: Pausable;
}

/** Options of an invocation. */
export interface InvokeOptions {
  /** The invocation. */
  readonly invocation: Invocation;
  /** The server's description of itself. */
  readonly info: ServerInfo;
  /** Fields of `_meta`; a progress token among them is replaced. */
  readonly meta: Meta | undefined;
  /** The client of the invocation; `undefined` for an invocation of the gateway itself. */
  readonly client: InvokingClient | undefined;
  /** The input for an invocation that is sent again; `undefined` for a new one. */
  readonly givenInput: GivenInput | undefined;
  /**
   * Finds the tool of the invocation in a new list of the server, and checks again that it may be called. Returns
   * `undefined` if the invocation no longer fits the tool.
   */
  readonly renewTool?: (() => Promise<Tool | undefined>) | undefined;
  /** Cancels the invocation. */
  readonly signal: CancelSignal;
  /** The memory in which the invocation counts until it has been written. */
  readonly memory: Budget | undefined;
  /** Receives the server's progress, with its token among the parameters. */
  readonly onProgress: (params: Readonly<Record<string, unknown>>) => void;
}

/** The answer to an invocation: that of the server, or the input that it needs before it can answer. */
export type InvocationReply = Reply | { readonly needed: NeededInput };

/** A request that changes nothing at the server: a ping, or a request for its tools. */
export type ProbeKind = "alive" | "tools";

/**
 * A request of a server. The gateway answers it itself with `result`, or forwards it to the client, which
 * must have declared the capability. The text that a person reads begins with the server's name.
 */
export type ServerRequest =
  | { readonly kind: "answered"; readonly result: Payload }
  | { readonly kind: "input"; readonly capability: ForwardedRequest; readonly input: InputRequest };

/** The update of a resource that a server has announced. */
export interface ResourceUpdate {
  /** URI of the resource, which may be a part of one that a client has subscribed to. */
  readonly uri: string;
  /** The parameters of the notification, as the server wrote them. */
  readonly params: JsonText;
}

/**
 * A notification of a server that the gateway or the client has a use for. `url-input-done`: the person has finished
 * at the url of an elicitation.
 */
export type ServerNotification =
  | { readonly kind: "lists-changed"; readonly lists: readonly ListKind[] }
  | { readonly kind: "resource-updated"; readonly update: ResourceUpdate }
  | { readonly kind: "log"; readonly params: Fields }
  | { readonly kind: "url-input-done"; readonly elicitationId: string };

/**
 * The special role of a message in a connection, which some transports need to know: `probe` finds out
 * the revision of the server, `open` opens the connection, `opened` completes the opening, `cancel` cancels a request or
 * a task.
 */
export type MessageRole = "probe" | "open" | "opened" | "cancel";

/** Encodes and decodes the messages of a revision on a connection to a server. */
export interface ServerCodec {
  /** Whether a server of this revision may send batches; `undefined` until its revision is known. */
  hasBatches(revision: string | undefined): boolean;
  /**
   * Requests a page of a list: the first if there is no cursor.
   *
   * @throws {ListError} The answer is an error, or contains no such list.
   */
  list(peer: Peer, options: ListOptions): Promise<ItemPage>;
  /** Returns the method of an invocation, for the trace. */
  methodOf(invocation: Invocation): string;
  /**
   * Checks an invocation before it is sent.
   *
   * @throws {CallerError} `INVALID_ARGUMENTS`, if it cannot be sent.
   */
  requireSendable?(invocation: Invocation): void;
  /** Sends an invocation and waits for its answer. */
  invoke(peer: Peer, options: InvokeOptions): Promise<InvocationReply>;
  /**
   * Checks the answer to an invocation; returns whether it is an error of the tool.
   *
   * @throws {DownstreamError} The answer is a result that no client accepts.
   */
  isToolError(
    answer: Reply,
    context: { readonly invocation: Invocation; readonly server: string },
  ): boolean;
  /**
   * Decodes an error that asks for the person to open links; the texts that the person reads begin with the server's
   * name. `undefined` for any other error.
   */
  decodeUrlInputError(error: RpcError, server: string): JsonText | undefined;
  /** Sends a request that changes nothing at the server, and waits for its answer. */
  probe(
    peer: Peer,
    options: { readonly probe: ProbeKind; readonly signal: CancelSignal },
  ): Promise<Reply>;
  /**
   * Whether an error in answer to a probe shows that the server no longer speaks the revision. Absent if only sessions
   * with an id can be refused.
   */
  refusesProbe?(probe: ProbeKind, error: RpcError): boolean;
  /** Sets the least severity of the server's log messages, if the server supports logging. */
  setLogLevel(
    peer: Peer,
    options: {
      readonly level: string;
      readonly info: ServerInfo;
      readonly signal: CancelSignal;
    },
  ): Promise<void>;
  /** Notifies the server that the client's roots have changed. */
  notifyRootsChanged(peer: Peer): void;
  /** Decodes a request of a server; `undefined` if servers may not send it. */
  decodeRequest(request: IncomingRequest, server: string): ServerRequest | undefined;
  /** Decodes a notification of a server, whose message is `text`; `undefined` if there is no use for it. */
  decodeNotification(
    notification: { readonly method: string; readonly params: unknown; readonly text: string },
    server: string,
  ): ServerNotification | undefined;
  /** Starts the background work of the codec. Called when the codec has begun to receive the server's messages. */
  start?(peer: Peer): void;
  /** Starts the background work again after a sleep of the machine, in which messages may have been missed. */
  recover?(): void;
  /** Ends the background work, when the session has ended. */
  close?(): void;
}
