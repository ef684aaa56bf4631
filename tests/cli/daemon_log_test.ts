import assert from "node:assert/strict";
import { DaemonLog, removeOldLogs } from "../../src/cli/daemon_log.ts";
import { DaemonLogLines } from "../../src/cli/daemon_log_lines.ts";

/** The number at the end of each line. */
function numbersOf(lines: readonly string[]): number[] {
  return lines.map((line) => Number(/\d+$/.exec(line)?.[0]));
}

Deno.test("[shared.log-lines] a reader that follows a log gets every line once while older lines are dropped", () => {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/a.log`;
  const log = new DaemonLog(path);
  using reader = new DaemonLogLines(path);
  assert.deepEqual(reader.read(), []);
  const read: number[] = [];
  const padding = "x".repeat(5000);
  for (let line = 0; line < 1000; line++) {
    log.add(`${padding} ${line}\n`);
    // Some of the lines are read before the log is replaced, some after.
    if (line % 7 === 0) read.push(...numbersOf(reader.read()));
  }
  read.push(...numbersOf(reader.read()));
  assert.deepEqual(read, Array.from({ length: 1000 }, (_, line) => line));
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("[shared.log-lines] an incomplete line is read when it is complete, and a log that was removed is read anew", () => {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/a.log`;
  using reader = new DaemonLogLines(path);
  Deno.writeTextFileSync(path, "one\ntw");
  assert.deepEqual(reader.read(), ["one"]);
  Deno.writeTextFileSync(path, "o\n", { append: true });
  assert.deepEqual(reader.read(), ["two"]);
  Deno.removeSync(path);
  assert.deepEqual(reader.read(), []);
  Deno.writeTextFileSync(path, "three\n");
  assert.deepEqual(reader.read(), ["three"]);
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("[shared.old-logs] an old log is removed unless its daemon runs, also while other daemons do the same", async () => {
  const folder = Deno.makeTempDirSync();
  const old = new Date(Date.now() - 8 * 24 * 60 * 60 * 1000);
  const write = (name: string, time: Date): void => {
    Deno.writeTextFileSync(`${folder}/${name}`, "");
    Deno.utimeSync(`${folder}/${name}`, time, time);
  };
  const idOf = (number: number): string => number.toString(16).padStart(16, "0");
  for (let number = 0; number < 2000; number++) write(`${idOf(number)}.log`, old);
  const [running, recent] = ["a".repeat(16), "b".repeat(16)];
  write(`${running}.log`, old);
  write(`${running}.sock`, old);
  write(`${recent}.log`, new Date());
  const module = new URL("../../src/cli/daemon_log.ts", import.meta.url).href;
  const script = `import { removeOldLogs } from ${JSON.stringify(module)};
    removeOldLogs(${JSON.stringify(folder)});`;
  const remove = () => {
    const args = ["eval", "--no-check", script];
    return new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
  };
  for (const { success, stderr } of await Promise.all([remove(), remove(), remove(), remove()])) {
    assert.ok(success, new TextDecoder().decode(stderr));
  }
  removeOldLogs(folder);
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).toSorted();
  assert.deepEqual(names, [`${running}.log`, `${running}.sock`, `${recent}.log`]);
  Deno.removeSync(folder, { recursive: true });
});
