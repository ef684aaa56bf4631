import type { CancelSignal, JsonText, Reply } from "../jsonrpc/mod.ts";
import type { Span } from "../trace.ts";
import type { Catalog, Tool } from "./catalog.ts";
import type { ClientChannel } from "./client_channel.ts";

/** Capabilities that a client declared, as in its `initialize`. */
export type ClientCapabilities = Readonly<Record<string, unknown>>;

/** The client and the agent that a call is for. */
export interface Caller {
  /** Id of the client's connection to the gateway. */
  readonly connectionId: string;
  /** The name of the identified agent. */
  readonly agent: string;
  /** Capabilities of the client. */
  readonly capabilities: ClientCapabilities;
  /** The channel to the client. */
  readonly channel: ClientChannel;
  /** The permit that the operation holds, if the number of operations is limited. */
  readonly permit?: Pausable;
}

/** A client's connection, independent of the agent that calls. */
export type ClientConnection = Omit<Caller, "agent" | "permit">;

/** The permit or the clock of an operation; it is paused while the operation waits for a person. */
export interface Pausable {
  /** Pauses it; each call needs one call of `resume`. */
  pause(): void;
  /** Ends a pause, after the answer or when an answer is no longer needed. */
  resume(): void;
}

/** One call of a tool. */
export interface ToolCall {
  /** The tool's name at its server. */
  readonly tool: string;
  /** The tool's arguments: the text of a JSON object. */
  readonly args: JsonText;
  /** Fields of `_meta` to pass on, except for the progress token, which is replaced. */
  readonly meta?: Readonly<Record<string, unknown>> | undefined;
  /** Whether the tool, by its listed schema, requires arguments that are missing. Default: no. */
  readonly lacksArguments?: (tool: Tool) => boolean;
  /** Hard limit of the call, in milliseconds, with no idle timeout; the server's `maxCallMs` still applies. */
  readonly timeoutMs?: number | undefined;
  /** Cancels the call. */
  readonly signal: CancelSignal;
  /** The operation in its trace. */
  readonly span: Span;
  /**
   * Called with the listed tool before the call is sent.
   *
   * @returns Resolves when the call may be sent; rejects if it must not be.
   */
  readonly beforeSend?: (tool: Tool) => Promise<void> | undefined;
  /** Receives the server's progress, with its token among the parameters. */
  readonly onProgress?: ((params: Readonly<Record<string, unknown>>) => void) | undefined;
}

/** The outcome of a call of a tool, unless the server failed. */
export type CallOutcome =
  | {
    readonly kind: "replied";
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
    /** The tool, from a list that was just fetched. */
    readonly tool: Tool;
  }
  | {
    readonly kind: "no-such-tool";
    /** The tools that the server has. */
    readonly catalog: Catalog;
  };
