import assert from "node:assert/strict";
import {
  relativeTextsOf,
  usesWorkingFolder,
  variablesOf,
  wordsOf,
} from "../../src/config/startup/mod.ts";

Deno.test("[shared.separate] all names of variables in a file are found, also in defaults, lists and escapes", () => {
  const words = wordsOf(
    '{"a":"${ONE}","b":"${env:TWO:-${THREE}}","inherit_env":["FOUR","\\u0046IVE"],"c":"${ProgramFiles(x86)}"}',
  );
  for (const name of ["ONE", "TWO", "THREE", "FOUR", "FIVE", "ProgramFiles(x86)"]) {
    assert.ok(words.has(name), name);
  }
});

Deno.test("[shared.further-variables] the variables that a file refers to are found, and no other words", () => {
  const text =
    '{"mcpServers":{"a":{"env":{"X":"${ONE:-${env:TWO}}","Y":"${userHome}"},"gateway":{"inherit_env":["THREE"]}}}}';
  assert.deepEqual([...variablesOf(text)].toSorted(), ["ONE", "THREE", "TWO"]);
  assert.deepEqual([...variablesOf('{"X":"\\u0024{HIDDEN:-none}"}')], ["HIDDEN"]);
});

Deno.test("[shared.separate] servers that depend on the working folder are recognized", () => {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${folder}/data`);
    Deno.writeTextFileSync(`${folder}/data/notes.db`, "");
    Deno.writeTextFileSync(`${folder}/server.mjs`, "");
    const values: Record<string, string> = {
      HOME: "/home/user",
      RELATIVE: "./data",
      ABSOLUTE: "/data",
    };
    const env = { get: (name: string) => values[name] };
    const uses = (...strings: string[]) =>
      usesWorkingFolder(JSON.stringify({ args: strings }), { cwd: folder, env });
    const dependent = [
      "${workspaceFolder}",
      ".",
      "..",
      "./x",
      "../x",
      "--root=./x",
      "data/notes.db",
      "data/not-yet.db",
      "server.mjs",
      "--db=server.mjs",
      "data",
      "${NONE:-./data}",
      "${NONE:-${RELATIVE}}",
      "${RELATIVE}",
      "${env:RELATIVE}/x",
    ];
    for (const text of dependent) assert.ok(uses("-y", text), text);
    for (const cwd of ["sub", "./sub"]) {
      assert.ok(usesWorkingFolder(JSON.stringify({ cwd }), { cwd: folder, env }), cwd);
    }
    const independent = [
      "/abs/path",
      "~/notes",
      "@scope/server",
      "https://example.com/mcp",
      "text/plain",
      "1.2.3",
      "a...b",
      "${HOME}/x",
      "${NONE:-/data}",
      "${ABSOLUTE:-./data}",
      "other.mjs",
      "other/not-yet.db",
      "C:\\\\Users\\\\x",
    ];
    for (const text of ['"\\u002e/x"', '".\\/x"', '"\\u0024{workspace\\u0046older}"']) {
      assert.ok(usesWorkingFolder(`{"args":[${text}]}`, { cwd: folder, env }), text);
    }
    for (const text of independent) assert.ok(!uses("-y", text), text);
    assert.ok(!usesWorkingFolder(JSON.stringify({ cwd: "/abs", data: 1 }), { cwd: folder, env }));
    const choices = JSON.stringify({ type: "data", gateway: { isolation: "data" } });
    assert.ok(!usesWorkingFolder(choices, { cwd: folder, env }));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("[shared.further-variables] a path that is relative in some folders is found without looking into one", () => {
  const text = JSON.stringify({
    args: ["-y", "./x", "data/notes.db", "/abs/path", "https://example.com/mcp", "${HOME}/x"],
    cwd: "sub",
    env: { ROOT: "${workspaceFolder}" },
  });
  assert.deepEqual(
    [...relativeTextsOf(text)].toSorted(),
    ['"cwd":"sub', "./x", "data/notes.db", "workspaceFolder"],
  );
});
