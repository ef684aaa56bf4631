import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startGateway } from "./gateway.ts";
import { gatewayCommandLine } from "./gateway_command.ts";
import { runOnce, type RunOptions } from "./run_once.ts";

const SERVER = fileURLToPath(new URL("../fixtures/servers/sandboxed_server.mjs", import.meta.url));

/** Whether this machine allows all that a sandbox of the gateway does: some containers allow only a part. */
function canUseBwrap(): boolean {
  if (Deno.build.os !== "linux") return false;
  try {
    const mounts = ["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"];
    const args = ["--unshare-all", "--new-session", "--cap-drop", "ALL", ...mounts, "true"];
    return new Deno.Command("bwrap", { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** Results of the server's attempts; see `sandboxed_server.mjs`. */
interface Attempts {
  readonly pids: number;
  readonly home: string;
  readonly gatewayEnvironment: string;
  readonly strangersFile: string;
  readonly ownFolder: string;
  readonly serversFile: string;
  readonly processFile: string;
  readonly namedFile: string;
  /** The effective capabilities of Linux, in hexadecimal. */
  readonly capabilities: string;
  readonly network: string;
}

Deno.test({
  name:
    "[servers.sandbox] a server in a sandbox reaches its own folder only, and the network only if asked for",
  ignore: !canUseBwrap(),
  async fn() {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const namedFile = "${workspaceFolder}/own/file";
    const entry = (gateway: Record<string, unknown>, ...moreArgs: string[]) => ({
      command: "node",
      args: [SERVER, String(listener.addr.port), namedFile, ...moreArgs],
      cwd: "${workspaceFolder}/own",
      gateway,
    });
    await using gateway = await startGateway({
      servers: {
        free: entry({}),
        confined: entry({ sandbox: "bwrap" }, "//", "/.", "/home/.."),
        connected: entry({ sandbox: "bwrap", sandbox_network: true }, "${workspaceFolder}"),
      },
      files: { "own/file": "own", "strangers/file": "canary" },
      env: { CANARY_VARIABLE: "canary" },
    });
    const attempt = async (server: string): Promise<Attempts> =>
      JSON.parse(await gateway.callServerToolForText(server, "attempt"));
    const free = await attempt("free");
    assert.deepEqual(
      [free.strangersFile, free.serversFile, free.processFile, free.ownFolder],
      ["read", "read", "written", "written"],
    );
    assert.deepEqual(
      [free.gatewayEnvironment, free.network],
      ["read", "connected"],
    );
    const { pids, ...confined } = await attempt("confined");
    assert.ok(pids <= 3, String(pids));
    assert.deepEqual(confined, {
      home: "/tmp",
      gatewayEnvironment: "failed",
      strangersFile: "failed",
      ownFolder: "written",
      serversFile: "failed",
      processFile: "failed",
      namedFile: "failed",
      capabilities: "0000000000000000",
      network: "failed",
    });
    const connected = await attempt("connected");
    // It may read the folder of the gateway's files.
    assert.deepEqual(
      [connected.network, connected.strangersFile, connected.serversFile],
      ["connected", "read", "failed"],
    );
  },
});

Deno.test({
  name:
    "[servers.sandbox] a server in a sandbox does not see files of the gateway that are written or replaced while it runs",
  ignore: !canUseBwrap(),
  async fn() {
    const links = Deno.makeTempDirSync();
    await using gateway = await startGateway({
      servers: {
        confined: {
          command: "node",
          args: [SERVER, "1", "${workspaceFolder}", `${links}/alias`],
          gateway: { sandbox: "bwrap" },
        },
      },
      files: { "visible/file": "" },
      env: { GATEWAY_AUDIT_LOG: "state/audit/audit.jsonl" },
      args: ["--agent", "tester", "--init-strategy", "lazy"],
    });
    const { workingFolder } = gateway.setup;
    Deno.symlinkSync(workingFolder, `${links}/alias`);
    const read = async (path: string): Promise<string> =>
      await gateway.callServerToolForText("confined", "attempt", { path });
    assert.equal(await read(`${workingFolder}/visible/file`), "read");
    const audit = `${workingFolder}/state/audit`;
    await gateway.expectRefusal("execute_tool", { server: "none", tool: "x", args: {} });
    // As an editor does it.
    Deno.copyFileSync(`${audit}/audit.jsonl`, `${audit}/copy`);
    Deno.renameSync(`${audit}/copy`, `${audit}/audit.jsonl`);
    for (const name of ["audit.jsonl", "audit.refused.jsonl"]) {
      assert.equal(await read(`${audit}/${name}`), "failed", name);
      assert.ok(Deno.statSync(`${audit}/${name}`).isFile, name);
    }
    for (const folder of [workingFolder, `${links}/alias`]) {
      assert.equal(await read(`${folder}/.mcp.json`), "failed", folder);
    }
    Deno.removeSync(links, { recursive: true });
  },
});

Deno.test({
  name:
    "[servers.sandbox-link] a server in a sandbox is not available if a link in its folder leads from a named path out of the folder",
  ignore: !canUseBwrap(),
  async fn() {
    const outside = Deno.makeTempDirSync();
    await using gateway = await startGateway({
      servers: {
        confined: {
          command: "node",
          args: [SERVER, "1", "${workspaceFolder}/own/later/data"],
          cwd: "${workspaceFolder}/own",
          gateway: { sandbox: "bwrap", isolation: "call" },
        },
      },
      files: { "own/file": "own" },
    });
    await gateway.callServerToolForText("confined", "attempt");
    Deno.writeTextFileSync(`${outside}/data`, "canary");
    // As the server itself could do it.
    Deno.symlinkSync(outside, `${gateway.setup.workingFolder}/own/later`);
    const { code, message } = await gateway.expectRefusal("execute_tool", {
      server: "confined",
      tool: "attempt",
      args: {},
    });
    Deno.removeSync(outside, { recursive: true });
    assert.equal(code, "SERVER_UNAVAILABLE");
    assert.match(
      message,
      /own\/later\/data must not lead out of the server's `cwd` through a link/,
    );
  },
});

Deno.test({
  name:
    "[servers.sandbox-missing] a server is not available if the program of its sandbox is missing, and the error says what to install",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const folder = Deno.makeTempDirSync();
    const confined = { command: "true", gateway: { sandbox: "bwrap" } };
    const env = { PATH: folder };
    const { stdout } = await runOnce(["doctor"], { servers: { confined }, env });
    assert.match(stdout, /Install the package bubblewrap, or remove mcpServers.confined.gateway/);
    await using gateway = await startGateway({ servers: { confined }, env });
    const { code, message } = await gateway.expectRefusal("execute_tool", {
      server: "confined",
      tool: "x",
      args: {},
    });
    Deno.removeSync(folder);
    assert.equal(code, "SERVER_UNAVAILABLE");
    assert.match(message, /the program "bwrap" of its sandbox was not found; install the package/);
  },
});

/** Runs `validate --strict` with a server in a sandbox, and returns its output in one line. */
async function validateFolder(
  cwd: string,
  options: Pick<RunOptions, "command" | "env"> = {},
): Promise<string> {
  const confined = { command: "true", cwd, gateway: { sandbox: "bwrap" } };
  const { stdout } = await runOnce(["validate", "--strict"], {
    ...options,
    servers: { confined },
  });
  return stdout.replaceAll(/\s+/g, " ");
}

const FILE_OF_GATEWAY = /must not be able to change \/.*, a file of the gateway/;

Deno.test("[servers.sandbox-folder] a server in a sandbox is not available if its working folder has a file of the gateway", async () => {
  for (const cwd of [".", "~/.config", "/"]) {
    assert.match(await validateFolder(cwd), FILE_OF_GATEWAY, cwd);
  }
  const env = { GATEWAY_AUDIT_LOG: "./own/log/audit.jsonl" };
  assert.match(await validateFolder("./own", { env }), FILE_OF_GATEWAY);
  assert.doesNotMatch(await validateFolder("./own"), FILE_OF_GATEWAY);
});

Deno.test("[servers.sandbox-folder] a server in a sandbox is not available if its working folder has the program of the gateway, or Deno", async () => {
  const [launcher] = await gatewayCommandLine("npm");
  const modules = dirname(dirname(launcher));
  for (const name of ["agent-mcp-gateway", "@deno"]) {
    const cwd = join(modules, name);
    assert.match(await validateFolder(cwd, { command: "npm" }), FILE_OF_GATEWAY, cwd);
  }
});

Deno.test("[servers.sandbox-link] a server in a sandbox is not available if another one can replace its working folder or a named path by a link", async () => {
  const gateway = { sandbox: "bwrap" };
  const validate = async (entry: Record<string, unknown>): Promise<string> => {
    const { stdout } = await runOnce(["validate", "--strict"], {
      servers: {
        writer: { command: "true", cwd: "./own", gateway },
        other: { command: "true", gateway, ...entry },
      },
      files: { "own/sub/file": "" },
    });
    return stdout.replaceAll(/\s+/g, " ");
  };
  const data = "${workspaceFolder}/own/sub";
  const replaceable = /another server in a sandbox can write \/.*\/own, and replace .*\/own\/sub/;
  assert.match(await validate({ cwd: "./own/sub" }), replaceable);
  assert.match(await validate({ args: [data], cwd: "./other" }), replaceable);
  assert.match(await validate({ command: "./own/sub/program" }), replaceable);
  // A link in the folder itself stays in the sandbox.
  assert.doesNotMatch(await validate({ args: ["${workspaceFolder}/own"] }), /another server/);
  assert.doesNotMatch(await validate({ cwd: "./own" }), /another server/);
});
