/**
 * Plays the conversations of tests/golden/jsonrpc: `# TITLE`, `side client` or `side server`, then
 * steps, each followed by its events (see `conversation.ts`). A new case is a new file.
 */
import assert from "node:assert/strict";
import { isStep, ScriptedConversation } from "./scripted_conversation.ts";

const folder = new URL("../golden/jsonrpc/", import.meta.url);
const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("the folder of golden conversations is not empty", () => {
  assert.ok(names.length > 0);
});

for (const name of names) {
  const [title = "", side = "", ...lines] = Deno.readTextFileSync(new URL(name, folder))
    .trimEnd().split("\n");
  Deno.test(`${title.replace(/^# /, "")} (${name})`, async () => {
    assert.match(side, /^side (client|server)$/);
    const conversation = new ScriptedConversation(side === "side server" ? "server" : "client");
    const written: string[] = [];
    for (const line of lines) {
      if (line === "" || line.startsWith("#")) written.push(line);
      else if (isStep(line)) written.push(line, ...await conversation.play(line));
    }
    const left = await conversation.end();
    assert.deepEqual(written, lines);
    assert.deepEqual(left, [0, 0], "requests that nobody answers are left");
  });
}
