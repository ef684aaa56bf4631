import type { ServerConfig } from "../../config/mod.ts";
import type { Caller, DownstreamServer } from "../../downstream/mod.ts";
import type { CancelSignal, JsonText } from "../../jsonrpc/mod.ts";
import type { Policy, Question } from "../../policy/mod.ts";

/** The part of JSON Schema that the gateway's own tools are described with, and checked by. */
export interface ArgumentSchema {
  /** The kind of value that it takes. */
  readonly type: "string" | "integer" | "boolean" | "object";
  /** A description for agents. */
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
  /** A description for agents. */
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

/** The source of `get_gateway_status`. */
export interface StatusSource {
  /** The answer of the status tool, except for its message. */
  status(): Readonly<Record<string, unknown>>;
}

/** The context of a gateway tool; all of one snapshot. */
export interface ToolContext {
  /** The caller; identified and allowed. */
  readonly caller: Caller;
  /** The rules. */
  readonly policy: Policy;
  /** The servers' entries, in the file's order. */
  readonly entries: ReadonlyMap<string, ServerConfig>;
  /** Entries that are not in use, by name, each with the reason. */
  readonly unused: ReadonlyMap<string, string>;
  /** The servers. */
  readonly servers: ReadonlyMap<string, DownstreamServer>;
  /** Aborts when the client cancels or is gone. */
  readonly signal: CancelSignal;
  /** The gateway's own state. */
  readonly gateway: StatusSource;
}

/** The gateway's own answer. */
export interface GatewayAnswer {
  /** Distinguishes it from other outcomes of an operation. */
  readonly kind: "own";
  /** The answer as JSON text, for the model to read. */
  readonly json: string;
  /** The same for programs, a JSON object, where there is one. */
  readonly structured?: string;
}

/** A call of a server's tool. */
export interface ServerCall {
  /** Distinguishes it from other operations. */
  readonly kind: "server-tool";
  /** The server's name. */
  readonly server: string;
  /** The tool's name at its server. */
  readonly tool: string;
  /** The tool's arguments; absent if the call came without any. */
  readonly args: ObjectArgument | undefined;
  /** Milliseconds after which the call ends whatever happens; replaces the server's own limit. */
  readonly timeoutMs: number | undefined;
}

/** One of the gateway's tools: it answers by itself, or stands for a call of a server's tool. */
export type GatewayTool = OwnTool | ForwardingTool;

/** The part that all of the gateway's tools have. */
export interface ToolFace {
  /** Name, description and arguments as `tools/list` shows them. */
  readonly definition: ToolDefinition;
  /** Other names that arguments are taken by, which `tools/list` does not show. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Permission to see and to call the tool, which agents need that connect over HTTP. */
  readonly httpPermission?: Question;
}

/** A tool that the gateway itself answers. */
export interface OwnTool extends ToolFace {
  /** The question that is decided before the tool runs; absent if any known agent may call it. */
  question?(args: Arguments): Question;
  /**
   * Does the work.
   *
   * @throws {CallerError} The caller has to act.
   * @throws {DownstreamError} A server failed.
   */
  run(args: Arguments, context: ToolContext): Promise<GatewayAnswer>;
}

/** A tool that stands for a call of a server's tool. */
export interface ForwardingTool extends ToolFace {
  /** Reads the call from the arguments. */
  serverCall(args: Arguments): ServerCall;
}

/** Keeps the gateway's tools in sight where a client hides tools behind a search of its own. */
export const ALWAYS_LOAD = { "anthropic/alwaysLoad": true } as const;

/** How every tool takes the agent's name. */
export const AGENT_ID: ArgumentSchema = {
  type: "string",
  description: "Your agent id, if you have one",
};
