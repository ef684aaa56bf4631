import assert from "node:assert/strict";
import { readJournal } from "../../src/cli/init/journal.ts";
import { undoInit } from "../../src/cli/init/undo.ts";
import { writeFiles } from "../../src/cli/init/write_files.ts";

Deno.test("[init.undo] of two concurrent runs, one is refused, and the journal contains the other", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/servers.json`;
    const journal = `${folder}/journal.json`;
    const write = (text: string, second: number) => {
      const change = { path, edit: () => text, mode: 0o600 };
      return writeFiles([change], { journal, now: new Date(2026, 0, 1, 0, 0, second) });
    };
    const results = await Promise.allSettled([write("one", 1), write("two", 2)]);
    // Either run may be the first.
    assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    assert.equal(Deno.readTextFileSync(path), results[0]?.status === "fulfilled" ? "one" : "two");
    assert.deepEqual(readJournal(journal).map(({ files }) => files[0]?.path), [path]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("[init.undo] of two concurrent undos, one undoes the run, and the other has nothing to undo", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/servers.json`;
    Deno.writeTextFileSync(path, "before");
    const journal = `${folder}/journal.json`;
    const change = { path, edit: () => "after", mode: 0o600 };
    const now = new Date(2026, 0, 1);
    await writeFiles([change], { journal, now });
    const lines: string[] = [];
    const undo = () => undoInit({ yes: true, journal, now, printLine: (line) => lines.push(line) });
    const codes = await Promise.all([undo(), undo()]);
    assert.deepEqual(codes.sort(), [0, 1], lines.join("\n"));
    assert.deepEqual(lines, [`Put back ${path}`, "There is no init to undo"]);
    assert.equal(Deno.readTextFileSync(path), "before");
    // Neither a backup nor a lock is left.
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["servers.json"]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
