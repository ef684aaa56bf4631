import assert from "node:assert/strict";
import { join } from "node:path";
import { runOnce, type RunOptions } from "../e2e/run_once.ts";

/** Runs `permissions --json`; returns the flags by name, without the leading dashes. */
async function runPermissions(
  options: RunOptions,
  ...args: string[]
): Promise<{ flags: Map<string, string[] | true>; notes: string[]; folder: string }> {
  const { code, stdout, stderr, workingFolder: folder } = await runOnce(
    ["permissions", "--json", ...args],
    options,
  );
  assert.equal(code, 0, stderr);
  assert.equal(stderr, "");
  const { flags, notes, ...otherMembers } = JSON.parse(stdout) as {
    flags: string[];
    notes: string[];
  };
  assert.deepEqual(otherMembers, {});
  const pairs = flags.map((flag) => {
    const [, name = "", values] = /^--([\w-]+)(?:=(.*))?$/.exec(flag) ?? [];
    return [name, values === undefined ? true : values.split(",")] as const;
  });
  assert.equal(new Set(pairs.map(([name]) => name)).size, pairs.length);
  return { flags: new Map(pairs), notes, folder };
}

const notOnWindows = { ignore: Deno.build.os === "windows" };

Deno.test(
  "[permissions.flags] --allow-run has the servers' programs, and the programs that end servers",
  notOnWindows,
  async () => {
    const { flags } = await runPermissions({
      servers: {
        one: { command: "npx", args: ["x"] },
        two: { command: "./bin/two", cwd: "${workspaceFolder}/sub" },
        off: { command: "uvx", disabled: true },
      },
    });
    const run = flags.get("allow-run") as string[];
    assert.deepEqual(run.filter((name) => !name.startsWith("/")), ["kill", "npx", "sh"]);
    assert.deepEqual(run.filter((name) => name.startsWith("/")).map((name) => name.slice(-12)), [
      "/sub/bin/two",
    ]);
    assert.equal(flags.has("allow-net"), false);
    assert.equal(flags.get("no-prompt"), true);
    assert.equal(flags.get("ignore-env"), true);
  },
);

Deno.test(
  "[permissions.flags] for a server in a sandbox, --allow-run has the program of the sandbox only",
  notOnWindows,
  async () => {
    const servers = { one: { command: "npx", gateway: { sandbox: "bwrap" } } };
    const { flags } = await runPermissions({ servers });
    assert.deepEqual(flags.get("allow-run"), ["bwrap", "kill", "sh"]);
  },
);

Deno.test("[permissions.flags] without servers, no program is allowed", async () => {
  const { flags } = await runPermissions({});
  assert.deepEqual([...flags.keys()], [
    "no-prompt",
    "allow-read",
    "allow-write",
    "allow-env",
    "ignore-env",
    "allow-sys",
  ]);
});

Deno.test(
  "[permissions.flags] a program is looked up in the PATH of its server",
  notOnWindows,
  async () => {
    const { flags } = await runPermissions({
      servers: { own: { command: "tool", env: { PATH: "${workspaceFolder}/bin" } } },
      files: { "bin/tool": "#!/bin/sh\n" },
    });
    const [tool = ""] = (flags.get("allow-run") as string[]).filter((name) => name.startsWith("/"));
    assert.match(tool, /\/work\/bin\/tool$/);
  },
);

Deno.test(
  "[permissions.flags] a server with LD_LIBRARY_PATH requires --allow-run without a list, which a note explains",
  notOnWindows,
  async () => {
    const env = { LD_LIBRARY_PATH: "/opt/lib" };
    const { flags, notes } = await runPermissions({ servers: { one: { command: "true", env } } });
    assert.equal(flags.get("allow-run"), true);
    assert.match(notes.join(), /"one".*LD_LIBRARY_PATH/);
  },
);

Deno.test("[permissions.flags] --allow-env has settings, expanded and inherited variables, and the safe variables", async () => {
  const { flags } = await runPermissions({
    servers: {
      one: {
        command: "true",
        args: ["${ONE:-${TWO}}"],
        env: { GIVEN: "${env:THREE:-}" },
        gateway: { inherit_env: ["FOUR"] },
      },
    },
    env: { TWO: "2", SECRET: "not asked for" },
  });
  const env = flags.get("allow-env") as string[];
  for (const name of ["ONE", "TWO", "THREE", "FOUR", "GATEWAY_RULES", "PATH", "LC_*"]) {
    assert.ok(env.includes(name), name);
  }
  assert.deepEqual(env.filter((name) => ["SECRET", "GIVEN", "*"].includes(name)), []);
});

