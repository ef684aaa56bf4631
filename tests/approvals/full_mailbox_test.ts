import assert from "node:assert/strict";
import { Approvals, ApprovalWait, Mailbox } from "../../src/approvals/mod.ts";
import { TempFolder } from "../config/temp_folder.ts";

Deno.test("[approvals.bounds] calls that find the mailbox full look at it together, once in each poll", async () => {
  using folder = new TempFolder();
  const approvals = new Approvals(new Mailbox(`${folder.path}/state/approvals`));
  const waits: ApprovalWait[] = [];
  for (let index = 0; index < 120; index++) {
    const call = { agent: "writer", server: "files", tool: "write", args: `{"index":${index}}` };
    const wait = await approvals.ask(call, {
      rule: "agents.writer.ask.tools.files[0]",
      lifetimeMs: 60_000,
      connection: undefined,
      canAskClient: true,
    });
    assert.ok(wait instanceof ApprovalWait);
    waits.push(wait);
  }
  assert.equal(waits.filter(({ isInMailbox }) => isInMailbox).length, 96);

  const { readDirSync } = Deno;
  let lookCount = 0;
  Deno.readDirSync = (path) => {
    lookCount++;
    return readDirSync(path);
  };
  try {
    await Promise.all(waits.map((wait) => wait.next()));
  } finally {
    Deno.readDirSync = readDirSync;
  }
  assert.equal(lookCount, 1);

  // A call that ends makes room for one that waits.
  waits[0]?.withdraw();
  await waits.at(-1)?.next();
  assert.equal(waits.at(-1)?.isInMailbox, true);
  for (const wait of waits) wait[Symbol.dispose]();
});
