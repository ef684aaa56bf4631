import assert from "node:assert/strict";
import { join } from "node:path";
import { Shell } from "../cli/shell.ts";
import { RawClient } from "./raw_client.ts";
import { misbehavingServer } from "./gateway.ts";
import { runOnce } from "./run_once.ts";
import { ALLOW_ALL_RULES } from "./setup.ts";
import { waitUntil } from "./wait.ts";

const NOT_TRUSTED =
  /\.mcp\.json: this file is in the working folder, and nobody has trusted it, .* run agent-mcp-gateway trust/;

const CHANGED =
  /\.mcp\.json: this file is in the working folder, and it has changed since it was trusted, .* run agent-mcp-gateway trust/;

/** An entry that starts a program, which creates the file `started` in its working folder. */
const MARKING_SERVER = { command: "touch", args: ["started"] };

/** A folder with the files of somebody else, and a gateway that does not trust it. */
function untrustedFolder(servers: Readonly<Record<string, unknown>>): Shell {
  return new Shell({ servers, rules: ALLOW_ALL_RULES, env: { GATEWAY_TRUST: "0" } });
}

function hasStarted({ setup }: Shell): boolean {
  return [...Deno.readDirSync(setup.workingFolder)].some(({ name }) => name === "started");
}

Deno.test("[config.trust] no command starts a server of a folder that is not trusted", async () => {
  await using shell = untrustedFolder({ marking: MARKING_SERVER });
  for (const args of [[], ["doctor"], ["tools"], ["call", "marking", "x"], ["savings"]]) {
    const { code, stderr } = await shell.run(args);
    assert.equal(code, 1, args.join(" "));
    assert.match(stderr.replaceAll(/\s+/g, " "), NOT_TRUSTED, args.join(" "));
  }
  assert.equal(hasStarted(shell), false);
});

Deno.test("[config.trust] validate warns about each file that is not trusted, and fails with --strict only", async () => {
  await using shell = untrustedFolder({ marking: MARKING_SERVER });
  const { code, stdout, stderr } = await shell.run(["validate"]);
  assert.equal(code, 0);
  assert.match(stdout.replaceAll(/\s+/g, " "), NOT_TRUSTED);
  assert.match(stderr, /no errors, 2 warnings/);
  assert.equal((await shell.run(["validate", "--strict"])).code, 1);
  await shell.run(["trust"]);
  assert.deepEqual((await shell.run(["validate", "--strict"])).stdout, "");
});

