import type { Budget } from "../budget.ts";
import type { CancelSignal, JsonText, Reply } from "../jsonrpc/mod.ts";
import type { Span } from "../trace.ts";
import type { ItemList, Tool } from "./catalog/mod.ts";
import type { ClientChannel } from "./client_channel.ts";

/**
 * Capabilities that a client declared in its `initialize`. They have only known members, so that nothing else
 * that the client sent reaches a server, and few different capabilities exist.
 */
export interface ClientCapabilities {
  /** Present if the client can ask a person; without members, by forms. */
  readonly elicitation?: { readonly [mode in "form" | "url"]?: Readonly<Record<string, never>> };
  /** Present if the client has roots. */
  readonly roots?: { readonly listChanged?: true };
  /** Present if the client can sample a model. */
  readonly sampling?: { readonly [part in "context" | "tools"]?: Readonly<Record<string, never>> };
}

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
  /** The permit that the caller's operation holds, if the number of operations is limited. */
  readonly permit?: Pausable;
  /** The agent's share of the memory, in which calls count until they have been written. Default: the server's share. */
  readonly memory?: Budget;
}

/** A client's connection, independent of the agent that calls. */
export type ClientConnection = Omit<Caller, "agent" | "permit" | "memory">;

/** The permit or the clock of an operation, which is paused while the operation waits for a person. */
export interface Pausable {
  /** Pauses the permit or the clock. Each `pause` needs its own `resume`. */
  pause(): void;
  /** Ends one pause, after the person's answer or when no answer is needed any more. */
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
  /** The span of the operation, in its trace. */
  readonly span: Span;
  /**
   * Called with the listed tool before the call is sent.
   *
   * @returns A promise that resolves when the call may be sent, and rejects if it must not be sent;
   * `undefined` if the call may be sent immediately.
   */
  readonly beforeSend?: (tool: Tool) => Promise<void> | undefined;
  /** Receives the parameters of each progress notification, with the gateway's progress token. */
  readonly onProgress?: ((params: Readonly<Record<string, unknown>>) => void) | undefined;
}

/** The outcome of a tool call. A failure of the server is thrown instead. */
export type CallOutcome =
  | {
    readonly kind: "replied";
    /** The server's answer, JSON-RPC errors included. */
    readonly reply: Reply;
    /** The tool that was called. */
    readonly tool: Tool;
    /** Milliseconds between the request to the server and its answer. */
    readonly downstreamMs: number;
    /** Whether the tool itself answered with an error. */
    readonly isToolError: boolean;
    /** An error with links for the person, if the answer is one and elicitations are forwarded. */
    readonly linksError: JsonText | undefined;
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
    readonly tools: ItemList;
  };
