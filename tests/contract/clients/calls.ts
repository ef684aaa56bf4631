import assert from "node:assert/strict";
import { executeToolParams, readSingleText } from "../../e2e/agent_session.ts";
import type { Fields } from "../../e2e/raw_client.ts";
import { waitUntil } from "../../e2e/wait.ts";
import { type OpenTransport, WAIT_FILE } from "./transport.ts";
import type { Check } from "./suite.ts";

/** Checks many simultaneous calls, their ids and their cancellation. */
export async function checkCalls(transport: OpenTransport, check: Check): Promise<void> {
  const gateway = await transport.connect();
  const { client } = gateway;
  const waitForPendingCalls = (count: number) => {
    return waitUntil(`${count} calls are pending`, async () => {
      return await gateway.callServerToolForText("odd", "waiting") === String(count);
    });
  };
  const cancel = (requestId: unknown) => {
    return client.notify("notifications/cancelled", { requestId, reason: "not needed any more" });
  };

  await check("[protocol.multiplex] a slow call does not delay other calls", async () => {
    const slowCall = client.request("tools/call", executeToolParams("odd", "wait"), "slow");
    const quickCalls = Array.from(
      { length: 200 },
      (_, n) => gateway.callServerToolForText("odd", "echo", { n }),
    );
    const answers = await Promise.all(quickCalls);
    for (const [n, line] of answers.entries()) {
      assert.deepEqual(JSON.parse(line).params.arguments, { n });
    }
    assert.equal(await gateway.callServerToolForText("odd", "release"), "done");
    assert.equal(readSingleText((await slowCall).result), "released");
  });

  await check(
    "[protocol.cancel] a cancelled call is cancelled at the server, and not answered",
    async () => {
      const startIndex = client.receivedMessages.length;
      for (const id of ["to cancel", 4711, 0]) {
        void client.sendLine(JSON.stringify({
          jsonrpc: "2.0",
          id,
          method: "tools/call",
          params: executeToolParams("odd", "wait"),
        }));
      }
      await waitForPendingCalls(3);
      for (const id of ["to cancel", 4711, 0]) await cancel(id);
      await waitForPendingCalls(0);
      const cancellations = (await gateway.callServerToolForText("odd", "received")).split("\n")
        .filter((line) => line.includes('"notifications/cancelled"'));
      assert.equal(cancellations.length, 3);
      assert.equal(JSON.parse(cancellations[0] ?? "").params.reason, "not needed any more");
      await gateway.callServerToolForText("odd", "release");
      const answeredIds = client.receivedMessages.slice(startIndex).map(({ message }) =>
        message.id
      );
      for (const id of ["to cancel", 4711, 0]) assert.equal(answeredIds.includes(id), false);
    },
  );

  await check(
    "[protocol.cancel] cancelling a finished or unknown call has no effect",
    async () => {
      await gateway.callServerToolForText("odd", "echo");
      for (const id of [1, 2, 999, "never", null, {}, undefined]) await cancel(id);
      await client.notify("notifications/cancelled");
      assert.equal(await gateway.callServerToolForText("odd", "waiting"), "0");
    },
  );

  await check(
    "[protocol.cancel] a call that is cancelled while its server starts is not sent to the server",
    async () => {
      const id = client.newId();
      const params = executeToolParams("other", "wait");
      Deno.writeTextFileSync(WAIT_FILE, "");
      try {
        await client.sendLine(JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params }));
        await waitUntil("the server starts", () => Deno.readTextFileSync(WAIT_FILE) !== "");
        await cancel(id);
        // The gateway reads messages in order, so it has read the cancellation.
        await client.request("ping");
      } finally {
        Deno.removeSync(WAIT_FILE);
      }
      assert.doesNotMatch(await gateway.callServerToolForText("other", "received"), /"wait"/);
    },
  );

  await check("[protocol.ids] an answer has the unchanged id of its request", async () => {
    const ids = ["", "a", "0", "\\u0000é", '"', -1, 1.5, "12345678901234567890", "__proto__"];
    const answers = ids.map((id) => client.request("ping", {}, id));
    for (const [index, answer] of (await Promise.all(answers)).entries()) {
      assert.deepEqual(answer, { jsonrpc: "2.0", id: ids[index], result: {} });
    }
    // This id is beyond the integers that a double represents exactly.
    const answer = client.waitForMessage(
      "the answer to the large id",
      ({ id }) => id === 12345678901234567890,
    );
    await client.sendLine('{"jsonrpc":"2.0","id":12345678901234567890,"method":"ping"}');
    await answer;
    assert.ok(client.transport.lines.at(-1)?.includes('"id":12345678901234567890'));
  });

  await check(
    "[protocol.ids] a number and a string with the same digits are distinct ids",
    async () => {
      const ids = [0, "0", 900, "900"];
      const calls = ids.map((id) => {
        return client.request("tools/call", executeToolParams("odd", "echo", { id }), id);
      });
      for (const [index, { result }] of (await Promise.all(calls)).entries()) {
        assert.equal(JSON.parse(readSingleText(result)).params.arguments.id, ids[index]);
      }
    },
  );

  await check("[protocol.ids] an id in use is refused, and the call continues", async () => {
    const slowCall = client.request("tools/call", executeToolParams("odd", "wait"), "twice");
    await waitForPendingCalls(1);
    const refusal = client.waitForAnswer(null);
    await client.sendLine('{"jsonrpc":"2.0","id":"twice","method":"ping"}');
    const { message } = await refusal;
    assert.equal(message.error?.code, -32600);
    await gateway.callServerToolForText("odd", "release");
    assert.equal(readSingleText((await slowCall).result), "released");
  });

  await check("[finding.best] a query finds tools of all servers", async () => {
    interface Answer {
      readonly tools: readonly { readonly server: string; readonly name: string }[];
    }
    const { tools } = await gateway.callGatewayToolForJson<Answer>("get_server_tools", {
      query: "echo",
    });
    for (const server of ["odd", "other", "old"]) {
      assert.ok(tools.some((tool) => tool.server === server && tool.name === "echo"), server);
    }
  });
}

