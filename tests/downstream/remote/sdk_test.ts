import assert from "node:assert/strict";
import { createResultReply } from "../../contract/fake_client.ts";
import { readResultJson } from "../../contract/downstream_fixture.ts";
import type { Fields } from "../../contract/scripted_server.ts";
import { waitUntil } from "../../e2e/wait.ts";
import { createRemoteFixture } from "./remote_fixture.ts";
import { startNewSdk, startOldSdk, startOldSdkSse } from "./sdk_servers.ts";

const SERVERS = [
  ["SDK 1.32", "http", startOldSdk],
  ["SDK 2.4", "http", startNewSdk],
  ["SDK 1.32 over SSE", "sse", startOldSdkSse],
  ["SDK 1.32 over SSE, detected", "auto", startOldSdkSse],
] as const;

for (const [name, kind, start] of SERVERS) {
  Deno.test(`[remote.sdk-servers] ${name}: tools, progress, elicitation, list changes and the end work`, async () => {
    await using sdk = await start();
    {
      await using fixture = createRemoteFixture(sdk.url, { kind });
      const { items } = await fixture.listTools();
      assert.deepEqual(items.map((tool) => tool.name), ["progress", "ask", "resumed", "plain"]);
      assert.deepEqual(items[0]?.definition.annotations, { title: "progress" });

      const steps: Fields[] = [];
      const onProgress = (step: Fields): void => void steps.push(step);
      const answer = await fixture.call("progress", { onProgress });
      assert.equal(readResultJson(answer), '{"content":[{"type":"text","text":"progress"}]}');
      assert.deepEqual(steps.map(({ progress, total }) => [progress, total]), [[1, 2]]);

      const elicitationResult = { action: "accept", content: { name: "Ada" } };
      fixture.client.answer = () => Promise.resolve(createResultReply(elicitationResult));
      const resultJson = readResultJson(await fixture.call("ask"));
      assert.deepEqual(JSON.parse(JSON.parse(resultJson).content[0].text), elicitationResult);
      assert.equal((await fixture.client.received.take()).params.message, "[files] Your name?");

      assert.match(readResultJson(await fixture.call("resumed")), /resumed/);

      // The notification may be lost until the client's standalone stream is open, so it is repeated.
      await waitUntil("the server has a session", () => sdk.sessions.size === 1);
      while ((await fixture.listTools()).get("added") === undefined) {
        await sdk.changeTools();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      assert.deepEqual(fixture.log, []);
      assert.equal(fixture.connections.length, 1);
    }
    // The server was notified of the end of the session, or detected it.
    await waitUntil("the server has no session", () => sdk.sessions.size === 0);
  });
}

for (const [name, start] of [["SDK 1.32", startOldSdk], ["SDK 2.4", startNewSdk]] as const) {
  Deno.test(`[remote.session-gone] ${name}: a restarted server is used again`, async () => {
    await using sdk = await start();
    await using fixture = createRemoteFixture(sdk.url);
    assert.match(readResultJson(await fixture.call("plain")), /plain/);
    sdk.forgetSessions();
    const calls = [1, 2, 3].map(() => fixture.call("plain"));
    for (const call of calls) assert.match(readResultJson(await call), /plain/);
    assert.equal(sdk.sessions.size, 1);
  });
}

for (const [name, start] of [["SDK 1.32", startOldSdk], ["SDK 2.4", startNewSdk]] as const) {
  Deno.test(`[remote.restarted] ${name}: the SDK's own answer after a restart leads to a new session`, async () => {
    await using sdk = await start({ letsSdkRefuse: true });
    await using fixture = createRemoteFixture(sdk.url);
    assert.match(readResultJson(await fixture.call("plain")), /plain/);
    sdk.forgetSessions();
    const calls = Array.from({ length: 16 }, () => fixture.call("plain"));
    for (const call of calls) assert.match(readResultJson(await call), /plain/);
    assert.equal(sdk.sessions.size, 1);
  });
}
