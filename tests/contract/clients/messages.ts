import assert from "node:assert/strict";
import type { RawClient, ReceivedMessage } from "../../e2e/raw_client.ts";
import type { OpenTransport } from "./transport.ts";
import type { Check } from "./suite.ts";

/** Sends a line and waits for the error that answers it. */
async function sendAndWaitForError(client: RawClient, line: string): Promise<ReceivedMessage> {
  const answer = client.waitForMessage(`an error for ${line.slice(0, 80)}`, ({ error }) => {
    return error !== undefined;
  });
  await client.sendLine(line);
  return await answer;
}

/** Lines that are not valid requests, with the code and the id of the error. */
const INVALID_LINES:
  readonly (readonly [line: string, code: number, id: string | number | null])[] = [
    ["garbage", -32700, null],
    ["{", -32700, null],
    ['{"jsonrpc":"2.0","id":1,"method":"ping"', -32700, null],
    ["\u0000", -32700, null],
    ["1", -32600, null],
    ["null", -32600, null],
    ['"text"', -32600, null],
    ["[]", -32600, null],
    ["{}", -32600, null],
    ['{"id":901,"method":"ping"}', -32600, 901],
    ['{"jsonrpc":"1.0","id":"v1","method":"ping"}', -32600, "v1"],
    ['{"jsonrpc":"2.0","id":902}', -32600, 902],
    ['{"jsonrpc":"2.0","id":903,"method":7}', -32600, 903],
    ['{"jsonrpc":"2.0","id":904,"method":"ping","params":"x"}', -32600, 904],
    ['{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, null],
    ['{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600, null],
    ['{"jsonrpc":"2.0","id":905,"method":"no/such/method"}', -32601, 905],
    ['{"jsonrpc":"2.0","id":906,"method":"server/discover"}', -32601, 906],
    ['{"jsonrpc":"2.0","id":907,"method":"__proto__"}', -32601, 907],
  ];

/** Checks that every input of a client is answered or ignored, and that the session continues. */
export async function checkMessages(transport: OpenTransport, check: Check): Promise<void> {
  const gateway = await transport.connect();
  const { client } = gateway;

  await check(
    "[protocol.invalid] a line that is not a valid request is answered with an error",
    async () => {
      for (const [line, code, id] of INVALID_LINES) {
        const { message } = await sendAndWaitForError(client, line);
        assert.deepEqual([message.error?.code, message.id], [code, id], line);
        assert.equal(typeof message.error?.message, "string");
      }
    },
  );

  await check("[protocol.invalid] unexpected answers and notifications are ignored", async () => {
    await client.sendLine('{"jsonrpc":"2.0","id":12345,"result":{}}');
    await client.sendLine('{"jsonrpc":"2.0","id":"x","error":{"code":1,"message":"m"}}');
    await client.sendLine('{"jsonrpc":"2.0","id":12345,"result":');
    await client.notify("notifications/roots/list_changed");
    await client.notify("notifications/progress", { progressToken: 1, progress: 1 });
    await client.notify("no/such/notification");
    assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
  });

  await check("[protocol.batch] a batch is refused in a revision without batches", async () => {
    const line = '[{"jsonrpc":"2.0","id":"b1","method":"ping"}]';
    const { message: { id, error } } = await sendAndWaitForError(client, line);
    assert.deepEqual([id, error?.code], [null, -32600]);
    assert.match(error?.message ?? "", /Only revision 2025-03-26 of MCP has batches/);
  });

  await check("[protocol.invalid] a line that is not UTF-8 is answered with an error", async () => {
    const answer = client.waitForAnswer(null);
    await client.transport.write(new Uint8Array([0x7b, 0xff, 0xfe, 0x0a]));
    assert.equal((await answer).message.error?.code, -32700);
  });

  await check(
    "[protocol.framing] CRLF, blanks and several messages in one write are accepted",
    async () => {
      const answers = [
        client.waitForAnswer("f1"),
        client.waitForAnswer("f2"),
        client.waitForAnswer("f3"),
      ];
      const ping = (id: string) => `{"jsonrpc":"2.0","id":"${id}","method":"ping"}`;
      await client.transport.write(`  ${ping("f1")}\t\r\n\n\r\n${ping("f2")}\n${ping("f3")}\n`);
      await Promise.all(answers);
    },
  );

  await check("[protocol.framing] a message that arrives in chunks is read", async () => {
    const bytes = new TextEncoder().encode('{"jsonrpc":"2.0","id":"é😀","method":"ping"}\n');
    const answer = client.waitForAnswer("é😀");
    for (const byte of bytes) await client.transport.write(new Uint8Array([byte]));
    await answer;
  });

  await check(
    "[protocol.too-long] a message above 64 MiB is skipped and answered with an error",
    async () => {
      const answer = client.waitForAnswer("huge");
      await client.transport.write('{"jsonrpc":"2.0","id":"huge","method":"ping","params":{"x":"');
      const chunk = new Uint8Array(4 * 1024 * 1024).fill(0x78);
      for (let mib = 0; mib <= 64; mib += 4) await client.transport.write(chunk);
      await client.transport.write('"}}\n');
      assert.equal((await answer).message.error?.code, -32700);
      assert.deepEqual((await client.request("ping")).result, {});
    },
  );

  await check(
    "[protocol.ping] ping is answered after all messages of the tests above",
    async () => {
      assert.deepEqual((await client.request("ping")).result, {});
    },
  );

  await check("[protocol.initialize] a second initialize is refused", async () => {
    assert.equal((await client.initialize()).error?.code, -32600);
  });
}

/** Checks that a session begins with `initialize`, in any revision. */
export async function checkHandshake(transport: OpenTransport, check: Check): Promise<void> {
  const revisions = [
    ["2024-11-05", "2024-11-05"],
    ["2025-03-26", "2025-03-26"],
    ["2025-06-18", "2025-06-18"],
    ["2025-11-25", "2025-11-25"],
    ["2026-07-28", "2025-11-25"],
    ["1999-01-01", "2025-11-25"],
  ] as const;
  for (const [requested, expected] of revisions) {
    await check(
      `[protocol.revisions] a client that requests ${requested} gets ${expected}`,
      async () => {
        const gateway = await transport.connect(false);
        const { result } = await gateway.client.initialize({ protocolVersion: requested });
        assert.equal(result?.protocolVersion, expected);
        assert.equal(await gateway.callServerToolForText("old", "count"), "1");
      },
    );
  }

  await check(
    "[protocol.batch] in revision 2025-03-26, a batch is answered with a batch",
    async () => {
      const { client } = await transport.connect({ protocolVersion: "2025-03-26" });
      const call = '"method":"tools/call","params":{"name":"execute_tool","arguments":' +
        '{"server":"old","tool":"count","args":{}}}';
      const answer = client.waitForAnswer("b2");
      await client.sendLine(
        `[{"jsonrpc":"2.0","id":"b1",${call}},{"jsonrpc":"2.0","method":"notifications/x"},7,` +
          '{"jsonrpc":"2.0","id":"b2","method":"ping"},{"jsonrpc":"2.0","id":"b3","method":"no"}]',
      );
      const messages = JSON.parse((await answer).text);
      const idsAndCodes = messages.map((message: { id: unknown; error?: { code: number } }) => {
        return [message.id, message.error?.code];
      });
      assert.deepEqual(
        idsAndCodes.toSorted(),
        [[null, -32600], ["b1", undefined], ["b2", undefined], ["b3", -32601]].toSorted(),
      );
    },
  );

  await check(
    "[protocol.initialize] after an initialize without a version, the client may send a valid one",
    async () => {
      const gateway = await transport.connect(false);
      assert.equal((await gateway.client.request("initialize")).error?.code, -32602);
      const probe = await gateway.client.request("server/discover", {});
      assert.equal(probe.error?.code, -32601);
      assert.ok((await gateway.client.initialize()).result);
    },
  );
}
