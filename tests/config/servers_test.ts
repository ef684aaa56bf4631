import assert from "node:assert/strict";
import type { ServerConfig } from "../../src/config/mod.ts";
import { checkFiles } from "./check_files.ts";

async function loadServers(
  mcpServers: Record<string, unknown>,
  variables: Record<string, string> = {},
): Promise<ReadonlyMap<string, ServerConfig>> {
  const { configuration, errors } = await checkFiles({ mcpServers }, undefined, variables);
  assert.deepEqual(errors, []);
  assert.ok(configuration !== undefined);
  return configuration.servers;
}

Deno.test("[servers.stdio] command, args, env and cwd are read", async () => {
  const servers = await loadServers({
    full: { command: "npx", args: ["-y", "x"], env: { A: "1", B: "" }, cwd: "/srv" },
    short: { command: "npx" },
  });
  assert.deepEqual(servers.get("full")?.connection, {
    kind: "stdio",
    command: "npx",
    args: ["-y", "x"],
    env: { A: "1", B: "" },
    cwd: "/srv",
  });
  assert.deepEqual(servers.get("short")?.connection, {
    kind: "stdio",
    command: "npx",
    args: [],
    env: {},
  });
});

Deno.test("[servers.remote] the type decides the transport of a url; without a type both are tried", async () => {
  const url = "https://example.com/mcp";
  const cases: [Record<string, string>, string][] = [
    [{}, "auto"],
    [{ type: "http" }, "http"],
    [{ transport: "http" }, "http"],
    [{ type: "streamable-http" }, "http"],
    [{ transport: "streamableHttp" }, "http"],
    [{ type: "sse" }, "sse"],
    [{ type: "http", transport: "streamable-http" }, "http"],
  ];
  for (const [entry, kind] of cases) {
    const servers = await loadServers({ a: { url, ...entry, headers: { "X-Id": "1" } } });
    assert.deepEqual(servers.get("a")?.connection, { kind, url, headers: { "X-Id": "1" } });
  }
});

Deno.test("[servers.gateway-defaults] the keys of the gateway block are read; missing keys have defaults", async () => {
  const servers = await loadServers({
    none: { command: "x" },
    empty: { command: "x", gateway: {} },
    full: {
      url: "https://example.com",
      gateway: {
        isolation: "call",
        idle_timeout_s: 2,
        connect_timeout_ms: 3,
        call_timeout_ms: 4,
        max_call_ms: 5,
        max_concurrency: 6,
        forward: ["sampling"],
        inherit_env: ["A"],
        direct_start: false,
        oauth: { client_id: "id", client_secret: "s", scopes: ["a"], redirect_port: 7 },
      },
    },
  });
  const defaults = {
    isolation: "agent",
    idleTimeoutMs: 300_000,
    connectTimeoutMs: 30_000,
    callTimeoutMs: 60_000,
    maxCallMs: 600_000,
    maxConcurrency: 64,
    forward: ["elicitation", "roots"],
    inheritEnv: [],
  };
  assert.deepEqual(servers.get("none")?.options, defaults);
  assert.deepEqual(servers.get("empty")?.options, defaults);
  assert.deepEqual(servers.get("full")?.options, {
    isolation: "call",
    idleTimeoutMs: 2000,
    connectTimeoutMs: 3,
    callTimeoutMs: 4,
    maxCallMs: 5,
    maxConcurrency: 6,
    forward: ["sampling"],
    inheritEnv: ["A"],
    directStart: false,
    oauth: {
      clientId: "id",
      clientSecret: "s",
      scopes: ["a"],
      redirectPort: 7,
      grant: "authorization_code",
    },
  });
});

Deno.test("[servers.file-order] servers are in the order of the file, whatever their names", async () => {
  const text = '{"mcpServers": {"b": {"command": "x"}, "10": {"command": "x"}, ' +
    '"__proto__": {"command": "x"}, "2": {"command": "x"}, "constructor": {"command": "x"}}}';
  const { configuration } = await checkFiles(text);
  assert.deepEqual([...configuration?.servers.keys() ?? []], [
    "b",
    "10",
    "__proto__",
    "2",
    "constructor",
  ]);
});