Deno.test("[config.trust] trust prints the servers, and a changed file must be trusted again", async () => {
  await using shell = untrustedFolder({ marking: MARKING_SERVER });
  const trusted = await shell.run(["trust"]);
  assert.equal(trusted.code, 0, trusted.stderr);
  assert.match(trusted.stdout, /^ {2}marking: \{"command":"touch","args":\["started"\]/m);
  await shell.run(["doctor"]);
  assert.equal(hasStarted(shell), true);
  shell.setup.writeFile(".mcp.json", { mcpServers: { marking: { command: "true" } } });
  assert.match((await shell.run(["doctor"])).stderr.replaceAll(/\s+/g, " "), CHANGED);
  await shell.run(["trust"]);
  assert.doesNotMatch((await shell.run(["doctor"])).stderr, /not trusted/);
  await shell.run(["trust", "--remove"]);
  assert.match((await shell.run(["doctor"])).stderr.replaceAll(/\s+/g, " "), NOT_TRUSTED);
});

Deno.test("[config.trust] trust shows commands completely, and refuses entries that are too long", async () => {
  for (const hidingWord of ["token=", ": authorization=", "password=$(", "--password "]) {
    const args = ["-c", `${hidingWord}touch started)`];
    await using shell = untrustedFolder({ hiding: { command: "sh", args } });
    assert.ok((await shell.run(["trust"])).stdout.includes(JSON.stringify(args)), hidingWord);
  }
  const hiding = { description: "x".repeat(5000), ...MARKING_SERVER };
  await using shell = untrustedFolder({ hiding });
  const { code, stderr } = await shell.run(["trust"]);
  assert.equal(code, 1);
  assert.match(stderr.replaceAll(/\s+/g, " "), /the entry "hiding" is too long to be shown/);
  assert.equal((await shell.run(["doctor"])).code, 1);
});

Deno.test("[config.trust] trust shows the whole rules file, which also says who may log in", async () => {
  await using shell = untrustedFolder({ odd: misbehavingServer() });
  const jwt = {
    issuer: "https://stranger.example",
    audience: "https://a.example",
    agent_claim: "a",
  };
  const rules = {
    agents: { a: {} },
    auth: { jwt },
    defaults: { deny_on_missing_agent: false },
  };
  shell.setup.writeFile(".mcp-gateway-rules.json", JSON.stringify(rules));
  const { code, stdout, stderr } = await shell.run(["trust"]);
  assert.equal(code, 0, stderr);
  for (const [name, value] of Object.entries({ ...rules, agents: undefined })) {
    if (value !== undefined) {
      assert.ok(stdout.includes(`\n${name}: ${JSON.stringify(value)}\n`), stdout);
    }
  }
});

Deno.test("[config.trust] without an absolute HOME, nothing is trusted", async () => {
  for (const home of ["", ".", "relative"]) {
    await using shell = untrustedFolder({ marking: MARKING_SERVER });
    const { workingFolder, env } = shell.setup;
    const paths = [".mcp.json", ".mcp-gateway-rules.json"];
    const hashes: Record<string, string> = {};
    for (const name of paths) {
      const bytes = Deno.readFileSync(join(workingFolder, name));
      const digest = await crypto.subtle.digest("SHA-256", bytes);
      hashes[join(workingFolder, name)] = new Uint8Array(digest).toHex();
      const text = new TextDecoder().decode(bytes);
      shell.setup.writeFile(join(home, ".config/agent-mcp-gateway", name), text);
    }
    shell.setup.writeFile(join(home, ".local/state/agent-mcp-gateway/trusted.json"), hashes);
    env["HOME"] = home;
    assert.equal((await shell.run(["doctor"])).code, 1, home);
    assert.equal((await shell.run(["trust"])).code, 1, home);
    assert.equal(hasStarted(shell), false, home);
    env["HOME"] = shell.setup.home;
  }
});

Deno.test("[config.trust] flags that name the files are consent, and so is GATEWAY_TRUST=1", async () => {
  await using shell = untrustedFolder({ odd: misbehavingServer() });
  const flags = ["--mcp-config", ".mcp.json", "--rules", ".mcp-gateway-rules.json"];
  assert.equal((await shell.run(["doctor", ...flags])).code, 0);
  assert.equal((await shell.run(["doctor"])).code, 1);
  shell.setup.env["GATEWAY_TRUST"] = "1";
  assert.equal((await shell.run(["doctor"])).code, 0);
});

Deno.test("[config.trust] a new token leaves trusted rules trusted", async () => {
  await using shell = untrustedFolder({ odd: misbehavingServer() });
  await shell.run(["trust"]);
  assert.equal((await shell.run(["token", "tester"])).code, 0);
  assert.equal((await shell.run(["doctor"])).code, 0);
});

Deno.test("[config.trust] while the gateway serves, a changed file takes effect when it is trusted", async () => {
  await using shell = untrustedFolder({ odd: misbehavingServer() });
  await shell.run(["trust"]);
  const program = await shell.start("--agent", "tester");
  const client = new RawClient(program);
  await client.initialize();
  const listServers = async () =>
    JSON.stringify(await client.request("tools/call", { name: "list_servers", arguments: {} }));
  shell.setup.writeFile(".mcp.json", { mcpServers: { later: misbehavingServer() } });
  await waitUntil("the change is refused", () => CHANGED.test(program.stderr));
  assert.match(await listServers(), /odd/);
  await shell.run(["trust"]);
  await waitUntil("the change is in force", async () => /later/.test(await listServers()));
  await program.closeInput();
  await program.waitForEnd();
});

Deno.test("[config.trust] the user's servers do not run under the rules of the working folder", async () => {
  await using shell = untrustedFolder({ odd: misbehavingServer() });
  const own = join(shell.setup.home, ".config/agent-mcp-gateway");
  Deno.mkdirSync(own, { recursive: true });
  Deno.writeTextFileSync(join(own, ".mcp.json"), '{"mcpServers": {}}');
  for (const trust of ["0", "1"]) {
    shell.setup.env["GATEWAY_TRUST"] = trust;
    const { code, stderr } = await shell.run(["doctor"]);
    assert.equal(code, 1);
    assert.match(
      stderr.replaceAll(/\s+/g, " "),
      /mcp-gateway-rules\.json: not found; .* is not used/,
    );
  }
});

Deno.test("[config.writable] files that every user can write cause a warning, with --strict an error", async () => {
  await using shell = new Shell({ servers: {}, rules: ALLOW_ALL_RULES });
  const { workingFolder } = shell.setup;
  assert.doesNotMatch((await shell.run(["validate"])).stdout, /every user/);
  Deno.chmodSync(join(workingFolder, ".mcp.json"), 0o666);
  const file = await shell.run(["validate", "--strict"]);
  assert.equal(file.code, 1);
  assert.match(file.stdout, /warning \.mcp\.json: every user of this machine can write this file/);
  Deno.chmodSync(join(workingFolder, ".mcp.json"), 0o600);
  Deno.chmodSync(workingFolder, 0o777);
  const folder = await shell.run(["validate"]);
  assert.equal(folder.code, 0);
  assert.match(
    folder.stdout.replaceAll(/\s+/g, " "),
    /can write a folder in the path of this file/,
  );
});

Deno.test("[config.trust] over HTTP, too, the gateway does not start with files that are not trusted", async () => {
  await using shell = untrustedFolder({ marking: MARKING_SERVER });
  const { code, stderr } = await shell.run(["--transport", "http", "--port", "0"]);
  assert.equal(code, 1);
  assert.match(stderr, NOT_TRUSTED);
  assert.equal(hasStarted(shell), false);
});

Deno.test("[config.trust] [init.stranger] a variable with a relative path puts no logins and no client's file of the working folder in place of the user's", async () => {
  const env = { XDG_CONFIG_HOME: "cfg", CODEX_HOME: "cfg", CLAUDE_CONFIG_DIR: "cfg" };
  const servers = { remote: { url: "https://mcp.example.com" } };
  const { stdout } = await runOnce(["permissions", "--json"], { servers, env, command: "npm" });
  assert.match(stdout, /\/home\/\.config\/agent-mcp-gateway\/oauth/);
  assert.doesNotMatch(stdout, /cfg/);
  const planted = { planted: { command: "true" } };
  const { stderr } = await runOnce(["init", "--yes"], {
    servers: false,
    rules: false,
    env,
    command: "npm",
    files: {
      "cfg/config.toml": '[mcp_servers.planted]\ncommand = "true"\n',
      "cfg/.claude.json": { mcpServers: planted },
      "cfg/opencode/opencode.json": { mcp: { planted: { type: "local", command: ["true"] } } },
    },
  });
  assert.doesNotMatch(stderr, /planted|cfg/);
});
