import assert from "node:assert/strict";
import { checkConfiguration, locateFiles } from "../../src/config/mod.ts";
import { checkFiles, createEnvironment } from "./check_files.ts";
import { cpuMs } from "../cpu_time.ts";

Deno.test("[config.comments] comments, a byte order mark and CRLF are accepted", async () => {
  const text =
    '\ufeff// one\r\n{ /* two */ "mcpServers": { "a": { "command": "x" } } } // three\r\n';
  const { configuration } = await checkFiles(text);
  assert.deepEqual([...configuration?.servers.keys() ?? []], ["a"]);
});

for (const [name, lineEnd] of [["LF", "\n"], ["CRLF", "\r\n"], ["CR", "\r"]] as const) {
  Deno.test(`[config.error-position] lines and columns count from 1 if lines end in ${name}`, async () => {
    const lines = ["{", '  "mcpServers": {', '    "a": { "command": 5 }', "  }", "}"];
    const { errors } = await checkFiles(lines.join(lineEnd));
    assert.deepEqual(errors, [{
      file: "mcp.json",
      line: 3,
      column: 23,
      path: "mcpServers.a.command",
      message: "expected the name or path of a program, found a number",
    }]);
  });
}

Deno.test("[config.error-position] a byte order mark is in no column, and columns count UTF-16 units", async () => {
  const { errors } = await checkFiles('\ufeff{"mcpServers": {"\u{1f600}": 5}}');
  assert.deepEqual([errors[0]?.line, errors[0]?.column], [1, 23]);
});

Deno.test("[config.error-position] a problem is at the unknown key, at the object without the key, or at the invalid value", async () => {
  const rules = '{"agents": {\n"a": {"alow": 1},\n"b": {"status": 5}},\n"auth": {"jwt": {}}}';
  const { errors } = await checkFiles(undefined, rules);
  assert.deepEqual(
    errors.map(({ line, column, path }) => [line, column, path]),
    [
      [2, 7, "agents.a.alow"],
      [3, 17, "agents.b.status"],
      [4, 17, "auth.jwt.issuer"],
      [4, 17, "auth.jwt.audience"],
      [4, 17, "auth.jwt.agent_claim"],
    ],
  );
});

Deno.test("[config.trailing-commas] trailing commas are accepted, but a comma without a value is an error", async () => {
  const { configuration, errors } = await checkFiles(
    '{"mcpServers": {"x": {"command": "true", "args": ["a", /* last */],},},}',
    '{"agents": {"a": {"allow": {"servers": ["x",],},},},}',
  );
  assert.deepEqual(errors, []);
  const connection = configuration?.servers.get("x")?.connection;
  assert.deepEqual(connection?.kind === "stdio" ? connection.args : undefined, ["a"]);
  assert.deepEqual(configuration?.rules.agents.get("a")?.allow?.servers, ["x"]);
  for (const list of ["[,]", '["x",,]', '["x",,"y"]']) {
    const { errors } = await checkFiles(
      undefined,
      `{"agents": {"a": {"allow": {"servers": ${list}}}}}`,
    );
    assert.deepEqual(errors.map(({ line, message }) => [line, message]), [[1, "expected a value"]]);
  }
});

Deno.test("[config.strict-json] a duplicate key is an error naming both positions", async () => {
  const { errors } = await checkFiles(
    '{"mcpServers": {\n "a": {"command": "x"},\n "a": {"command": "y"}}}',
  );
  assert.equal(errors.length, 1);
  assert.deepEqual([errors[0]?.line, errors[0]?.column], [3, 2]);
  assert.match(errors[0]?.message ?? "", /first used at line 2, column 2/);
});

Deno.test("[config.strict-json] very deep nesting is an error, not a stack overflow", async () => {
  for (const text of ["[".repeat(1e6), '{"a":'.repeat(1e5), "[}".repeat(1e5), "{]".repeat(1e5)]) {
    const { errors } = await checkFiles(text);
    assert.match(errors[0]?.message ?? "", /nested too deep/);
  }
});

Deno.test("[config.all-errors-at-once] a check returns all problems at once", async () => {
  const files = locateFiles({ mcpConfig: "/nowhere/a", rules: "/nowhere/b" }, {
    home: undefined,
    cwd: "/",
  });
  const result = await checkConfiguration(files, { env: createEnvironment({}), cwd: "/" });
  assert.equal(result.configuration, undefined);
  assert.equal(result.errors.length, 2);
});

Deno.test("[config.no-secrets-in-errors] messages quote no value of args, env, headers or url", async () => {
  const secret = "hunter2";
  const values = [secret, [secret], { [`x-${secret}`]: 1 }, 20406080, null, `\u0000${secret}`];
  for (const value of values) {
    for (const key of ["args", "env", "headers", "url", "cwd", "command"]) {
      const entry = { command: "x", ...(key === "url" ? { url: value } : { [key]: value }) };
      const nested = key === "env" || key === "headers"
        ? { command: "x", [key]: { K: value } }
        : {};
      const list = { command: "x", args: ["x", value] };
      for (const candidate of [entry, nested, list]) {
        const { errors, warnings } = await checkFiles({ mcpServers: { a: candidate } });
        for (const { message } of [...errors, ...warnings]) {
          assert.doesNotMatch(message, /hunter2|20406080/);
        }
      }
    }
  }
});

Deno.test("[config.all-errors-at-once] one error in each of many agents takes linear time", async () => {
  const measureMs = async (count: number) => {
    const agents = Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`a${index}`, { alow: 1 }]),
    );
    const startMs = cpuMs();
    const { errors } = await checkFiles(undefined, { agents });
    assert.equal(errors.length, count);
    return cpuMs() - startMs;
  };
  await measureMs(100);
  const [fewMs, manyMs] = [await measureMs(2_000), await measureMs(16_000)];
  // Eight times as many errors take 8 times as long in linear time, and 64 times as long in quadratic time.
  assert.ok(manyMs < 24 * fewMs, `${fewMs} and ${manyMs} ms`);
});