Deno.test("[permissions.flags] the paths are those of the two files, their folders, the audit log and the remembered catalogs only", async () => {
  const { flags } = await runPermissions({ servers: { one: { command: "true" } } });
  const readPaths = flags.get("allow-read") as string[];
  const shorten = (paths: string[]) =>
    paths.map((path) => path.replace(/^.*?[/\\](?=home|work)/, ""));
  const state = join("home", ".local", "state", "agent-mcp-gateway");
  const cache = join("home", ".cache", "agent-mcp-gateway");
  assert.deepEqual(shorten(flags.get("allow-write") as string[]).sort(), [
    ...Deno.build.os === "windows" ? [] : [cache, state],
  ]);
  const withAuditLog = await runPermissions({}, "--audit-log", "./logs/audit.jsonl");
  const written = shorten(withAuditLog.flags.get("allow-write") as string[]);
  assert.ok(written.includes(join("work", "logs")), written.join());
  const onStderr = await runPermissions({}, "--audit-log", "/dev/stderr");
  assert.equal(onStderr.flags.get("allow-write")?.toString().includes("/dev"), false);
  if (Deno.build.os === "windows") return;
  assert.deepEqual(shorten(readPaths).sort(), [
    cache,
    "home/.config/agent-mcp-gateway/.mcp-gateway-rules.json",
    "home/.config/agent-mcp-gateway/.mcp.json",
    state,
    "work",
  ]);
});

Deno.test(
  "[permissions.flags] paths include those named by flags, and the targets of links",
  notOnWindows,
  async () => {
    const elsewhere = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "gateway_" }));
    try {
      Deno.mkdirSync(join(elsewhere, "real"));
      Deno.mkdirSync(join(elsewhere, "shown"));
      Deno.writeTextFileSync(join(elsewhere, "real", "servers.json"), '{"mcpServers": {}}');
      Deno.symlinkSync(join(elsewhere, "real", "servers.json"), join(elsewhere, "shown", "s.json"));
      const { flags, notes } = await runPermissions(
        {},
        "--mcp-config",
        join(elsewhere, "shown", "s.json"),
        "--audit-log",
        join(elsewhere, "a,b", "log.jsonl"),
      );
      // Deno's flags cannot name a path with a comma, so its parent folder is allowed.
      assert.ok((flags.get("allow-write") as string[]).includes(elsewhere));
      assert.ok((flags.get("allow-read") as string[]).includes(elsewhere));
      assert.ok(
        notes.some((note) => note.includes(`all of ${elsewhere} is allowed`)),
        notes.join("\n"),
      );
      const withoutComma = await runPermissions(
        {},
        "--mcp-config",
        join(elsewhere, "shown", "s.json"),
      );
      const readPaths = withoutComma.flags.get("allow-read") as string[];
      assert.ok(
        readPaths.includes(join(elsewhere, "shown")) && readPaths.includes(join(elsewhere, "real")),
      );
      assert.ok(!readPaths.includes(elsewhere));
    } finally {
      Deno.removeSync(elsewhere, { recursive: true });
    }
  },
);

Deno.test("[permissions.flags] --allow-net has the hosts of servers; a note says that logins need more", async () => {
  const { flags, notes } = await runPermissions({
    servers: {
      plain: { url: "http://one.example/mcp", headers: { authorization: "Bearer x" } },
      login: { url: "https://two.example:8443/mcp" },
      fixed: { url: "https://three.example/mcp", gateway: { oauth: { redirect_port: 7777 } } },
      unset: { url: "https://${NOT_SET}/mcp" },
    },
    env: { BROWSER: "none" },
  });
  assert.deepEqual(flags.get("allow-net"), [
    "127.0.0.1",
    "127.0.0.1:7777",
    "one.example:80",
    "three.example:443",
    "two.example:8443",
  ]);
  assert.equal(flags.has("allow-run"), false);
  const oauthNotes = notes.filter((note) => note.includes("OAuth"));
  assert.deepEqual(oauthNotes.map((note) => /"(\w+)"/.exec(note)?.[1]), ["login", "fixed"]);
  const writePaths = flags.get("allow-write") as string[];
  assert.ok(writePaths.some((path) => /agent-mcp-gateway.oauth$/.test(path)), String(writePaths));
});

