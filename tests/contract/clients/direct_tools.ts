import assert from "node:assert/strict";
import { DirectConnection } from "../../e2e/direct_connection.ts";
import { offeringServer } from "../../e2e/gateway.ts";
import {
  expectRpcError,
  listItems,
  requestResultText,
  TOOLS,
  waitForItem,
} from "../../e2e/offers.ts";
import type { Fields } from "../../e2e/raw_client.ts";
import type { OpenTransport } from "./transport.ts";
import type { Check } from "./suite.ts";

const SERVER = offeringServer("--name=first");

/** A server whose tools are shown directly, and one whose tools are not. */
export const DIRECT_SERVERS = {
  first: { ...SERVER, gateway: { direct: true } },
  second: offeringServer("--name=second"),
};

/** Checks tools that are shown directly, beside those of the gateway. */
export async function checkDirectTools(transport: OpenTransport, check: Check): Promise<void> {
  const { client } = await transport.connect();
  await using direct = await DirectConnection.start(SERVER);
  const tools = await direct.listTools();
  await waitForItem(client, TOOLS, "first__change");

  await check("[direct.definition] a tool is the server's own but for its name", async () => {
    const listed = (await listItems(client, TOOLS)).slice(3);
    const withoutName = (tool: Fields): Fields => ({ ...tool, name: "" });
    assert.deepEqual(listed.map(withoutName), tools.map(withoutName));
    for (const { name } of listed) assert.match(String(name), /^first__[A-Za-z0-9_-]+$/);
  });

  await check("[direct.call] both faces give the result of a direct call", async () => {
    const args = { kind: "prompts", name: "new" };
    const expected = await requestResultText(direct.client, "tools/call", {
      name: "change",
      arguments: args,
    });
    const calls = [
      { name: "first__change", arguments: args },
      { name: "execute_tool", arguments: { server: "first", tool: "change", args } },
    ];
    for (const call of calls) {
      assert.equal(await requestResultText(client, "tools/call", call), expected);
    }
  });

  await check(
    "[direct.errors] unknown names, and tools that are not shown, are refused",
    async () => {
      for (const name of ["first__missing", "second__change", "change", "__"]) {
        const { code } = await expectRpcError(client, "tools/call", { name, arguments: {} });
        assert.equal(code, -32602, name);
      }
    },
  );
}
