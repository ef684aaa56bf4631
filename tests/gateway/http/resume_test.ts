import assert from "node:assert/strict";
import { waitUntil } from "../../e2e/wait.ts";
import { EventReader, request, Scene } from "./scene.ts";

Deno.test("a client that lost its connection", async (t) => {
  await using scene = await Scene.open({ limits: { streamAfterMs: 20, maxReplayChars: 4000 } });
  const session = await scene.initialize();
  const [client] = scene.clients;
  assert.ok(client);
  const lose = async (id: string): Promise<string> => {
    const reader = new EventReader(
      await session.post(request("wait", id), {
        "mcp-protocol-version": "2025-11-25",
      }),
    );
    const lastId = (await reader.next())?.id ?? "";
    await reader.cancel();
    return lastId;
  };
  const resume = (lastId: string) => session.get({ "last-event-id": lastId });

  await t.step("[http.resume] gets an answer from the meantime", async () => {
    const lastId = await lose("one");
    client.waiting.splice(0).forEach((call) => call.reply({ came: "meanwhile" }));
    const [answer = "", ...more] = await new EventReader(await resume(lastId)).rest();
    assert.deepEqual(JSON.parse(answer).result, { came: "meanwhile" });
    assert.deepEqual(more, []);
  });

  await t.step("[http.resume] gets a later answer", async () => {
    const lastId = await lose("two");
    const reader = new EventReader(await resume(lastId));
    client.waiting.splice(0).forEach((call) => call.reply({ came: "later" }));
    const [answer = ""] = await reader.rest();
    assert.deepEqual(JSON.parse(answer).result, { came: "later" });
  });

  await t.step("[http.resume] gets each message once, from its last event on", async () => {
    const reader = new EventReader(await session.post(request("progress", "three")));
    const first = await reader.message();
    await reader.cancel();
    const rest = await new EventReader(await resume(first?.id ?? "")).rest();
    assert.deepEqual(rest.map((text) => JSON.parse(text).id), [undefined, "three"]);
  });

  await t.step("[http.resume] messages sent while no stream is open wait", async () => {
    for (const method of ["a", "b"]) client.peer.notify(method);
    const reader = new EventReader(await session.get());
    const [a, b] = [await reader.message(), await reader.message()];
    assert.deepEqual([a, b].map((event) => JSON.parse(event?.data ?? "").method), ["a", "b"]);
    await reader.cancel();
    client.peer.notify("c");
    const again = new EventReader(await resume(a?.id ?? ""));
    const methods = [await again.message(), await again.message()];
    assert.deepEqual(methods.map((event) => JSON.parse(event?.data ?? "").method), ["b", "c"]);
    await again.cancel();
  });

  await t.step("[http.resume] gets an error if too much was lost", async () => {
    const lastId = await lose("four");
    client.waiting.splice(0).forEach((call) => call.reply({ json: "x".repeat(5000) }));
    const response = await resume(lastId);
    assert.equal(response.status, 400);
    await response.body?.cancel();
  });

  await t.step("[http.resume] gets an error if only the end of the stream is left", async () => {
    const reader = new EventReader(await session.post(request("flood", "flood", { size: 100 })));
    const first = await reader.message();
    await reader.cancel();
    await waitUntil("the call is there", () => client.waiting.length === 1);
    const response = await resume(first?.id ?? "");
    assert.equal(response.status, 400);
    await response.body?.cancel();
    client.waiting.splice(0).forEach((call) => call.reply({}));
  });

  await t.step("[http.resume] cannot read a stream of another session", async () => {
    const lastId = await lose("five");
    const other = await scene.initialize();
    const response = await other.get({ "last-event-id": lastId });
    assert.equal(response.status, 400);
    await response.body?.cancel();
    client.waiting.splice(0).forEach((call) => call.reply({}));
  });

  await t.step("[http.disconnect] a disconnect is not a cancellation", async () => {
    await lose("six");
    await waitUntil("the call is there", () => client.waiting.length === 1);
    assert.equal(client.waiting[0]?.signal.aborted, false);
    client.waiting.splice(0).forEach((call) => call.reply({}));
  });
});
