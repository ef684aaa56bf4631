import assert from "node:assert/strict";
import { type Fields, type LineTransport, RawClient } from "./raw_client.ts";

/** The error of a refused operation. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly rule?: string;
  readonly hint?: string;
}

/** The session of an agent: a client that calls the gateway's tools. */
export class AgentSession {
  readonly client: RawClient;

  /** @param transport Carries the client's messages. */
  constructor(transport: LineTransport) {
    this.client = new RawClient(transport);
  }

  /** Calls a gateway tool; throws if the answer is a JSON-RPC error. */
  async callGatewayTool(name: string, args: Fields, meta?: Fields): Promise<Fields> {
    const _meta = meta === undefined ? {} : { _meta: meta };
    const params = { name, arguments: args, ..._meta };
    const { result, error } = await this.client.request("tools/call", params);
    assert.equal(error, undefined);
    assert.ok(result);
    return result;
  }

  /** Calls a tool of the gateway itself, and returns the JSON of its one text block. */
  async callGatewayToolForJson<T>(name: string, args: Fields = {}): Promise<T> {
    // One answer also has structured content, for clients that read it instead of the text.
    const { structuredContent: _, ...result } = await this.callGatewayTool(name, args);
    return JSON.parse(readSingleText(result));
  }

  /** Calls a gateway tool that must be refused, and checks the shape of the refusal. */
  async expectRefusal(name: string, args: Fields = {}): Promise<Refusal> {
    return readRefusal(await this.callGatewayTool(name, args));
  }

  /** Calls a server's tool; `more` has further arguments of `execute_tool`. */
  callServerTool(
    server: string,
    tool: string,
    args: Fields = {},
    more: Fields = {},
  ): Promise<Fields> {
    return this.callGatewayTool("execute_tool", { server, tool, args, ...more });
  }

  /** Calls a server's tool that answers with one text. */
  async callServerToolForText(
    server: string,
    tool: string,
    args: Fields = {},
    more: Fields = {},
  ): Promise<string> {
    return readSingleText(await this.callServerTool(server, tool, args, more));
  }
}

/** The text of a result that consists of one text block. */
export function readSingleText(result: Fields | undefined): string {
  const content = result?.content as { type: string; text: string }[];
  const text = content?.[0]?.text;
  assert.equal(typeof text, "string");
  assert.deepEqual(result, { content: [{ type: "text", text }] });
  return String(text);
}

/** The error in the result of a refused operation. */
export function readRefusal(result: Fields | undefined): Refusal {
  const { isError, ...rest } = result ?? {};
  const { error, ...nothing } = JSON.parse(readSingleText(rest));
  assert.equal(isError, true);
  assert.deepEqual(nothing, {});
  return error;
}

/** Parameters of a call of a server's tool. */
export function executeToolParams(server: string, tool: string, args: Fields = {}): Fields {
  return { name: "execute_tool", arguments: { server, tool, args } };
}
