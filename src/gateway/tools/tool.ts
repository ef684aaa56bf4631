import type { ServerConfig } from "../../config/mod.ts";
import type { Caller, DownstreamServer } from "../../downstream/mod.ts";
import type { CancelSignal, JsonText, RpcError } from "../../jsonrpc/mod.ts";
import type { Span } from "../../trace.ts";
import type { Policy, Question } from "../../policy/mod.ts";

/** The part of JSON Schema that the gateway's own tools are described with, and checked by. */
export interface ArgumentSchema {
  /** What kind of value it takes. */
  readonly type: "string" | "integer" | "boolean" | "object";
  /** What agents read about it. */
  readonly description?: string;
  /** The only values it takes. */
  readonly enum?: readonly string[];
  /** The least number it takes. */
  readonly minimum?: number;
  /** Whether an object takes any properties; some clients read a bare object as one without any. */
  readonly additionalProperties?: true;
}

/** A gateway tool as `tools/list` shows it. */
export interface ToolDefinition {
  /** Its name. */
  readonly name: string;
  /** What agents read about it. */
  readonly description: string;
  /** Its arguments; others than these are refused. */
  readonly inputSchema: {
    readonly type: "object";
    readonly properties: Readonly<Record<string, ArgumentSchema>>;
    readonly required?: readonly string[];
  };
  /** Hints for clients, and the title that people see. */
  readonly annotations: Readonly<Record<string, boolean | string>>;
  /** More hints for clients. */
  readonly _meta: Readonly<Record<string, unknown>>;
}

/** An argument that is an object. */
export interface ObjectArgument {
  /** Its text, as the caller wrote it. */
  readonly text: JsonText;
  /** The same, parsed. */
  readonly value: Readonly<Record<string, unknown>>;
}

/** Arguments that were checked against the tool's schema; absent ones are left out. */
export type Arguments = Readonly<Record<string, string | number | boolean | ObjectArgument>>;

/** What the gateway tells about itself to `get_gateway_status`. */
export interface StatusSource {
  /** The answer of the status tool, except for its message. */
  status(): Readonly<Record<string, unknown>>;
}

/** What a tool works with; all of one snapshot. */
export interface ToolContext {
  /** Who calls; identified and allowed. */
  readonly caller: Caller;
  /** Who may do what. */
  readonly policy: Policy;
  /** The servers' entries, in the file's order. */
  readonly entries: ReadonlyMap<string, ServerConfig>;
  /** Entries that are not in use, by name, each with the reason. */
  readonly unused: ReadonlyMap<string, string>;
  /** The servers. */
  readonly servers: ReadonlyMap<string, DownstreamServer>;
  /** Aborts when the client cancels or is gone. */
  readonly signal: CancelSignal;
  /** Fields of the request's `_meta`, where it has any. */
  readonly meta: Readonly<Record<string, unknown>> | undefined;
  /** Takes a server's progress, where the client asked for it. */
  readonly onProgress?: ((params: Readonly<Record<string, unknown>>) => void) | undefined;
  /** The gateway's own state. */
  readonly gateway: StatusSource;
  /** The operation in its trace. */
  readonly span: Span;
}

/** How a tool answers. Failures are thrown as `CallerError` or `DownstreamError`. */
export type ToolAnswer =
  /** The gateway's own answer, as JSON text; becomes one text block. */
  | {
    readonly kind: "own";
    readonly json: string;
    /** The structured content beside that text, as JSON text, where there is one. */
    readonly structured?: string;
  }
  /** A server's result, passed on as it is. */
  | {
    readonly kind: "result";
    readonly result: JsonText;
    /** Its size in UTF-8 bytes. */
    readonly bytes: number;
    readonly downstreamMs: number;
    /** Whether the tool itself answered with an error. */
    readonly isToolError: boolean;
  }
  /** A server's JSON-RPC error. */
  | {
    readonly kind: "error";
    readonly error: RpcError;
    readonly text: JsonText;
    /** Text of the tool's input schema, where it may help to mend the call. */
    readonly inputSchema?: string;
    readonly downstreamMs: number;
  };

/** One of the gateway's tools. */
export interface GatewayTool {
  /** How it is shown and what it takes. */
  readonly definition: ToolDefinition;
  /** Other names that arguments are taken by, which `tools/list` does not show. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Permission to see and to call the tool, which agents need that connect over HTTP. */
  readonly httpPermission?: Question;
  /** The question that is decided before the tool runs; absent if any known agent may call it. */
  question?(args: Arguments): Question;
  /**
   * Does the work.
   *
   * @throws {CallerError} where the caller has to act.
   * @throws {DownstreamError} where a server failed.
   */
  run(args: Arguments, context: ToolContext): Promise<ToolAnswer>;
}

/** Keeps the gateway's tools in sight where a client hides tools behind a search of its own. */
export const ALWAYS_LOAD = { "anthropic/alwaysLoad": true } as const;

/** How every tool takes the agent's name. */
export const AGENT_ID: ArgumentSchema = {
  type: "string",
  description: "Your agent id, if you have one",
};