Deno.test("[permissions.flags] --allow-net has the listener's address and the issuer's host", async () => {
  const rules = {
    agents: { a: {} },
    auth: { jwt: { issuer: "https://id.example", audience: "gateway", agent_claim: "agent" } },
  };
  const { flags } = await runPermissions({ rules }, "--transport", "http", "--port", "9999");
  assert.deepEqual(flags.get("allow-net"), ["127.0.0.1:9999", "id.example:443"]);
});

Deno.test("[permissions.flags] the text has one flag per line on stdout, and notes on stderr", async () => {
  const { code, stdout, stderr } = await runOnce(["permissions"], {
    servers: { login: { url: "https://two.example/mcp" } },
  });
  assert.equal(code, 0);
  assert.ok(stdout.split("\n").every((line) => line.startsWith("--")), stdout);
  assert.match(stderr, /"login" may require a login/);
  assert.match(stderr, /Run this command again/);
});

Deno.test("[permissions.notes] a note names a remote server whose host is left out, because a variable is not set", async () => {
  const { flags, notes } = await runPermissions({
    servers: { remote: { url: "https://${NO_SUCH_HOST}/mcp" } },
  });
  assert.equal(flags.has("allow-net"), false);
  assert.match(notes.join("\n"), /^The host of server "remote" is left out, .*"?NO_SUCH_HOST/m);
});

Deno.test("[permissions.flags] --json and --shell exclude each other", async () => {
  const { code, stdout, stderr } = await runOnce(["permissions", "--json", "--shell"], {});
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /--json and --shell exclude each other/);
});

Deno.test(
  "[permissions.blanks] a command with a blank cannot add a flag: the text is refused, and with --shell it stays one word",
  notOnWindows,
  async () => {
    const servers = { one: { command: "foo --allow-all 'x'" } };
    const plain = await runOnce(["permissions"], { servers });
    assert.deepEqual([plain.code, plain.stdout], [1, ""]);
    assert.match(
      plain.stderr,
      /split this flag at its blanks: --allow-run=foo --allow-all .*\nFix: /,
    );
    const quoted = await runOnce(["permissions", "--shell"], { servers });
    assert.equal(quoted.code, 0, quoted.stderr);
    const script = `eval "set -- $(cat)"; for word; do printf '%s\\0' "$word"; done`;
    const shell = new Deno.Command("sh", { args: ["-c", script], stdin: "piped", stdout: "piped" })
      .spawn();
    const writer = shell.stdin.getWriter();
    await writer.write(new TextEncoder().encode(quoted.stdout));
    await writer.close();
    const words = new TextDecoder().decode((await shell.output()).stdout).split("\0");
    assert.ok(words.includes("--allow-run=foo --allow-all 'x',kill,sh"), words.join("\n"));
    assert.ok(words.slice(0, -1).every((word) => /^--(?:no-prompt|\w+-\w+)/.test(word)));
    assert.ok(!words.includes("--allow-all"));
  },
);

Deno.test(
  "[permissions.notes] a note names the programs that can run any other program",
  notOnWindows,
  async () => {
    const { notes } = await runPermissions({ servers: { one: { command: "/opt/bin/node" } } });
    assert.match(notes.join("\n"), /^--allow-run includes node, sh, which can run any program\./m);
    const withoutPrograms = await runPermissions({});
    assert.doesNotMatch(withoutPrograms.notes.join(), /any program/);
  },
);

Deno.test(
  "[permissions.notes] a note says that an audit log in the home folder or in / allows to write all of it",
  notOnWindows,
  async () => {
    const pattern =
      /^The audit log is directly in .*, so everything in that folder may be written/m;
    for (const path of ["~/audit.jsonl", "/audit.jsonl"]) {
      const { notes } = await runPermissions({}, "--audit-log", path);
      assert.match(notes.join("\n"), pattern, path);
    }
    assert.doesNotMatch((await runPermissions({})).notes.join("\n"), pattern);
  },
);

Deno.test("[permissions.flags] for an invalid file or an invalid flag, nothing is printed to stdout", async () => {
  const invalidFile = await runOnce(["permissions"], { servers: "{" });
  assert.deepEqual([invalidFile.code, invalidFile.stdout], [1, ""]);
  assert.match(invalidFile.stderr, /\.mcp\.json:1/);
  const invalidFlag = await runOnce(["permissions", "--port", "x"], {});
  assert.deepEqual([invalidFlag.code, invalidFlag.stdout], [2, ""]);
});
