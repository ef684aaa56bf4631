import type { ServerConfig } from "../../config/mod.ts";
import type { Caller, DownstreamServer } from "../../downstream/mod.ts";
import type { CancelSignal, JsonText } from "../../jsonrpc/mod.ts";
import type { AccessRequest, Policy } from "../../policy/mod.ts";

/** The part of JSON Schema that describes the arguments of the gateway's own tools. */
export interface ArgumentSchema {
  /** The type of the value. */
  readonly type: "string" | "integer" | "boolean" | "object";
  /** A description for agents. */
  readonly description?: string;
  /** The only allowed values. */
  readonly enum?: readonly string[];
  /** The minimum of a number. */
  readonly minimum?: number;
  /** Allows any properties in an object; some clients read a bare object as an empty one. */
  readonly additionalProperties?: true;
}

/** A gateway tool as `tools/list` shows it. */
export interface ToolDefinition {
  /** The tool's name. */
  readonly name: string;
  /** A description for agents. */
  readonly description: string;
  /** The arguments; unknown ones are refused. */
  readonly inputSchema: {
    readonly type: "object";
    readonly properties: Readonly<Record<string, ArgumentSchema>>;
    readonly required?: readonly string[];
  };
  /** Hints for clients, and the title for people. */
  readonly annotations: Readonly<Record<string, boolean | string>>;
  /** Hints for specific clients. */
  readonly _meta: Readonly<Record<string, unknown>>;
}

/** An argument that is an object. */
export interface ObjectArgument {
  /** The text of the object, as the caller wrote it. */
  readonly text: JsonText;
  /** The parsed object. */
  readonly value: Readonly<Record<string, unknown>>;
}

/** Arguments that have been checked against the tool's schema, without absent ones. */
export type Arguments = Readonly<Record<string, string | number | boolean | ObjectArgument>>;

/** The source of `get_gateway_status`. */
export interface StatusSource {
  /** Returns the answer of the status tool, except for its message. */
  status(): Readonly<Record<string, unknown>>;
}

/** The context of a gateway tool, all from one snapshot. */
export interface ToolContext {
  /** The caller, which has been identified and allowed. */
  readonly caller: Caller;
  /** The rules. */
  readonly policy: Policy;
  /** The servers' serverConfigs, in the file's order. */
  readonly serverConfigs: ReadonlyMap<string, ServerConfig>;
  /** The reasons why serverConfigs are not in use, by server name. */
  readonly unavailableReasons: ReadonlyMap<string, string>;
  /** The servers. */
  readonly servers: ReadonlyMap<string, DownstreamServer>;
  /** Aborts when the client cancels or disconnects. */
  readonly signal: CancelSignal;
  /** Source of the gateway's state. */
  readonly gateway: StatusSource;
}

/** The gateway's own answer. */
export interface GatewayAnswer {
  /** Distinguishes it from other outcomes of an operation. */
  readonly kind: "own";
  /** The answer as JSON text, for the model to read. */
  readonly json: string;
  /** The answer as a JSON object, for programs; absent if there is none. */
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
  /** Maximum duration of the call in milliseconds; replaces the server's limit. */
  readonly timeoutMs: number | undefined;
}

/** One of the gateway's tools: it answers itself, or forwards to a server's tool. */
export type GatewayTool = OwnTool | ForwardingTool;

/** The members that all of the gateway's tools have. */
export interface ToolBase {
  /** Name, description and arguments as `tools/list` shows them. */
  readonly definition: ToolDefinition;
  /** Other accepted names of arguments, by alias; `tools/list` does not show them. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** The permission that agents over HTTP need to see and to call the tool. */
  readonly httpAccessRequest?: AccessRequest;
}

/** A tool that the gateway itself answers. */
export interface OwnTool extends ToolBase {
  /** Returns the access that is decided before the tool runs; absent if any known agent may call it. */
  accessRequest?(args: Arguments): AccessRequest;
  /**
   * Does the work.
   *
   * @throws {CallerError} The caller has to act.
   * @throws {DownstreamError} A server failed.
   */
  run(args: Arguments, context: ToolContext): Promise<GatewayAnswer>;
}

/** A tool that forwards to a server's tool. */
export interface ForwardingTool extends ToolBase {
  /** Reads the call from the arguments. */
  serverCall(args: Arguments): ServerCall;
}

/** Keeps the gateway's tools visible in clients that hide tools behind a search of their own. */
export const ALWAYS_LOAD = { "anthropic/alwaysLoad": true } as const;

/** The `agent_id` argument of every tool. */
export const AGENT_ID: ArgumentSchema = {
  type: "string",
  description: "Your agent id, if you have one",
};