Deno.test("[servers.odd-names] __proto__ is an ordinary name of a variable or header", async () => {
  const text = '{"mcpServers": {"a": {"command": "x", "env": {"__proto__": "1", "7": "2"}}}}';
  const { configuration } = await checkFiles(text);
  const connection = configuration?.servers.get("a")?.connection;
  assert.ok(connection?.kind === "stdio");
  assert.deepEqual(Object.entries(connection.env).sort(), [["7", "2"], ["__proto__", "1"]]);
});

Deno.test("[servers.disabled] a disabled server counts as not configured", async () => {
  const servers = await loadServers({
    a: { command: "${NOT_SET}", disabled: true },
    b: { command: "x", disabled: false },
  });
  assert.deepEqual([...servers.keys()], ["b"]);
});

Deno.test("[servers.shown] the public information has the command or the url as written, without secrets", async () => {
  const publicInfoOf = async (entry: Record<string, unknown>) =>
    (await loadServers({ a: entry }, { HOST: "example.com", TOKEN: "t", CMD: "npx" })).get("a")
      ?.publicInfo;
  assert.deepEqual(
    await publicInfoOf({ command: "${CMD}", args: ["secret"], env: { A: "secret" } }),
    {
      transport: "stdio",
      command: "${CMD}",
    },
  );
  const urls: [string, string][] = [
    ["https://example.com", "https://example.com"],
    ["https://example.com/mcp/", "https://example.com/mcp/"],
    ["https://user:pass@example.com:8443/mcp?key=1#x", "https://example.com:8443/mcp"],
    ["https://user@pass@example.com/a@b", "https://example.com/a@b"],
    ["https://${TOKEN}:${TOKEN}@${HOST}/mcp?token=${TOKEN}", "https://${HOST}/mcp"],
    ["https://${HOST}/${TOKEN:-a}/mcp#${TOKEN}", "https://${HOST}/${TOKEN:-a}/mcp"],
    ["${BASE:-https://user:pass@example.com/mcp?key=1}", "${BASE:-…}"],
    ["${BASE:-https://example.com/mcp?a}&key=secret", "${BASE:-…}"],
    ["${BASE:-${OTHER:-https://user:pass@example.com?a}}&key=secret", "${BASE:-…}"],
    ["https://example.com/?a=${TOKEN:-/}@x", "https://example.com/"],
    ["https:\\\\user:pass@example.com\\mcp", "https:\\\\example.com\\mcp"],
    ["${SCHEME:-https}:\\\\user:pass@${HOST}\\mcp", "${SCHEME:-https}:\\\\${HOST}\\mcp"],
    ["https:user:pass@example.com/mcp", "https://example.com/mcp"],
    ["ht\ttps://us\ner:pass@example.com/mcp", "ht\ttps://example.com/mcp"],
  ];
  for (const [url, expected] of urls) {
    assert.deepEqual(await publicInfoOf({ url }), { transport: "http", url: expected }, url);
  }
});

Deno.test("[servers.unset-variable] an unset variable makes only its server unavailable, and the reason names the variable and the field", async () => {
  const { configuration, warnings } = await checkFiles(
    {
      mcpServers: {
        pg: { command: "x", env: { DATABASE_URL: "${DB}" }, args: ["${SET}", "${ALSO}"] },
        ok: { command: "${SET}" },
      },
    },
    undefined,
    { SET: "run" },
  );
  const [pg, ok] = [...configuration?.servers.values() ?? []];
  assert.equal(
    pg?.unavailable,
    'variable "ALSO" is not set (mcpServers.pg.args[1]); ' +
      'variable "DB" is not set (mcpServers.pg.env.DATABASE_URL)',
  );
  assert.equal(ok?.unavailable, undefined);
  assert.ok(ok?.connection.kind === "stdio" && ok.connection.command === "run");
  assert.deepEqual(warnings.map(({ path }) => path), [
    "mcpServers.pg.env.DATABASE_URL",
    "mcpServers.pg.args[1]",
  ]);
});

