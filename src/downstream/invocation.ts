import type { CancelSignal, JsonText, Reply, RpcError } from "../jsonrpc/mod.ts";
import type { Meta, Span } from "../trace.ts";
import type { ItemList, Tool } from "./catalog/mod.ts";
import type { GivenInput, NeededInput } from "./client_channel.ts";

/** A request for something that a server offers besides tools. */
export type ItemRequest =
  /** Read a resource. */
  | { readonly kind: "resource"; readonly uri: string }
  /** Get a prompt. */
  | {
    readonly kind: "prompt";
    /** The prompt's name at its server. */
    readonly name: string;
    /** The arguments: the text of a JSON object; `undefined` if there are none. */
    readonly args?: JsonText | undefined;
  }
  /** Complete an argument of a prompt or of a URI template. */
  | {
    readonly kind: "completion";
    /** The prompt by its name at its server, or the template. */
    readonly reference:
      | { readonly kind: "prompt"; readonly name: string }
      | { readonly kind: "template"; readonly uri: string };
    /** The argument and its value so far: the text of a JSON object. */
    readonly argument: JsonText;
    /** The other arguments: the text of a JSON object; `undefined` if there are none. */
    readonly context?: JsonText | undefined;
  };

/** Begin or end to be notified when a resource is updated. */
export interface SubscriptionInvocation {
  /** The kind of invocation. */
  readonly kind: "subscribe" | "unsubscribe";
  /** URI of the resource. */
  readonly uri: string;
}

/** A caller's use of something that a server offers. */
export type Invocation =
  | ItemRequest
  | SubscriptionInvocation
  /** Call a tool. */
  | {
    readonly kind: "tool";
    /** The tool, as the server listed it. */
    readonly tool: Tool;
    /** The arguments: the text of a JSON object. */
    readonly args: JsonText;
  };

/** Options of a call of a tool, or of a request for another item. */
export interface CallOptions {
  /** Fields of `_meta` to pass on, except for the progress token, which is replaced. */
  readonly meta?: Meta | undefined;
  /** Hard limit of the call, in milliseconds, with no idle timeout; the server's `maxCallMs` still applies. */
  readonly timeoutMs?: number | undefined;
  /** Cancels the call. */
  readonly signal: CancelSignal;
  /** The span of the operation, in its trace. */
  readonly span: Span;
  /** The input that the server needed when the invocation was sent before; absent if this is the first time. */
  readonly givenInput?: GivenInput | undefined;
  /** Receives the parameters of each progress notification, with the gateway's progress token. */
  readonly onProgress?: ((params: Readonly<Record<string, unknown>>) => void) | undefined;
}

/** One call of a tool. */
export interface ToolCall extends CallOptions {
  /** The tool's name at its server. */
  readonly tool: string;
  /** The tool's arguments: the text of a JSON object. */
  readonly args: JsonText;
  /** Whether the tool, by its listed schema, requires arguments that are missing. Default: no. */
  readonly lacksArguments?: (tool: Tool) => boolean;
  /**
   * Whether the call is sent only once its session itself has listed the tool: a remembered list, or that of another
   * session, may be older than the program that runs now. Default: no.
   */
  readonly needsOwnList?: boolean;
  /**
   * Called with the listed tool before the call is sent.
   *
   * @param isRemembered Whether an earlier gateway read its definition, which may not be that of the program that runs now.
   * @returns A promise that resolves when the call may be sent, and rejects if it must not be sent;
   * `undefined` if the call may be sent immediately.
   */
  readonly beforeSend?: (tool: Tool, isRemembered: boolean) => Promise<void> | undefined;
}

/** Options of a request that is not a call of a tool. */
export interface ItemCallOptions extends CallOptions {
  /** Called before the request is sent; see `ToolCall`. */
  readonly beforeSend?: () => Promise<void> | undefined;
}

/** One request for an item other than a tool. */
export type ItemCall = ItemRequest & ItemCallOptions;

/** One request to begin or to end a subscription. */
export interface SubscriptionCall extends ItemCallOptions {
  /** The URI of the resource. */
  readonly uri: string;
}

/** The outcome of a request for an item other than a tool. A failure of the server is thrown instead. */
export interface RequestOutcome {
  /** The kind of outcome. */
  readonly kind: "replied";
  /** The server's answer, JSON-RPC errors included. */
  readonly reply: Reply;
  /** Milliseconds between the request to the server and its answer. */
  readonly downstreamMs: number;
  /** The error that asks the person to open links, if the answer is such an error and elicitations are forwarded. */
  readonly urlInputError: JsonText | undefined;
}

/** The server needs input before it can answer. Only a caller whose channel relays input gets this outcome. */
export interface InputNeeded {
  /** The kind of outcome. */
  readonly kind: "input-required";
  /** The input. */
  readonly input: NeededInput;
  /** Milliseconds between the request to the server and its answer. */
  readonly downstreamMs: number;
}

/** Returns the JSON-RPC error of an outcome, if it is one. */
export function rpcErrorOf(outcome: CallOutcome | RequestOutcome): RpcError | undefined {
  return outcome.kind === "replied" && !outcome.reply.ok ? outcome.reply.error : undefined;
}

/** The outcome of a tool call. A failure of the server is thrown instead. */
export type CallOutcome =
  | InputNeeded
  | RequestOutcome & {
    /** The tool that was called. */
    readonly tool: Tool;
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
    readonly tools: ItemList;
  };