/** Checks that the progress of a call reaches the client with its own token. */
export async function checkProgress(transport: OpenTransport, check: Check): Promise<void> {
  const gateway = await transport.connect();
  const { client } = gateway;
  const readProgress = async (token: unknown): Promise<Fields[]> => {
    const startIndex = client.receivedMessages.length;
    const { result } = await client.request("tools/call", {
      ...executeToolParams("odd", "progress"),
      _meta: { progressToken: token },
    });
    assert.equal(readSingleText(result), "done");
    return client.receivedMessages.slice(startIndex).map(({ message }) => message)
      .filter(({ method }) => method === "notifications/progress")
      .map(({ params = {} }) => params);
  };

  const tokens = ["mine", "", "7", 7, 0, 1.5];
  const steps = [1, 2.5, 3];
  for (const token of tokens) {
    await check(
      `[protocol.progress] all progress arrives in order with the token ${JSON.stringify(token)}`,
      async () => {
        const expected = steps.map((progress) => {
          const message = `step ${progress}`;
          return { progressToken: token, progress, total: 3, message, odd: [] };
        });
        assert.deepEqual(await readProgress(token), expected);
      },
    );
  }

  await check("[protocol.progress] a client that did not request progress gets none", async () => {
    const previousCount = client.notificationParams("notifications/progress").length;
    assert.equal(await gateway.callServerToolForText("odd", "progress"), "done");
    assert.equal(client.notificationParams("notifications/progress").length, previousCount);
    assert.deepEqual(await readProgress(null), []);
  });

  await check(
    "[protocol.progress-token] a client whose token has more than 1,000 characters gets no progress",
    async () => assert.deepEqual(await readProgress("t".repeat(1001)), []),
  );

  await check(
    "[protocol.progress] two calls at once get progress under their own tokens",
    async () => {
      const [one, two] = await Promise.all([readProgress("one"), readProgress("two")]);
      const receivedTokens = [...one, ...two].map(({ progressToken }) => progressToken);
      assert.ok(receivedTokens.every((token) => token === "one" || token === "two"));
      assert.equal(
        client.notificationParams("notifications/progress").length,
        (tokens.length + 2) * steps.length,
      );
    },
  );
}