Deno.test("[servers.home] a leading ~ is the home folder only in command and cwd", async () => {
  const variables = { HOME: "/home/someone", TOOLS: "~/tools" };
  const servers = await loadServers({
    paths: { command: "~/bin/x", args: ["~/notes"], env: { A: "~/a" }, cwd: "~" },
    variable: { command: "${TOOLS}/x" },
    unchanged: { command: "~other/x", cwd: "./~/x" },
  }, variables);
  const connections = [...servers.values()].map(({ connection }) => connection);
  assert.deepEqual(connections, [
    {
      kind: "stdio",
      command: "/home/someone/bin/x",
      args: ["~/notes"],
      env: { A: "~/a" },
      cwd: "/home/someone",
    },
    { kind: "stdio", command: "/home/someone/tools/x", args: [], env: {} },
    { kind: "stdio", command: "~other/x", args: [], env: {}, cwd: "./~/x" },
  ]);
});

Deno.test("[servers.expansion-everywhere] variables are expanded in every string of the known keys", async () => {
  const variables = { V: "v", HOST: "example.com" };
  const servers = await loadServers({
    a: { command: "${V}", args: ["${V}"], env: { A: "${V}" }, cwd: "${V}" },
    b: {
      url: "https://${HOST}/${V}",
      headers: { H: "${V}" },
      gateway: { oauth: { client_id: "${V}", client_secret: "${V}", scopes: ["${V}"] } },
    },
  }, variables);
  const [a, b] = [...servers.values()];
  assert.ok(a?.connection.kind === "stdio" && b?.connection.kind === "auto");
  assert.deepEqual([
    a.connection.command,
    a.connection.args,
    a.connection.env["A"],
    a.connection.cwd,
  ], [
    "v",
    ["v"],
    "v",
    "v",
  ]);
  assert.deepEqual([b.connection.url, b.connection.headers["H"]], ["https://example.com/v", "v"]);
  assert.deepEqual(b.options.oauth, {
    clientId: "v",
    clientSecret: "v",
    scopes: ["v"],
    grant: "authorization_code",
  });
});

Deno.test("[servers.expansion-everywhere] an invalid url or header after expansion makes the server unavailable", async () => {
  const servers = await loadServers({
    a: { url: "${V}/mcp" },
    b: { url: "https://example.com", headers: { H: "${LINES}" } },
    c: { url: "https://example.com", headers: { H: "${LINE}" } },
  }, { V: "secret", LINES: "a\nsecret", LINE: "a\n" });
  const [a, b, c] = [...servers.values()];
  assert.match(a?.unavailable ?? "", /not an http or https address \(mcpServers\.a\.url\)/);
  assert.match(b?.unavailable ?? "", /not a header value/);
  assert.doesNotMatch(`${a?.unavailable} ${b?.unavailable}`, /secret/);
  assert.equal(c?.unavailable, undefined);
});

Deno.test("[servers.fingerprint] a fingerprint changes exactly when the connection or the options change, and contains no secret", async () => {
  const entry = { command: "x", env: { A: "secret", B: "2" } };
  const fingerprintOf = async (entry: unknown, variables = {}) =>
    (await loadServers({ a: entry }, variables)).get("a")?.fingerprint;
  const first = await fingerprintOf(entry);
  assert.equal(await fingerprintOf(structuredClone(entry)), first);
  assert.equal(
    await fingerprintOf({ env: { B: "2", A: "secret" }, command: "x", gateway: {} }),
    first,
  );
  assert.equal(await fingerprintOf({ ...entry, description: "other" }), first);
  assert.equal(
    await fingerprintOf({ ...entry, env: { A: "${S}", B: "2" } }, { S: "secret" }),
    first,
  );
  for (
    const changedEntry of [
      { ...entry, command: "y" },
      { ...entry, args: ["x"] },
      { ...entry, env: { A: "secret", B: "3" } },
      { ...entry, env: { A: "secret" } },
      { ...entry, gateway: { max_concurrency: 1 } },
    ]
  ) {
    assert.notEqual(await fingerprintOf(changedEntry), first);
  }
  assert.match(first ?? "", /^\d+$/);
});

Deno.test("[config.reload] loading the same files again results in an equal configuration", async () => {
  const file = { mcpServers: { a: { command: "x", gateway: { oauth: {} } } } };
  const [one, two] = [await checkFiles(file), await checkFiles(file)];
  assert.deepEqual(one.configuration?.servers, two.configuration?.servers);
  assert.deepEqual(one.configuration?.rules, two.configuration?.rules);
});
