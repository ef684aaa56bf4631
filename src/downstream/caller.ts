import type { CancelSignal, JsonText, Payload, Reply } from "../jsonrpc/mod.ts";
import type { Span } from "../trace.ts";
import type { Catalog, Tool } from "./catalog.ts";
import { isRecord } from "./handshake.ts";

/** Capabilities that a client declared, as in its `initialize`. */
export type ClientCapabilities = Readonly<Record<string, unknown>>;

/**
 * Whether a client can show links: it declared `elicitation.url`, an object.
 *
 * @param client A client's connection, or a call of it.
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#capabilities}
 */
export function supportsUrlElicitation(
  { capabilities: { elicitation } }: { readonly capabilities: ClientCapabilities },
): boolean {
  return isRecord(elicitation) && isRecord(elicitation.url);
}

/** A server's request on its way to the client. */
export interface ForwardedRequest {
  /** Its method, such as `elicitation/create`. */
  readonly method: string;
  /** Its parameters, as the server wrote them. */
  readonly params: Payload | undefined;
  /** Takes the request back. */
  readonly signal: CancelSignal;
}

/** The back channel to the client of a call, for requests and notifications of the server. */
export interface ClientChannel {
  /** Sends a server's request on to the client. */
  request(request: ForwardedRequest): Promise<Reply>;
  /** Sends a server's notification on to the client. */
  notify(method: string, params: Payload | undefined): void;
  /** Returns the least severity of log messages that the client asked for, if it did. */
  logLevel(): string | undefined;
}

/** The client and the agent that a call is for. */
export interface Caller {
  /** Id of the client's connection to the gateway. */
  readonly client: string;
  /** The agent, already identified and allowed. */
  readonly agent: string;
  /** Capabilities of the client. */
  readonly capabilities: ClientCapabilities;
  /** The back channel to the client. */
  readonly link: ClientChannel;
}

/** A client's connection, whichever agent calls. */
export type ClientConnection = Omit<Caller, "agent">;

/** The permit of a call within the limits; it is not counted while the call's client is asked. */
export interface CallPermit {
  /** Stops counting the call while its client is asked. */
  pause(): void;
  /** Counts the call again after the client has answered. */
  resume(): void;
}

/** One call of a tool. */
export interface ToolCall {
  /** The tool's name at its server. */
  readonly tool: string;
  /** The tool's arguments: the text of a JSON object. */
  readonly args: JsonText;
  /** Fields of `_meta` to pass on; a progress token among them is replaced. */
  readonly meta?: Readonly<Record<string, unknown>> | undefined;
  /** Whether the tool, by its listed schema, requires arguments that are missing. Default: no. */
  readonly lacksArguments?: (tool: Tool) => boolean;
  /** Hard limit of the call, in milliseconds; replaces the server's timeouts. */
  readonly timeoutMs?: number | undefined;
  /** Cancels the call. */
  readonly signal: CancelSignal;
  /** The call's permit, if calls are limited. */
  readonly permit?: CallPermit;
  /** The operation in its trace. */
  readonly span: Span;
  /** Receives the server's progress, with its token among the parameters. */
  readonly onProgress?: ((params: Readonly<Record<string, unknown>>) => void) | undefined;
}

/** The outcome of a call of a tool, unless the server failed. */
export type CallAnswer =
  | {
    readonly kind: "answer";
    /** The server's answer, JSON-RPC errors included. */
    readonly reply: Reply;
    /** The tool that was called. */
    readonly tool: Tool;
    /** Milliseconds between call and answer. */
    readonly downstreamMs: number;
    /** Whether the tool itself answered with an error. */
    readonly isToolError: boolean;
  }
  | {
    /** The call was not made: see `lacksArguments`. */
    readonly kind: "missing-arguments";
    /** The tool as it was listed a moment ago. */
    readonly tool: Tool;
  }
  | {
    readonly kind: "no-such-tool";
    /** The tools that the server has. */
    readonly catalog: Catalog;
  };
