import type { AuditApproval } from "../audit/mod.ts";
import type { GivenInput, ItemRequest, NeededInput } from "../downstream/mod.ts";
import type { CallerError } from "../errors.ts";
import type { CancelSignal } from "../jsonrpc/mod.ts";
import type { Meta } from "../trace.ts";
import type { Pausable } from "../within.ts";
import type { ErrorBody } from "./error_body.ts";
import type { Target } from "./offered/mod.ts";
import type {
  Arguments,
  GatewayAnswer,
  LocalTool,
  ObjectArgument,
  ServerAnswer,
  ServerCall,
} from "./tools/mod.ts";

/**
 * Maximum length of a name that callers choose in records and messages, in UTF-16 code units: of a server that is
 * not configured, of its tool, and of an unknown tool of the gateway.
 */
export const MAX_UNKNOWN_NAME = 64;

/** A request of an agent, independent of the MCP revision. */
export type Operation =
  | TargetedOperation
  /** Call a tool of a server by the name under which clients see it directly. */
  | {
    readonly kind: "direct-tool";
    readonly offeredName: string;
    readonly args: ObjectArgument | undefined;
  }
  /** Request something that a server offers besides tools; prompts have the names under which clients see them. */
  | ItemRequest
  | Subscription;

/** An operation whose server, if it has one, is known. */
export type TargetedOperation =
  /** Call a tool of a server. */
  | ServerCall
  /** Run a tool that the gateway itself answers. */
  | { readonly kind: "gateway-tool"; readonly tool: LocalTool; readonly args: Arguments }
  | Listing
  /** End a subscription, which needs no access any more. */
  | { readonly kind: "unsubscription"; readonly uri: string }
  /** Request something of the server that offers it. */
  | {
    readonly kind: "server-request";
    readonly target: Target;
    /** The request; prompts have the names that they have at their server. */
    readonly request: ItemRequest | Subscription;
  };

/** List what the servers offer, as the agent of the connection. */
export interface Listing {
  /** The kind of operation. */
  readonly kind: "listing";
  /** The list. */
  readonly list: "resources" | "templates" | "prompts";
  /** The cursor of the page; `undefined` for the first page. */
  readonly cursor: string | undefined;
}

/** Notify the client when a resource is updated. */
export interface Subscription {
  /** The kind of operation. */
  readonly kind: "subscription";
  /** The URI of the resource. */
  readonly uri: string;
}

/** The result of an operation, independent of the MCP revision. */
export type Outcome =
  | GatewayAnswer
  | ServerAnswer
  /** The server needs input; the client makes the request again with it. */
  | {
    readonly kind: "input-required";
    /** Name of the server. */
    readonly server: string;
    readonly input: NeededInput;
    /** Whether the operation begins anew with the next request, because the server knows nothing of this one. */
    readonly beginsAnew: boolean;
    /** Whether the audit log has an entry of the operation's beginning. */
    readonly hasBegun: boolean;
    /** The approval of the call by a person, which holds for all of its requests; absent if it needed none. */
    readonly approved?: ApprovedCall | undefined;
    readonly downstreamMs: number;
  }
  /** Identity, limits or rules forbid the operation; it did not run. */
  | { readonly kind: "denied"; readonly error: ErrorBody }
  /** The caller has to correct the request, or the server failed. */
  | { readonly kind: "failed"; readonly error: ErrorBody }
  /** The client cancelled the request or disconnected; nobody waits for an answer. */
  | { readonly kind: "cancelled" }
  /** A bug of the gateway; the log has the reason under `id`. */
  | { readonly kind: "internal-error"; readonly id: string };

/** The questions of an operation to its client, for the records. */
export interface InteractionRecord {
  /** Number of times that the client was asked for input. */
  readonly rounds: number;
  /** Time that the operation waited for the client, in milliseconds. */
  readonly waitedMs: number;
  /** The beginning of an operation that this request continues; absent if this request is its beginning. */
  readonly continued?: OperationBeginning | undefined;
}

/** The beginning of an operation that consists of several requests, for the records. */
export interface OperationBeginning {
  /** When the first request arrived, in milliseconds since 1970. */
  readonly startedAt: number;
  /** Id of the client's connection at that time. */
  readonly session: string;
  /** Id of the first request. */
  readonly requestId: string | number;
  /** Whether the audit log has an entry of the beginning. */
  readonly hasBegun: boolean;
  /** The approval of the call by a person; absent if it needed none. */
  readonly approved?: ApprovedCall | undefined;
}

/** The approval of a call that its client continues with further requests. */
export interface ApprovedCall {
  readonly approval: AuditApproval;
  /** The call that was approved; see `Approvals.bindingOf`. */
  readonly binding: string;
}

/** An outcome encoded for an MCP revision. */
export interface EncodedOutcome {
  /** Size of the result in UTF-8 bytes; absent if it is not recorded. */
  readonly bytes?: number;
}

/** A call that runs code, which makes further calls. */
export interface OuterCall {
  /** Id of the client's request. */
  readonly requestId: string | number;
  /** The clock of the code, which is paused while a call that it makes waits for a person. */
  readonly clock: Pausable;
}

/** A request that a codec passes to the pipeline, or a call that code makes. */
export interface OperationRequest<E extends EncodedOutcome = EncodedOutcome> {
  /** Name of the operation in records, such as `execute_tool`. */
  readonly name: string;
  /** Method of the request, such as `tools/call`. */
  readonly method: string;
  /** The unchecked agent id of the call; absent if the call has none. */
  readonly claimedAgent: string | undefined;
  /** Fields of the request's `_meta`; absent if there are none. */
  readonly meta: Meta | undefined;
  readonly requestId: string | number;
  /** The tool that the client called, if the gateway has none of that name. */
  readonly unknownTool?: string;
  /** The input for an operation that the client continues, and the server that needed it; absent for a new operation. */
  readonly givenInput?: GivenInput & { readonly server: string };
  /** The error with which the operation fails, whatever it is; absent if it may run. */
  readonly fault?: CallerError;
  /** The requests for input so far; absent if the operation cannot have any. */
  readonly interaction?: InteractionRecord;
  /** The call that runs the code which makes this call; absent if the client makes it. */
  readonly outer?: OuterCall;
  /** Number of the client's unanswered requests, including this one. */
  readonly unansweredCount: number;
  /** The memory that the request takes until it ends, in bytes. */
  readonly memory: number;
  /** Aborts when the client cancels or disconnects. */
  readonly signal: CancelSignal;
  /** Receives a server's progress; absent if the client did not ask for it. */
  readonly onProgress: ((params: Readonly<Record<string, unknown>>) => void) | undefined;
  /**
   * Checks the arguments and returns the operation.
   *
   * @throws {CallerError} `INVALID_ARGUMENTS`, or `TOOL_NOT_FOUND` if the gateway has no such tool.
   */
  decode(): Operation;
  /** Encodes the outcome for the client's revision. */
  encode(outcome: Outcome): E;
}
