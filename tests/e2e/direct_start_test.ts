import assert from "node:assert/strict";
import { join } from "node:path";
import { NpxFixture, type PrintedStart } from "../downstream/npx_fixture.ts";
import { HAS_NO_SHELL, listProcesses } from "./fault_processes.ts";
import { type RunningGateway, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

const args = ["--agent", "tester", "--init-strategy", "lazy"];

/** npm's settings are none, also if npx has started the tests: servers inherit them. */
const env = Object.fromEntries(
  Object.keys(Deno.env.toObject())
    .filter((name) => /^npm_config_/i.test(name))
    .map((name) => [name, ""]),
);

/** Calls a server of the fixture, and returns how it was started, with its processes. */
async function readStart(gateway: RunningGateway, server: string) {
  const start: PrintedStart = JSON.parse(await gateway.callServerToolForText(server, "start"));
  const all = await listProcesses();
  const group = all.find(({ pid }) => pid === start.pid)?.group;
  const processes = all.filter((process) => process.group === group);
  return { start, group, processes };
}

Deno.test({
  name:
    "[servers.direct-start-process] a program of npx runs without npx, unless the entry says so",
  ignore: HAS_NO_SHELL,
  async fn() {
    await using fixture = await NpxFixture.install();
    const servers = {
      direct: fixture.serverEntry(),
      launched: fixture.serverEntry({ direct_start: false }),
      repeated: fixture.serverEntry({ isolation: "call" }),
    };
    await using gateway = await startGateway({ servers, args: [...args, "--debug"], env });
    const direct = await readStart(gateway, "direct");
    assert.deepEqual(direct.processes.map(({ pid }) => pid), [direct.start.pid]);
    const launched = await readStart(gateway, "launched");
    assert.ok(launched.processes.some(({ args }) => /npm exec|npx/.test(args)));
    assert.deepEqual(direct.start.argv, launched.start.argv);
    assert.equal(direct.start.cwd, launched.start.cwd);
    assert.deepEqual(direct.start.argv.slice(2), ["--serve", "a b"]);
    assert.equal(
      direct.start.env["npm_config_registry"],
      servers.direct.env["npm_config_registry"],
    );
    assert.equal(direct.start.env["PATH"], launched.start.env["PATH"]);
    const status = await gateway.callGatewayToolForJson<
      { servers: Record<string, { without_launcher?: boolean }> }
    >("get_gateway_status");
    assert.equal(status.servers.direct?.without_launcher, true);
    assert.equal(status.servers.launched?.without_launcher, undefined);

    // Each call starts a process; a program is started in another way when it has been started before.
    for (let call = 0; call < 2; call++) {
      const { start } = await readStart(gateway, "repeated");
      assert.deepEqual(start.argv, direct.start.argv);
    }
  },
});

Deno.test({
  name:
    "[servers.direct-start-process] a program that was started directly ends with a gateway that is killed",
  ignore: HAS_NO_SHELL,
  async fn() {
    await using fixture = await NpxFixture.install();
    const gateway = await startGateway({ servers: { direct: fixture.serverEntry() }, args, env });
    const { group } = await readStart(gateway, "direct");
    await gateway.kill();
    await waitUntil("the server has ended", async () => {
      return (await listProcesses()).every((process) => process.group !== group);
    });
  },
});

Deno.test({
  name:
    "[servers.direct-start-process] the start of a damaged package fails as with npx, and its cause is found",
  ignore: HAS_NO_SHELL,
  async fn() {
    await using fixture = await NpxFixture.install();
    const folder = join(fixture.installed, "node_modules/@tests/printing-server/dist");
    await Deno.remove(join(folder, "marker.js"));
    const servers = {
      direct: fixture.serverEntry(),
      launched: fixture.serverEntry({ direct_start: false }),
    };
    await using gateway = await startGateway({ servers, args, env });
    const fail = async (server: string): Promise<string> => {
      const call = { server, tool: "start", args: {} };
      return (await gateway.expectRefusal("execute_tool", call)).message;
    };
    const message = await fail("direct");
    assert.match(message, /the npm cache of \S+ is incomplete|Cannot find module/);
    assert.equal(
      message.split("\n")[0]?.replace("direct", "launched"),
      (await fail("launched")).split("\n")[0],
    );
  },
});
