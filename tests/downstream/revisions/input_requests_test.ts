import assert from "node:assert/strict";
import { decodeInputRequest } from "../../../src/downstream/revisions/input_requests.ts";
import { JsonText } from "../../../src/jsonrpc/mod.ts";

Deno.test("a sampling request reaches the client without includeContext, and otherwise as the server wrote it", () => {
  const forwarded = (json: string): unknown =>
    decodeInputRequest({
      method: "sampling/createMessage",
      params: JSON.parse(json),
      paramText: () => new JsonText(json),
    }, "s")?.input.params;
  assert.deepEqual(
    forwarded('{"maxTokens": 1.0, "includeContext": "allServers", "messages": []}'),
    new JsonText('{"maxTokens": 1.0,"messages": []}'),
  );
  const plain = '{ "maxTokens":1 }';
  assert.deepEqual(forwarded(plain), new JsonText(plain));
});
