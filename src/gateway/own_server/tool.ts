import type { Approvals } from "../../approvals/mod.ts";
import type { CodeCall, CodeSandboxes } from "../../code/mod.ts";
import type { Caller } from "../../downstream/mod.ts";
import type { CancelSignal, JsonText } from "../../jsonrpc/mod.ts";
import type { ErrorCode, ErrorDetails } from "../../errors.ts";
import type { Pausable } from "../../within.ts";
import type { Arguments, ToolDefinition } from "../tools/mod.ts";
import type { ResultStore } from "./results/mod.ts";

/** A tool of the own server as `tools/list` shows it. */
export interface OwnToolDefinition extends Omit<ToolDefinition, "_meta"> {
  /** The structured content of results, in JSON Schema; absent if there is none. */
  readonly outputSchema?: Readonly<Record<string, unknown>>;
}

/** A tool of the own server. */
export interface OwnTool {
  /** Name, description, arguments and results as `tools/list` shows them. */
  readonly definition: OwnToolDefinition;
  /** Other names of arguments, which are accepted. Default: none. */
  readonly aliases?: Readonly<Record<string, string>>;
  /**
   * Answers a call.
   *
   * @param args The arguments, which have been checked against the schema.
   * @throws {CallerError} The caller has to correct the call, or cannot have what it asks for.
   */
  run(args: Arguments, context: OwnToolContext): Promise<OwnResult>;
}

/** The result of a tool of the own server. */
export interface OwnResult {
  /** The text for the model: JSON. */
  readonly json: string;
  /** Whether `json` is the structured content, too. Default: no. */
  readonly isStructured?: boolean;
  /** Whether the result is an error of the tool. Default: no. */
  readonly isError?: boolean;
  /** The members of the result's `_meta`; default: none. */
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** Services of the gateway that the tools use. */
export interface OwnServices {
  /** Loads the approvals that calls wait for. */
  readonly approvals: () => Promise<Approvals>;
  /** Loads the store of the results that were cut. */
  readonly results: () => Promise<ResultStore>;
  /** Loads the processes in which code runs. */
  readonly sandboxes: () => Promise<CodeSandboxes>;
  /** Maximum time of code, in milliseconds. */
  readonly codeTimeoutMs: number;
}

/** One call of a tool of the own server, as the pipeline makes it. */
export interface OwnCall {
  /** The connection and the agent, with the permit of the call. */
  readonly caller: Caller;
  /** The agent's limit on results, in tokens; `undefined` if there is none. */
  readonly maxResultTokens: number | undefined;
  /** Whether the call comes from code that `run_code` runs. */
  readonly isNested: boolean;
  /** Calls a tool as the same agent, through all stages of the pipeline. */
  readonly callNested: (call: NestedCall) => Promise<NestedOutcome>;
}

/** The context in which a tool of the own server answers a call. */
export interface OwnToolContext extends OwnCall, OwnServices {
  /** Aborts when the client cancels or disconnects, and when the call takes too long. */
  readonly signal: CancelSignal;
}

/** A call that code makes. */
export interface NestedCall
  extends Pick<CodeCall, "server" | "tool" | "args" | "parsedArgs" | "memory"> {
  /** Cancels the call. */
  readonly signal: CancelSignal;
  /** The clock of the run, which is paused while the call waits for a person. */
  readonly clock: Pausable;
}

/** The outcome of a call that code makes. */
export type NestedOutcome =
  /** The result of the tool, which may report an error of the tool. */
  | {
    /** The kind of outcome. */
    readonly kind: "result";
    /** The result as the server wrote it. */
    readonly result: JsonText;
    /** The parsed result. */
    readonly value: unknown;
    /** Whether the tool itself answered with an error. */
    readonly isToolError: boolean;
  }
  /** A refusal or a failure, by the gateway's error codes. */
  | {
    /** The kind of outcome. */
    readonly kind: "error";
    /** The error as an agent receives it. */
    readonly error: ErrorDetails & { readonly code: ErrorCode; readonly message: string };
  }
  /** An error of JSON-RPC that the server answered with. */
  | { readonly kind: "rpc-error"; readonly code: number; readonly message: string }
  /** A bug of the gateway; the log has the reason under `id`. */
  | { readonly kind: "internal-error"; readonly id: string }
  /** The call was cancelled. */
  | { readonly kind: "cancelled" };
