import assert from "node:assert/strict";
import { executeParams, onlyText } from "../../e2e/agent_session.ts";
import type { Fields } from "../../e2e/raw_client.ts";
import { until } from "../../e2e/until.ts";
import type { OpenTransport } from "./transport.ts";
import type { Check } from "./suite.ts";

/** Many calls are in progress at once, and each can be cancelled. */
export async function checkCalls(transport: OpenTransport, check: Check): Promise<void> {
  const gateway = await transport.connect();
  const { client } = gateway;
  const waiting = (count: number) => {
    return until(`${count} calls wait`, async () => {
      return await gateway.text("odd", "waiting") === String(count);
    });
  };
  const cancel = (requestId: unknown, reason = "not needed any more") => {
    return client.notify("notifications/cancelled", { requestId, reason });
  };

  await check("[protocol.multiplex] a slow call delays no other", async () => {
    const slow = client.request("tools/call", executeParams("odd", "wait"), "slow");
    const quick = Array.from({ length: 200 }, (_, n) => gateway.text("odd", "echo", { n }));
    const answers = await Promise.all(quick);
    for (const [n, line] of answers.entries()) {
      assert.deepEqual(JSON.parse(line).params.arguments, { n });
    }
    assert.equal(await gateway.text("odd", "release"), "done");
    assert.equal(onlyText((await slow).result), "released");
  });

  await check("[protocol.cancel] a cancelled call is cancelled at the server", async () => {
    const before = client.received.length;
    for (const id of ["to cancel", 4711, 0]) {
      void client.send(JSON.stringify({
        jsonrpc: "2.0",
        id,
        method: "tools/call",
        params: executeParams("odd", "wait"),
      }));
    }
    await waiting(3);
    for (const id of ["to cancel", 4711, 0]) await cancel(id);
    await waiting(0);
    const cancels = (await gateway.text("odd", "received")).split("\n")
      .filter((line) => line.includes('"notifications/cancelled"'));
    assert.equal(cancels.length, 3);
    assert.equal(JSON.parse(cancels[0] ?? "").params.reason, "not needed any more");
    await gateway.text("odd", "release");
    const answered = client.received.slice(before).map(({ message }) => message.id);
    for (const id of ["to cancel", 4711, 0]) assert.equal(answered.includes(id), false);
  });

  await check(
    "[protocol.cancel] cancelling a finished or unknown call has no effect",
    async () => {
      await gateway.text("odd", "echo");
      for (const id of [1, 2, 999, "never", null, {}, undefined]) await cancel(id);
      await client.notify("notifications/cancelled");
      assert.equal(await gateway.text("odd", "waiting"), "0");
    },
  );

  await check("[protocol.cancel] while the server is still starting", async () => {
    const id = client.newId();
    const params = executeParams("other", "wait");
    await client.send(JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params }));
    await cancel(id);
    assert.doesNotMatch(await gateway.text("other", "received"), /"wait"/);
  });

  await check("[protocol.ids] ids of every kind come back unchanged", async () => {
    const ids = ["", "a", "0", "\\u0000é", '"', -1, 1.5, "12345678901234567890", "__proto__"];
    const answers = ids.map((id) => client.request("ping", {}, id));
    for (const [index, answer] of (await Promise.all(answers)).entries()) {
      assert.deepEqual(answer, { jsonrpc: "2.0", id: ids[index], result: {} });
    }
    // Beyond the integers that a double can represent.
    const answer = client.next("its answer", ({ id }) => id === 12345678901234567890);
    await client.send('{"jsonrpc":"2.0","id":12345678901234567890,"method":"ping"}');
    await answer;
    assert.ok(client.program.lines.at(-1)?.includes('"id":12345678901234567890'));
  });

  await check("[protocol.ids] 0, text and number ids of calls do not mix", async () => {
    const ids = [0, "0", 900, "900"];
    const calls = ids.map((id) => {
      return client.request("tools/call", executeParams("odd", "echo", { id }), id);
    });
    for (const [index, { result }] of (await Promise.all(calls)).entries()) {
      assert.equal(JSON.parse(onlyText(result)).params.arguments.id, ids[index]);
    }
  });

  await check("[protocol.ids] an id in use is refused, and the call continues", async () => {
    const slow = client.request("tools/call", executeParams("odd", "wait"), "twice");
    await waiting(1);
    const refusal = client.answerTo(null);
    await client.send('{"jsonrpc":"2.0","id":"twice","method":"ping"}');
    const { message } = await refusal;
    assert.equal(message.error?.code, -32600);
    await gateway.text("odd", "release");
    assert.equal(onlyText((await slow).result), "released");
  });
}

/** Progress comes back under the token of the client. */
export async function checkProgress(transport: OpenTransport, check: Check): Promise<void> {
  const gateway = await transport.connect();
  const { client } = gateway;
  const run = async (token: unknown): Promise<Fields[]> => {
    const before = client.received.length;
    const { result } = await client.request("tools/call", {
      ...executeParams("odd", "progress"),
      _meta: { progressToken: token },
    });
    assert.equal(onlyText(result), "done");
    return client.received.slice(before).map(({ message }) => message)
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
    const before = client.notifications("notifications/progress").length;
    assert.equal(await gateway.text("odd", "progress"), "done");
    assert.equal(client.notifications("notifications/progress").length, before);
    assert.deepEqual(await run(null), []);
  });

  await check(
    "[protocol.progress] the progress of calls with one token goes to that token",
    async () => {
      const [one, two] = await Promise.all([run("one"), run("two")]);
      const tokens = [...one, ...two].map(({ progressToken }) => progressToken);
      assert.ok(tokens.every((token) => token === "one" || token === "two"));
      assert.equal(client.notifications("notifications/progress").length, 6 * 3 + 6);
    },
  );
}
