import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { packageJson, serverJson } from "../../scripts/npm.ts";
import { permissionFlags } from "../../scripts/permissions.ts";
import { isFile } from "../../src/file_identity.ts";
import { misbehavingServer, RunningGateway, startGateway } from "../e2e/gateway.ts";
import { environmentWithoutDeno, gatewayCommandLine } from "../e2e/gateway_command.ts";
import { Program } from "../e2e/program.ts";
import { RawClient } from "../e2e/raw_client.ts";
import { Setup } from "../e2e/setup.ts";
import { waitUntil } from "../e2e/wait.ts";

async function startPackage(setup: Setup, ...args: string[]): Promise<Program> {
  const [command, ...words] = await gatewayCommandLine("npm");
  const env = { ...setup.env, ...environmentWithoutDeno("npm") };
  return new Program({ command, args: [...words, ...args], cwd: setup.workingFolder, env });
}

/** Counts the processes of a setup whose command line names a file. */
async function countProcesses(setup: Setup, file: string): Promise<number> {
  const script = `grep -lzs -- "${file}" /proc/[0-9]*/cmdline`;
  const { stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
  const found = [...new TextDecoder().decode(stdout).matchAll(/\d+/g)].map(Number);
  const own = await setup.listProcessIds();
  return found.filter((pid) => own.includes(pid)).length;
}

Deno.test("the npm package works when installed from its tarball into an empty folder", async (t) => {
  await t.step(
    "[install.npm] the package serves over stdio, and ends when its input ends",
    async () => {
      const setup = new Setup({ servers: { odd: misbehavingServer() } });
      await using gateway = new RunningGateway(
        setup,
        await startPackage(setup, "--agent", "tester"),
      );
      await gateway.client.initialize();
      assert.deepEqual(await gateway.callGatewayToolForJson("list_servers"), [{ name: "odd" }]);
      assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
    },
  );

  await t.step({
    name: "[install.npm] a relay to a shared gateway is a small program of its own",
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      const setup = new Setup({ servers: { odd: misbehavingServer() } });
      setup.env.XDG_RUNTIME_DIR = setup.home;
      setup.env.GATEWAY_LINGER_S = "0";
      await using gateway = new RunningGateway(
        setup,
        await startPackage(setup, "--agent", "tester", "--shared"),
      );
      await gateway.client.initialize();
      assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
      assert.equal(await countProcesses(setup, "agent-mcp-gateway-relay.js"), 1);
    },
  });

  await t.step({
    name: "[install.npm] code runs in a small program of its own, which also removes types",
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      const setup = new Setup({
        rules: { agents: { tester: { allow: { servers: ["gateway"] } } } },
      });
      await using gateway = new RunningGateway(
        setup,
        await startPackage(setup, "--agent", "tester"),
      );
      await gateway.client.initialize();
      const code = "const one: number = 1; return one";
      const { content } = await gateway.callServerTool("gateway", "run_code", { code });
      assert.deepEqual(content, [{ type: "text", text: '{"result":1,"logs":""}' }]);
      // The frames of the program itself are not among those of the code.
      const failing = { code: "const fail = () => {\n  throw new Error('x');\n};\nfail();" };
      const failed = await gateway.callServerTool("gateway", "run_code", failing);
      const [{ text = "" } = {}] = failed.content as readonly { readonly text?: string }[];
      const { stack, line } = JSON.parse(text).error;
      assert.deepEqual([line, stack], [2, "at fail, line 2:9\nat line 4:1"]);
      // A process for the next code is started after the answer.
      await waitUntil("a process for code runs", async () => {
        return await countProcesses(setup, "agent-mcp-gateway-sandbox.js") > 0;
      });
    },
  });

  await t.step("[install.npm] Deno does not ask for its newest version", async () => {
    const odd = { ...misbehavingServer(), gateway: { inherit_env: ["DENO_NO_UPDATE_CHECK"] } };
    const setup = new Setup({ servers: { odd } });
    delete setup.env["DENO_NO_UPDATE_CHECK"];
    await using gateway = new RunningGateway(
      setup,
      await startPackage(setup, "--agent", "tester"),
    );
    await gateway.client.initialize();
    const env = JSON.parse(await gateway.callServerToolForText("odd", "env"));
    assert.equal(env.DENO_NO_UPDATE_CHECK, "1");
  });

  await t.step(
    "[install.npm] with several clients, Deno reads its sockets after each step of work, and the heap grows less",
    async () => {
      const odd = {
        ...misbehavingServer(),
        gateway: { inherit_env: ["DENO_TOKIO_EVENT_INTERVAL", "DENO_V8_FLAGS"] },
      };
      await using gateway = await startGateway({
        servers: { odd },
        command: "npm",
        env: environmentWithoutDeno("npm"),
        transport: "http",
      });
      const env = JSON.parse(await gateway.callServerToolForText("odd", "env"));
      assert.equal(env.DENO_TOKIO_EVENT_INTERVAL, "1");
      assert.equal(env.DENO_V8_FLAGS, "--heap-growing-percent=100");
    },
  );

  await t.step("[install.npm] the package has every file that its pages link to", async () => {
    const [command] = await gatewayCommandLine("npm");
    const folder = join(dirname(command), "..", "agent-mcp-gateway");
    const docPages = [...Deno.readDirSync(join(folder, "docs"))].map(({ name }) => `docs/${name}`);
    let linkCount = 0;
    for (const page of ["README.md", "CONTRIBUTING.md", "SECURITY.md", ...docPages]) {
      // Code may look like a link, as in `names["a"](args)`.
      const text = (await Deno.readTextFile(join(folder, page))).replaceAll(/`[^`\n]*`/g, "");
      for (const [, link = ""] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
        await Deno.stat(join(folder, dirname(page), link));
        linkCount++;
      }
    }
    assert.ok(linkCount > 30, `${linkCount} links`);
  });

  await t.step("[install.npm] the launcher forwards signals to the gateway", async () => {
    const setup = new Setup({ servers: { odd: misbehavingServer() } });
    const gateway = new RunningGateway(setup, await startPackage(setup, "--agent", "tester"));
    await gateway.client.initialize();
    assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
    gateway.program.sendSignal("SIGTERM");
    await gateway.checkEnd(0);
  });

  await t.step({
    name: "[install.npm] over HTTP, the gateway and its servers end after the launcher is killed",
    ignore: Deno.build.os === "windows",
    fn: async () => {
      const gateway = await startGateway({
        servers: { odd: misbehavingServer() },
        command: "npm",
        env: environmentWithoutDeno("npm"),
        transport: "http",
      });
      assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
      const { url } = gateway;
      gateway.program.sendSignal("SIGKILL");
      // Standard error ends when the last process that has it ends.
      await gateway.checkEnd(137);
      await assert.rejects(fetch(new URL("/health", url)), TypeError);
    },
  });

  await t.step("[install.npm] the launcher exits with the gateway's exit code", async () => {
    for (const [words, code] of [[["--version"], 0], [["nonsense"], 2]] as const) {
      const setup = new Setup();
      const program = await startPackage(setup, ...words);
      assert.equal((await program.waitForEnd()).code, code, program.stderr);
      await setup.close();
    }
  });
});

/** Installs the package in the folder of npx's cache that npx would use, and returns its launcher. */
async function installInNpxCache(setup: Setup): Promise<string> {
  const [command] = await gatewayCommandLine("npm");
  const installed = join(dirname(command), "..");
  const modules = join(setup.home, ".npm", "_npx", "5b2dd62b9d0bddd4", "node_modules");
  const folder = join(modules, "agent-mcp-gateway");
  Deno.mkdirSync(folder, { recursive: true });
  Deno.symlinkSync(join(installed, "@deno"), join(modules, "@deno"));
  const parts = [".js", "-chunks.txt", "-relay.js"].map((end) => `agent-mcp-gateway${end}`);
  for (const name of ["launcher.cjs", ...parts, "package.json"]) {
    Deno.copyFileSync(join(installed, "agent-mcp-gateway", name), join(folder, name));
  }
  return join(folder, "launcher.cjs");
}

Deno.test({
  name:
    "[init.launch] the entry of a package that npx started runs nothing from node_modules of the client's working folder",
  ignore: Deno.build.os === "windows",
  async fn() {
    const setup = new Setup();
    const run = (words: readonly string[]): Program => {
      const [command = "", ...args] = words;
      return new Program({ command, args, cwd: setup.workingFolder, env: setup.env });
    };
    const init = run(["node", await installInNpxCache(setup), "init", "--yes"]);
    await init.closeInput();
    assert.equal((await init.waitForEnd()).code, 0, init.stderr);
    assert.match(init.stderr, /The entry starts a program in npx's cache/);
    const [, json = ""] = /```json\n(.*?)```/s.exec(init.lines.join("\n")) ?? [];
    const { command, args } = JSON.parse(json).mcpServers.gateway;

    const marker = join(setup.workingFolder, "marker");
    const script = `#!/bin/sh\ntouch '${marker}'\n`;
    for (const name of ["agent-mcp-gateway", "node", "npx", "sh"]) {
      const path = setup.writeFile(`node_modules/.bin/${name}`, script);
      Deno.chmodSync(path, 0o755);
    }
    const { version } = config;
    setup.writeFile("node_modules/agent-mcp-gateway/package.json", {
      name: "agent-mcp-gateway",
      version,
      bin: "../.bin/agent-mcp-gateway",
    });
    const program = run([command, ...args]);
    await new RawClient(program).initialize();
    await program.closeInput();
    assert.equal((await program.waitForEnd()).code, 0, program.stderr);
    assert.equal(isFile(marker), false);
    await setup.close();
  },
});

Deno.test("[install.npm] package.json pins Deno, and has the permissions of start and the files of the package", () => {
  const { name, version, bin, files, permissions, mcpName, ...otherMembers } = packageJson("a/b");
  assert.deepEqual([name, version], ["agent-mcp-gateway", config.version]);
  assert.deepEqual(bin, { "agent-mcp-gateway": "launcher.cjs" });
  const pages = ["CONTRIBUTING.md", "SECURITY.md", "docs", "config"];
  assert.deepEqual(files, [
    "launcher.cjs",
    "agent-mcp-gateway.js",
    "agent-mcp-gateway-chunks.txt",
    "agent-mcp-gateway-relay.js",
    "agent-mcp-gateway-sandbox.js",
    ...pages,
  ]);
  const { dependencies, optionalDependencies, scripts } = otherMembers;
  // npm warns about every package with an install script.
  assert.deepEqual([dependencies, scripts], [undefined, undefined]);
  const versions = Object.values(optionalDependencies as Record<string, string>);
  assert.deepEqual([...new Set(versions)], [Deno.version.deno]);
  assert.deepEqual(permissions, permissionFlags());
  assert.equal(mcpName, serverJson("a/b")["name"]);
  assert.equal("mcpName" in packageJson(), false);
});

Deno.test("[install.registry] server.json has the fields that the registry requires", () => {
  const entry = serverJson("some-one/some.thing");
  assert.match(String(entry["name"]), /^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/);
  assert.ok(String(entry["description"]).length <= 100);
  assert.ok(String(entry["title"]).length <= 100);
  assert.match(String(entry["version"]), /^\d+\.\d+\.\d+$/);
  assert.deepEqual(entry["repository"], {
    url: "https://github.com/some-one/some.thing",
    source: "github",
  });
  const [npmPackage, ...otherPackages] = entry["packages"] as Record<string, unknown>[];
  assert.deepEqual(otherPackages, []);
  const { environmentVariables, ...otherMembers } = npmPackage ?? {};
  assert.deepEqual(otherMembers, {
    registryType: "npm",
    identifier: "agent-mcp-gateway",
    version: config.version,
    runtimeHint: "npx",
    transport: { type: "stdio" },
  });
  const names = (environmentVariables as { name: string }[]).map(({ name }) => name);
  assert.ok(names.includes("GATEWAY_RULES") && names.every((name) => /^GATEWAY_/.test(name)));
});
