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
  /** The maximum length of a string; default 8192. */
  readonly maxLength?: number;
  /** The minimum of a number. */
  readonly minimum?: number;
  /** Allows any properties in an object; without it, some clients read the object as empty. */
  readonly additionalProperties?: true;
}

/** A gateway tool as `tools/list` shows it. */
export interface ToolDefinition {
  /** The tool's name. */
  readonly name: string;
  /** A description for agents. */
  readonly description: string;
  /** The arguments; unknown arguments are refused. */
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
  /** The memory of `text` and `value`, in bytes, if the caller wrote the object as a string. */
  readonly parsedMemory?: number;
}

/** Arguments that have been checked against the tool's schema; absent arguments are left out. */
export type Arguments = Readonly<Record<string, string | number | boolean | ObjectArgument>>;

/** The source of the answer of `get_gateway_status`. */
export interface StatusSource {
  /** Returns the gateway's state for an agent, to be sent as JSON. */
  status(agent: string): Readonly<Record<string, unknown>>;
}

/** The context of a gateway tool; rules and servers are from one snapshot. */
export interface ToolContext {
  /** The caller, which has been identified and allowed. */
  readonly caller: Caller;
  /** The rules. */
  readonly policy: Policy;
  /** The configurations of the servers by name, in the order of the servers file. */
  readonly serverConfigs: ReadonlyMap<string, ServerConfig>;
  /** The reasons why configured servers are not in use, by server name. */
  readonly unavailableReasons: ReadonlyMap<string, string>;
  /** The servers. */
  readonly servers: ReadonlyMap<string, DownstreamServer>;
  /** Aborts when the client cancels or disconnects. */
  readonly signal: CancelSignal;
  /** Source of the gateway's state. */
  readonly gateway: StatusSource;
}

/** The result of a tool that runs in the gateway. */
export interface GatewayAnswer {
  /** The kind of outcome. */
  readonly kind: "gateway-result";
  /** The answer as JSON text, for the model to read. */
  readonly json: string;
  /** The answer as the text of a JSON object, for programs; absent if only `json` is sent. */
  readonly structuredJson?: string;
}

/** A call of a server's tool. */
export interface ServerCall {
  /** The kind of operation. */
  readonly kind: "server-tool";
  /** The server's name. */
  readonly server: string;
  /** The tool's name at its server. */
  readonly tool: string;
  /** The tool's arguments; absent if the call has no `args`. */
  readonly args: ObjectArgument | undefined;
  /** Maximum duration of the call in milliseconds; replaces the server's limit. */
  readonly timeoutMs: number | undefined;
  /** Whether the agent called the tool by the name under which clients see it directly. Default: no. */
  readonly isDirect?: boolean;
}

/** One of the gateway's tools: it runs in the gateway, or forwards to a server's tool. */
export type GatewayTool = LocalTool | ForwardingTool;

/** The members that all of the gateway's tools have. */
export interface ToolBase {
  /** Name, description and arguments as `tools/list` shows them. */
  readonly definition: ToolDefinition;
  /** Other accepted names of arguments, by alias; `tools/list` does not show them. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** The access that agents over HTTP need to see and to call the tool; absent if they need none. */
  readonly httpAccessRequest?: AccessRequest;
  /** Whether clients see the tool even if they see the tools of servers directly. Default: no. */
  readonly isInDirectFace?: boolean;
}

/** A tool that runs in the gateway. */
export interface LocalTool extends ToolBase {
  /** Returns the access that a call needs; absent, or `undefined`, if any identified agent may make the call. */
  accessRequest?(args: Arguments): AccessRequest | undefined;
  /**
   * Answers a call.
   *
   * @throws {CallerError} The caller has to correct the call.
   * @throws {DownstreamError} A server failed.
   */
  run(args: Arguments, context: ToolContext): Promise<GatewayAnswer>;
}

/** A tool of the gateway that forwards to a server's tool. */
export interface ForwardingTool extends ToolBase {
  /** Reads the call from the arguments. */
  serverCall(args: Arguments): ServerCall;
}

/** Keeps the gateway's tools visible in clients that hide tools until the model searches for them. */
export const ALWAYS_LOAD = { "anthropic/alwaysLoad": true } as const;

/** The `agent_id` argument of every tool. */
export const AGENT_ID: ArgumentSchema = {
  type: "string",
  description: "Your agent id, if you have one",
};
