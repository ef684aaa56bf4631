import assert from "node:assert/strict";
import { resultReply } from "../../contract/client.ts";
import { resultText } from "../../contract/scene.ts";
import type { Fields } from "../../contract/scripted_server.ts";
import { until } from "../../contract/seen.ts";
import { remoteScene } from "./scene.ts";
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
      await using scene = remoteScene(sdk.url, { kind });
      const { tools } = await scene.listTools();
      assert.deepEqual(tools.map((tool) => tool.name), ["progress", "ask", "resumed", "plain"]);
      assert.deepEqual(tools[0]?.definition.annotations, { title: "progress" });

      const steps: Fields[] = [];
      const onProgress = (step: Fields): void => void steps.push(step);
      const answer = await scene.call("progress", { onProgress });
      assert.equal(resultText(answer), '{"content":[{"type":"text","text":"progress"}]}');
      assert.deepEqual(steps.map(({ progress, total }) => [progress, total]), [[1, 2]]);

      const reply = { action: "accept", content: { name: "Ada" } };
      scene.client.answer = () => Promise.resolve(resultReply(reply));
      const elicited = resultText(await scene.call("ask"));
      assert.deepEqual(JSON.parse(JSON.parse(elicited).content[0].text), reply);
      assert.equal((await scene.client.received.take()).params.message, "[files] Your name?");

      assert.match(resultText(await scene.call("resumed")), /resumed/);

      // The list is requested again when the notification has arrived on the standalone stream.
      const before = await scene.listTools();
      await until(() => sdk.sessions.size === 1);
      for (let isSame = true; isSame;) {
        await sdk.notifyChange();
        await new Promise((resolve) => setTimeout(resolve, 5));
        isSame = await scene.listTools() === before;
      }
      assert.deepEqual(scene.log, []);
      assert.equal(scene.taps.length, 1);
    }
    // The server was notified of the end of the session, or detected it.
    await until(() => sdk.sessions.size === 0);
  });
}

for (const [name, start] of [["SDK 1.32", startOldSdk], ["SDK 2.4", startNewSdk]] as const) {
  Deno.test(`[remote.session-gone] ${name}: a restarted server is used again`, async () => {
    await using sdk = await start();
    await using scene = remoteScene(sdk.url);
    assert.match(resultText(await scene.call("plain")), /plain/);
    sdk.forgetSessions();
    const calls = [1, 2, 3].map(() => scene.call("plain"));
    for (const call of calls) assert.match(resultText(await call), /plain/);
    assert.equal(sdk.sessions.size, 1);
  });
}

for (const [name, start] of [["SDK 1.32", startOldSdk], ["SDK 2.4", startNewSdk]] as const) {
  Deno.test(`[remote.restarted] ${name}: the SDK's own answer after a restart leads to a new session`, async () => {
    await using sdk = await start({ letsSdkRefuse: true });
    await using scene = remoteScene(sdk.url);
    assert.match(resultText(await scene.call("plain")), /plain/);
    sdk.forgetSessions();
    const calls = Array.from({ length: 16 }, () => scene.call("plain"));
    for (const call of calls) assert.match(resultText(await call), /plain/);
    assert.equal(sdk.sessions.size, 1);
  });
}
