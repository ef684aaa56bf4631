import assert from "node:assert/strict";
import { type Fields, type LineTransport, RawClient } from "./raw_client.ts";

/** The gateway's error in place of a tool's result, such as a denial, `TIMEOUT` or `SERVER_UNAVAILABLE`. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly rule?: string;
  readonly hint?: string;
}

/** The session of an agent: a client that calls the gateway's tools. */
export class AgentSession {
  readonly client: RawClient;

  /** @param transport Transport that carries the client's messages to the gateway. */
  constructor(transport: LineTransport) {
    this.client = new RawClient(transport);
  }

  /** Calls a gateway tool and returns its result; throws if the answer is a JSON-RPC error. */
  async callGatewayTool(name: string, args: Fields, meta?: Fields): Promise<Fields> {
    const _meta = meta === undefined ? {} : { _meta: meta };
    const params = { name, arguments: args, ..._meta };
    const { result, error } = await this.client.request("tools/call", params);
    assert.equal(error, undefined);
    assert.ok(result);
    return result;
  }

  /** Calls a gateway tool and returns the parsed JSON of its only text block. */
  async callGatewayToolForJson<T>(name: string, args: Fields = {}): Promise<T> {
    // The result of list_servers also has structured content.
    const { structuredContent: _, ...result } = await this.callGatewayTool(name, args);
    return JSON.parse(readSingleText(result));
  }

  /** Calls a gateway tool, checks that the result is an error of the gateway, and returns the error. */
  async expectRefusal(name: string, args: Fields = {}): Promise<Refusal> {
    return readRefusal(await this.callGatewayTool(name, args));
  }

  /** Calls a server's tool through `execute_tool`, which also gets the arguments in `executeToolArgs`. */
  callServerTool(
    server: string,
    tool: string,
    args: Fields = {},
    executeToolArgs: Fields = {},
  ): Promise<Fields> {
    return this.callGatewayTool("execute_tool", { server, tool, args, ...executeToolArgs });
  }

  /** Calls a server's tool and returns its result, which must be a single text block. */
  async callServerToolForText(
    server: string,
    tool: string,
    args: Fields = {},
    executeToolArgs: Fields = {},
  ): Promise<string> {
    return readSingleText(await this.callServerTool(server, tool, args, executeToolArgs));
  }
}

/** Returns the text of a result; throws unless the result is exactly one text block. */
export function readSingleText(result: Fields | undefined): string {
  const content = result?.content as { type: string; text: string }[];
  const text = content?.[0]?.text;
  assert.equal(typeof text, "string");
  assert.deepEqual(result, { content: [{ type: "text", text }] });
  return String(text);
}

/** Returns the error in a result; throws unless the result has nothing but an error of the gateway. */
export function readRefusal(result: Fields | undefined): Refusal {
  const { isError, ...content } = result ?? {};
  const { error, ...otherKeys } = JSON.parse(readSingleText(content));
  assert.equal(isError, true);
  assert.deepEqual(otherKeys, {});
  return error;
}

/** Parameters of a `tools/call` request that calls a server's tool through `execute_tool`. */
export function executeToolParams(server: string, tool: string, args: Fields = {}): Fields {
  return { name: "execute_tool", arguments: { server, tool, args } };
}
