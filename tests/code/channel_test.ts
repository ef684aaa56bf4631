import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { errorOf, TestSandboxes, textResult } from "./sandboxes.ts";

const PROGRAM = fileURLToPath(new URL("../fixtures/hostile_sandbox.ts", import.meta.url));

const ATTACKS = [
  ...["not json", "an endless line", "a line that is too long", "an answer to no request"],
  ...["a request for another method", "another message", "output that is no text", "a batch"],
  ...[
    "deep nesting",
    "a value that is too long",
    "too many calls",
    "calls without names",
    "the id of a call again and again",
    "output without end",
  ],
];

for (const attack of ATTACKS) {
  Deno.test(`[code.channel] ${attack} ends the process, and nothing else`, async () => {
    await using sandboxes = new TestSandboxes({
      command: {
        file: Deno.execPath(),
        args: ["run", "--quiet", "--no-prompt", "--no-lock", PROGRAM, attack],
        raw: false,
        env: { DENO_DIR: Deno.env.get("DENO_DIR") ?? "", HOME: Deno.env.get("HOME") ?? "" },
      },
    });
    let callCount = 0;
    const outcome = await sandboxes.run("return 1", {
      call() {
        callCount++;
        return Promise.resolve(textResult("x"));
      },
    });
    const error = errorOf(outcome);
    assert.equal(error.kind, "ended");
    assert.match(
      error.message,
      /: it (?:sent an invalid|made a call|sent output|sent too much|did not read)/,
    );
    assert.ok(callCount <= 1000, `${callCount} calls`);
    assert.ok(outcome.logs.length < 257 * 1024);
  });
}
