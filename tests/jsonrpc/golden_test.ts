/**
 * Plays the conversations of tests/golden/jsonrpc. Each file has the line `# TITLE`, the line
 * `side client` or `side server`, and steps, each followed by its events (see `scripted_conversation.ts`).
 */
import assert from "node:assert/strict";
import { isStep, ScriptedConversation } from "./scripted_conversation.ts";

const folder = new URL("../golden/jsonrpc/", import.meta.url);
const fileNames = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("the folder of golden conversations is not empty", () => {
  assert.ok(fileNames.length > 0);
});

function stopClock(): Disposable {
  const { now } = performance;
  performance.now = () => 0;
  return { [Symbol.dispose]: () => void (performance.now = now) };
}

for (const fileName of fileNames) {
  const [title = "", side = "", ...lines] = Deno.readTextFileSync(new URL(fileName, folder))
    .trimEnd().split("\n");
  Deno.test(`${title.replace(/^# /, "")} (${fileName})`, async () => {
    assert.match(side, /^side (client|server)$/);
    // A batch gives up its turn of the event loop after some time. While the clock stands still, it does not.
    using _clock = stopClock();
    const conversation = new ScriptedConversation(side === "side server" ? "server" : "client");
    const playedLines: string[] = [];
    for (const line of lines) {
      if (line === "" || line.startsWith("#")) playedLines.push(line);
      else if (isStep(line)) playedLines.push(line, ...await conversation.play(line));
    }
    const pendingCounts = await conversation.end();
    assert.deepEqual(playedLines, lines);
    assert.deepEqual(pendingCounts, { sent: 0, received: 0 });
  });
}
