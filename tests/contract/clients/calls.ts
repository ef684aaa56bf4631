import assert from "node:assert/strict";
import { executeToolParams, readSingleText } from "../../e2e/agent_session.ts";
import type { Fields } from "../../e2e/raw_client.ts";
import { waitUntil } from "../../e2e/wait.ts";
import type { OpenTransport } from "./transport.ts";
import type { Check } from "./suite.ts";

/** Many calls are in progress at once, and each can be cancelled. */
export async function checkCalls(transport: OpenTransport, check: Check): Promise<void> {
  const gateway = await transport.connect();
  const { client } = gateway;
  const waiting = (count: number) => {
    return waitUntil(`${count} calls wait`, async () => {
      return await gateway.callServerToolForText("odd", "waiting") === String(count);
    });
  };
  const cancel = (requestId: unknown, reason = "not needed any more") => {
    return client.notify("notifications/cancelled", { requestId, reason });
  };

  await check("[protocol.multiplex] a slow call delays no other", async () => {
    const slow = client.request("tools/call", executeToolParams("odd", "wait"), "slow");
    const quick = Array.from(
      { length: 200 },
      (_, n) => gateway.callServerToolForText("odd", "echo", { n }),
    );
    const answers = await Promise.all(quick);
    for (const [n, line] of answers.entries()) {
      assert.deepEqual(JSON.parse(line).params.arguments, { n });
    }
    assert.equal(await gateway.callServerToolForText("odd", "release"), "done");
    assert.equal(readSingleText((await slow).result), "released");
  });

  await check("[protocol.cancel] a cancelled call is cancelled at the server", async () => {
    const before = client.receivedMessages.length;
    for (const id of ["to cancel", 4711, 0]) {
      void client.sendLine(JSON.stringify({
        jsonrpc: "2.0",
        id,
        method: "tools/call",
        params: executeToolParams("odd", "wait"),
      }));
    }
    await waiting(3);
    for (const id of ["to cancel", 4711, 0]) await cancel(id);
    await waiting(0);
    const cancels = (await gateway.callServerToolForText("odd", "received")).split("\n")
      .filter((line) => line.includes('"notifications/cancelled"'));
    assert.equal(cancels.length, 3);
    assert.equal(JSON.parse(cancels[0] ?? "").params.reason, "not needed any more");
    await gateway.callServerToolForText("odd", "release");
    const answered = client.receivedMessages.slice(before).map(({ message }) => message.id);
    for (const id of ["to cancel", 4711, 0]) assert.equal(answered.includes(id), false);
  });

  await check(
    "[protocol.cancel] cancelling a finished or unknown call has no effect",
    async () => {
      await gateway.callServerToolForText("odd", "echo");
      for (const id of [1, 2, 999, "never", null, {}, undefined]) await cancel(id);
      await client.notify("notifications/cancelled");
      assert.equal(await gateway.callServerToolForText("odd", "waiting"), "0");
    },
  );

  await check("[protocol.cancel] while the server is still starting", async () => {
    const id = client.newId();
    const params = executeToolParams("other", "wait");
    await client.sendLine(JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params }));
    await cancel(id);
    assert.doesNotMatch(await gateway.callServerToolForText("other", "received"), /"wait"/);
  });

  await check("[protocol.ids] ids of every kind come back unchanged", async () => {
    const ids = ["", "a", "0", "\\u0000é", '"', -1, 1.5, "12345678901234567890", "__proto__"];
    const answers = ids.map((id) => client.request("ping", {}, id));
    for (const [index, answer] of (await Promise.all(answers)).entries()) {
      assert.deepEqual(answer, { jsonrpc: "2.0", id: ids[index], result: {} });
    }
    // Beyond the integers that a double can represent.
    const answer = client.waitForMessage("its answer", ({ id }) => id === 12345678901234567890);
    await client.sendLine('{"jsonrpc":"2.0","id":12345678901234567890,"method":"ping"}');
    await answer;
    assert.ok(client.transport.lines.at(-1)?.includes('"id":12345678901234567890'));
  });

  await check("[protocol.ids] 0, text and number ids of calls do not mix", async () => {
    const ids = [0, "0", 900, "900"];
    const calls = ids.map((id) => {
      return client.request("tools/call", executeToolParams("odd", "echo", { id }), id);
    });
    for (const [index, { result }] of (await Promise.all(calls)).entries()) {
      assert.equal(JSON.parse(readSingleText(result)).params.arguments.id, ids[index]);
    }
  });

  await check("[protocol.ids] an id in use is refused, and the call continues", async () => {
    const slow = client.request("tools/call", executeToolParams("odd", "wait"), "twice");
    await waiting(1);
    const refusal = client.waitForAnswer(null);
    await client.sendLine('{"jsonrpc":"2.0","id":"twice","method":"ping"}');
    const { message } = await refusal;
    assert.equal(message.error?.code, -32600);
    await gateway.callServerToolForText("odd", "release");
    assert.equal(readSingleText((await slow).result), "released");
  });
}

/** Progress comes back under the token of the client. */
export async function checkProgress(transport: OpenTransport, check: Check): Promise<void> {
  const gateway = await transport.connect();
  const { client } = gateway;
  const run = async (token: unknown): Promise<Fields[]> => {
    const before = client.receivedMessages.length;
    const { result } = await client.request("tools/call", {
      ...executeToolParams("odd", "progress"),
      _meta: { progressToken: token },
    });
    assert.equal(readSingleText(result), "done");
    return client.receivedMessages.slice(before).map(({ message }) => message)
      .filter(({ method }) => method === "notifications/progress")
      .map(({ params = {} }) => params);
  };

  for (const token of ["mine", "", "7", 7, 0, 1.5]) {
    await check(`[protocol.progress] ${JSON.stringify(token)}, all of it, in order`, async () => {
      const expected = [1, 2.5, 3].map((progress) => {
        const message = `step ${progress}`;
        return { progressToken: token, progress, total: 3, message, odd: [] };
      });
      assert.deepEqual(await run(token), expected);
    });
  }

  await check("[protocol.progress] none for a client that did not request it", async () => {
    const before = client.notificationParams("notifications/progress").length;
    assert.equal(await gateway.callServerToolForText("odd", "progress"), "done");
    assert.equal(client.notificationParams("notifications/progress").length, before);
    assert.deepEqual(await run(null), []);
  });

  await check(
    "[protocol.progress] the progress of calls with one token goes to that token",
    async () => {
      const [one, two] = await Promise.all([run("one"), run("two")]);
      const tokens = [...one, ...two].map(({ progressToken }) => progressToken);
      assert.ok(tokens.every((token) => token === "one" || token === "two"));
      assert.equal(client.notificationParams("notifications/progress").length, 6 * 3 + 6);
    },
  );
}
