import assert from "node:assert/strict";
import type { Fields, RawClient } from "./raw_client.ts";
import { waitUntil } from "./wait.ts";

/** A list that clients can request: its method, the member with the items, and the member that identifies one. */
export interface OfferedList {
  readonly method: string;
  readonly member: string;
  readonly key: string;
}

export const RESOURCES: OfferedList = { method: "resources/list", member: "resources", key: "uri" };
export const TEMPLATES: OfferedList = {
  method: "resources/templates/list",
  member: "resourceTemplates",
  key: "uriTemplate",
};
export const PROMPTS: OfferedList = { method: "prompts/list", member: "prompts", key: "name" };
export const TOOLS: OfferedList = { method: "tools/list", member: "tools", key: "name" };

/** Requests all pages of a list, and returns its items in order. */
export async function listItems(client: RawClient, list: OfferedList): Promise<Fields[]> {
  const items: Fields[] = [];
  let params: Fields = {};
  for (;;) {
    const { result, error } = await client.request(list.method, params);
    assert.equal(error, undefined, JSON.stringify(error));
    items.push(...result?.[list.member] as Fields[]);
    if (result?.nextCursor === undefined) return items;
    assert.equal(typeof result.nextCursor, "string");
    params = { cursor: result.nextCursor };
  }
}

/** Requests all pages of a list, and returns the URIs or names of its items in order. */
export async function listKeys(client: RawClient, list: OfferedList): Promise<string[]> {
  return (await listItems(client, list)).map((item) => String(item[list.key]));
}

/** Waits until a list has an item, which a server that starts late adds after the first answer. */
export async function waitForItem(
  client: RawClient,
  list: OfferedList,
  key: string,
): Promise<void> {
  await waitUntil(`${list.method} has ${key}`, async () => {
    return (await listKeys(client, list)).includes(key);
  });
}

/** Sends a request, and returns the text of the result. */
export async function requestResultText(
  client: RawClient,
  method: string,
  params: Fields,
): Promise<string> {
  const { text, message } = await client.requestText(method, JSON.stringify(params));
  assert.ok(message.result, text);
  return resultText(text);
}

/** Returns the text of the member `result` of a response, which has its id before or after it. */
function resultText(text: string): string {
  const start = text.indexOf('"result":') + '"result":'.length;
  return text.slice(start, text.lastIndexOf("}")).replace(/,"id":("[^"]*"|\d+)$/, "");
}

/** The error of the gateway in the `data` of a JSON-RPC error. */
export interface GatewayErrorData {
  readonly hint?: string;
  readonly code: string;
  readonly message: string;
  readonly rule?: string;
}

/** Sends a request that the gateway must refuse; returns the code and the `data` of the error. */
export async function expectRpcError(
  client: RawClient,
  method: string,
  params: Fields,
): Promise<{ readonly code: number | undefined; readonly data: GatewayErrorData }> {
  const answer = await client.request(method, params);
  assert.equal(answer.result, undefined, `${method} ${JSON.stringify(params)} was answered`);
  const data = answer.error?.data ?? {};
  return { code: answer.error?.code, data: data as GatewayErrorData };
}
