import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { ensureServers, serverEntry } from "../../scripts/test_servers.ts";
import { listMailbox, runShell } from "./approval_fixture.ts";
import { cannotPreload } from "./fault_preload.ts";
import { type Fields, RunningGateway } from "./gateway.ts";
import { type GatewayCommand, gatewayCommandLine } from "./gateway_command.ts";
import { Program } from "./program.ts";
import { editAndReload } from "./config_edits.ts";
import { Setup, type SetupOptions } from "./setup.ts";
import { waitUntil } from "./wait.ts";

const GATEWAY_ARGS = ["--agent", "tester", "--debug"];

/** Runs the `permissions` command in the setup's working folder, and returns the flags that it prints. */
async function readPrintedFlags(setup: Setup, command: GatewayCommand): Promise<string[]> {
  const [deno, ...denoArgs] = await gatewayCommandLine(command);
  const { success, stdout, stderr } = await new Deno.Command(deno, {
    args: [...denoArgs, "permissions", ...GATEWAY_ARGS],
    cwd: setup.workingFolder,
    env: setup.env,
    clearEnv: true,
    stdin: "null",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}

/** Returns the path of the program's main file. */
async function mainFile(command: GatewayCommand): Promise<string> {
  const commandLine = await gatewayCommandLine(command);
  const last = commandLine.at(-1) ?? "";
  // The command of the package is a link to its launcher, which gives the program fixed permissions.
  return command === "npm" ? join(dirname(Deno.realPathSync(last)), "agent-mcp-gateway.js") : last;
}

/** Starts the gateway with only the permissions that the command `permissions` prints, and initializes a client. */
async function startWithPrintedPermissions(
  options: SetupOptions,
  command: GatewayCommand,
): Promise<RunningGateway> {
  const setup = new Setup(options);
  const permissionFlags = await readPrintedFlags(setup, command);
  const args = ["run", ...permissionFlags, await mainFile(command), ...GATEWAY_ARGS];
  const program = new Program({
    command: Deno.execPath(),
    args,
    cwd: setup.workingFolder,
    env: setup.env,
  });
  const gateway = new RunningGateway(setup, program);
  try {
    await gateway.client.initialize();
    return gateway;
  } catch (error) {
    await gateway.kill();
    throw new Error(program.stderr, { cause: error });
  }
}

const makeServers = () => ({
  // A command without a path, which starts another program and leaves a child process.
  everything: {
    command: "sh",
    args: ["-c", 'sleep 60 & exec node "$0"', serverEntry("everything")],
    gateway: { inherit_env: ["EXTRA_ONE"] },
  },
  files: { command: "node", args: [serverEntry("filesystem"), "${SHOWN:-/nowhere}"] },
});

// An executable has fixed permissions.
const TEST_OPTIONS = { ignore: cannotPreload || Deno.build.os === "windows" };

for (const command of ["source", "bundle", "npm"]) {
  const title =
    `[permissions.narrow] the gateway from ${command} works with only the permissions that the command prints`;
  Deno.test(title, TEST_OPTIONS, async (t) => {
    await ensureServers();
    const env = { EXTRA_ONE: "1", LC_ALL: "C.UTF-8" };
    const servers = makeServers();
    await using gateway = await startWithPrintedPermissions({ servers, env }, command);
    const { setup } = gateway;

    await t.step("tools of real servers are listed and called", async () => {
      const listToolNames = async (server: string) => {
        const answer = await gateway.callGatewayToolForJson<{ tools: Fields[] }>(
          "get_server_tools",
          { server },
        );
        return answer.tools.map((tool) => tool.name);
      };
      assert.ok((await listToolNames("everything")).includes("echo"));
      assert.equal(
        await gateway.callServerToolForText("everything", "echo", { message: "hi" }),
        "Echo: hi",
      );
      const result = await gateway.callServerTool("everything", "get-env");
      const serverEnv = JSON.parse((result.content as { text: string }[])[0]?.text ?? "");
      assert.deepEqual([serverEnv.EXTRA_ONE, serverEnv.LC_ALL], ["1", "C.UTF-8"]);
      assert.ok(serverEnv.PATH.length > 0);
      assert.equal(serverEnv.GATEWAY_DEPTH, "1");
    });

    await t.step("the audit log is written", () => {
      assert.ok(gateway.readAuditLog().length > 0);
      assert.doesNotMatch(gateway.program.stderr, /NotCapable|access to|watchdog|cannot be/);
    });

    await t.step(
      "[permissions.reload] a reload that the permissions cover takes effect",
      async () => {
        setup.writeFile("shown/hello.txt", "hello");
        const files = {
          command: "node",
          args: [serverEntry("filesystem"), `${setup.workingFolder}/shown`],
        };
        await editAndReload(gateway, "mcp_config", { mcpServers: { ...servers, files } });
        const path = `${setup.workingFolder}/shown/hello.txt`;
        const read = await gateway.callServerTool("files", "read_text_file", { path });
        assert.equal((read.content as { text: string }[])[0]?.text, "hello");
      },
    );

    await t.step(
      "[permissions.reload] a program that the permissions do not cover is refused",
      async () => {
        const added = { command: "cat", args: [] };
        await editAndReload(gateway, "mcp_config", { mcpServers: { ...servers, added } });
        const refusal = await gateway.expectRefusal("execute_tool", {
          server: "added",
          tool: "x",
          args: {},
        });
        assert.equal(refusal.code, "SERVER_UNAVAILABLE");
        assert.match(refusal.message, /permissions do not allow it to run the command "cat"/);
        assert.match(refusal.message, /agent-mcp-gateway permissions/);
        assert.equal(
          await gateway.callServerToolForText("everything", "echo", { message: "on" }),
          "Echo: on",
        );
      },
    );

    // The end of the gateway checks that no process is left.
  });
}

const killTitle =
  "[permissions.narrow] with the printed permissions, servers end when the gateway is killed";
Deno.test(killTitle, TEST_OPTIONS, async () => {
  await ensureServers();
  const gateway = await startWithPrintedPermissions({ servers: makeServers() }, "bundle");
  assert.equal(
    await gateway.callServerToolForText("everything", "echo", { message: "hi" }),
    "Echo: hi",
  );
  gateway.program.sendSignal("SIGKILL");
  await gateway.program.waitForEnd();
  await gateway.setup.close(5000);
});

Deno.test(
  "[permissions.message] a command that lacks a permission names the flag that adds it",
  TEST_OPTIONS,
  async () => {
    const setup = new Setup();
    const [command, run = "", ...denoArgs] = await gatewayCommandLine("bundle");
    const mainModule = denoArgs.at(-1) ?? "";
    const runToFailure = async (
      permissionFlags: readonly string[],
      args: readonly string[],
    ): Promise<string> => {
      const program = new Program({
        command,
        args: [run, "--no-config", "--no-prompt", ...permissionFlags, mainModule, ...args],
        cwd: setup.workingFolder,
        env: setup.env,
      });
      await program.closeInput();
      assert.equal((await program.waitForEnd()).code, 1);
      return program.stderr.trimEnd();
    };
    try {
      const { home } = setup;
      const undoArgs = ["init", "--undo"];
      assert.equal(
        await runToFailure([], undoArgs),
        'Deno does not permit env access to HOME: add --allow-env=HOME (docs/security.md, "Fewer permissions")',
      );
      const journal = `${home}/.config/agent-mcp-gateway/init-journal.json`;
      assert.equal(
        await runToFailure(["--allow-env"], undoArgs),
        `Deno does not permit read access to ${journal}: add --allow-read=${journal} ` +
          '(docs/security.md, "Fewer permissions")',
      );
      const message = await runToFailure(["--allow-env", "--allow-read"], ["token", "tester"]);
      assert.match(
        message,
        /^No token was made: Deno does not permit write access to .*: add --allow-write=/,
      );
      assert.doesNotMatch(message, /Requires/);
    } finally {
      await setup.close();
    }
  },
);

Deno.test(
  "[permissions.narrow] a call waits for an approval with only the permissions that the command prints",
  TEST_OPTIONS,
  async () => {
    await ensureServers();
    const agents = {
      tester: { allow: { servers: ["*"] }, ask: { tools: { everything: ["echo"] } } },
    };
    const options = { servers: makeServers(), rules: { agents }, env: { EXTRA_ONE: "1" } };
    await using gateway = await startWithPrintedPermissions(options, "bundle");
    const { home, workingFolder, env } = gateway.setup;
    const call = gateway.callServerToolForText("everything", "echo", { message: "hi" });
    const mailbox = `${home}/.local/state/agent-mcp-gateway/approvals`;
    const [name = ""] = await waitUntil("the call waits", () => {
      // A request is written under another name, and then renamed.
      const names = listMailbox(mailbox).filter((name) => name.endsWith(".pending"));
      return names.length > 0 && names;
    });
    const allowed = await runShell({ env, cwd: workingFolder }, [
      "approvals",
      "allow",
      name.slice(0, 8),
    ]);
    assert.equal(allowed.code, 0, allowed.stderr);
    assert.equal(await call, "Echo: hi");
  },
);
