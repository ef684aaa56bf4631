import assert from "node:assert/strict";
import { dirname } from "node:path";
import { EVERY_COMMAND } from "./every_command.ts";
import { RunningGateway } from "./gateway.ts";
import { gatewayCommandLine } from "./gateway_command.ts";
import { Program } from "./program.ts";
import { Setup } from "./setup.ts";

const USER_ID = 4242;
const OTHER_USER_ID = 4241;

function isSuperuser(): boolean {
  const folder = Deno.makeTempDirSync();
  const { uid } = Deno.statSync(folder);
  Deno.removeSync(folder);
  return uid === 0;
}

for (const command of EVERY_COMMAND) {
  Deno.test({
    name:
      `[audit.refused-path] [install.shipped] the superuser's gateway from ${command} writes its audit log to no file of another user`,
    ignore: Deno.build.os === "windows" || !isSuperuser(),
    async fn() {
      const setup = new Setup();
      const path = setup.writeFile("audit.jsonl", "");
      Deno.chmodSync(path, 0o600);
      Deno.chownSync(path, OTHER_USER_ID, null);
      const [program, ...words] = await gatewayCommandLine(command);
      const args = [...words, "--agent", "tester", "--audit-log", path];
      const { workingFolder: cwd, env } = setup;
      const running = new Program({ command: program, args, cwd, env });
      await using gateway = new RunningGateway(setup, running);
      await gateway.client.initialize();
      await gateway.callGatewayTool("list_servers", {});
      assert.equal(Deno.statSync(path).size, 0);
      assert.equal(setup.readAuditLog().length, 1);
      assert.match(running.stderr, /audit\.jsonl belongs to another user/);
    },
  });
}

Deno.test({
  name:
    "[config.writable] [install.shipped] validate --strict from npm fails if a file belongs to another user",
  ignore: Deno.build.os !== "linux" || !isSuperuser(),
  async fn() {
    const setup = new Setup();
    const path = setup.writeFile(".mcp.json", { mcpServers: {} });
    Deno.chmodSync(dirname(setup.workingFolder), 0o755);
    // The folder of the built programs, which the gate creates for its own user only.
    const shipped = Deno.env.get("GATEWAY_SHIPPED");
    if (shipped !== undefined) Deno.chmodSync(shipped, 0o755);
    const validate = async () => {
      const user = ["--clear-groups", `--reuid=${USER_ID}`, `--regid=${USER_ID}`];
      const args = [...user, ...await gatewayCommandLine("npm"), "validate", "--strict"];
      const { workingFolder: cwd, env } = setup;
      const program = new Program({ command: "setpriv", args, cwd, env });
      await program.closeInput();
      return { code: (await program.waitForEnd()).code, output: program.lines.join(" ") };
    };
    assert.deepEqual((await validate()).code, 0);
    Deno.chownSync(path, OTHER_USER_ID, null);
    const { code, output } = await validate();
    assert.equal(code, 1);
    assert.match(output, /\.mcp\.json" belongs to another user/);
    await setup.close();
  },
});
