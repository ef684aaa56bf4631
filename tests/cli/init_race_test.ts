import assert from "node:assert/strict";
import { readJournal, writeFiles } from "../../src/cli/init/write_files.ts";

Deno.test("[init.undo] a concurrent init does not remove the undo of the other", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/servers.json`;
    const journal = `${folder}/journal.json`;
    const write = (text: string, second: number) => {
      const change = { path, edit: () => text, mode: 0o600 };
      return writeFiles([change], { journal, now: new Date(2026, 0, 1, 0, 0, second) });
    };
    const ended = await Promise.allSettled([write("one", 1), write("two", 2)]);
    // Either of them may be the first.
    assert.deepEqual(ended.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    assert.equal(Deno.readTextFileSync(path), ended[0]?.status === "fulfilled" ? "one" : "two");
    assert.deepEqual(readJournal(journal).map(({ files }) => files[0]?.path), [path]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
