import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AuthorizationServer } from "../fixtures/oauth/authorization_server.ts";
import { ProtectedServer } from "../fixtures/oauth/protected_server.ts";
import { Shell } from "../cli/shell.ts";
import { EVERY_COMMAND } from "./every_command.ts";
import { misbehavingServer, startGateway } from "./gateway.ts";
import { OtlpReceiver } from "./otlp_receiver.ts";

const BROWSER = fileURLToPath(new URL("../fixtures/oauth/fake_browser.ts", import.meta.url));

/** Command of a fake browser that follows the login link, and writes to a log file. */
function browserCommand(logFile: string): string {
  const deno = `${Deno.execPath()} run --quiet --no-prompt --allow-all --no-config`;
  return `${deno} ${BROWSER} ${logFile}`;
}

for (const command of EVERY_COMMAND) {
  Deno.test(`[install.shipped] three calls cause one login in a browser, and a refused token is renewed, from ${command}`, async () => {
    await using authorizationServer = new AuthorizationServer();
    await using server = new ProtectedServer(authorizationServer);
    const logFile = Deno.makeTempFileSync();
    {
      await using gateway = await startGateway({
        command,
        servers: { notes: { url: server.url } },
        env: { BROWSER: browserCommand(logFile) },
      });
      const calls = Array.from({ length: 3 }, () => gateway.callServerToolForText("notes", "read"));
      assert.deepEqual(await Promise.all(calls), ["read", "read", "read"]);
      const tokenFolder = join(gateway.setup.home, ".config", "agent-mcp-gateway", "oauth");
      const tokenFiles = [...Deno.readDirSync(tokenFolder)].filter(({ name }) => {
        return name.endsWith(".json");
      });
      assert.equal(tokenFiles.length, 1);
      // The gateway renews a token that the server refuses.
      authorizationServer.revokeAccessTokens();
      assert.equal(await gateway.callServerToolForText("notes", "read"), "read");
    }
    assert.equal(Deno.readTextFileSync(logFile).match(/^opened /gm)?.length, 1, "one login");
    Deno.removeSync(logFile);
  });

  Deno.test(`[install.shipped] auth login, status and logout work, from ${command}`, async () => {
    await using authorizationServer = new AuthorizationServer();
    await using server = new ProtectedServer(authorizationServer);
    const servers = { notes: { url: server.url } };
    const env = { BROWSER: browserCommand("browser.log") };
    await using shell = new Shell({ servers, env }, command);
    for (
      const [args, output] of [
        ["auth status", /^notes: not logged in$/m],
        ["auth login notes", /^Logged in to "notes"/],
        ["auth status", /^notes: logged in/m],
        ["auth logout notes", /^Logged out of "notes"/],
      ] as const
    ) {
      const { code, stdout, stderr } = await shell.run(args.split(" "));
      assert.equal(code, 0, stderr);
      assert.match(stdout, output);
    }
  });

  Deno.test(`[install.shipped] traces are exported over OTLP, from ${command}`, async () => {
    await using receiver = new OtlpReceiver();
    await using gateway = await startGateway({
      command,
      servers: { odd: misbehavingServer() },
      env: receiver.env,
    });
    assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
    const operation = await receiver.waitForSpan("tools/call execute_tool");
    const call = await receiver.waitForSpan("tools/call count");
    assert.equal(call.parentSpanId, operation.spanId);
  });
}
