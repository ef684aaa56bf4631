import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { TempFolder } from "../config/temp_folder.ts";
import { type Fields, type RunningGateway, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

const PROGRAM = fileURLToPath(new URL("../fixtures/servers/probed_server.ts", import.meta.url));

/** Maximum time that a silent server needs more than others, in milliseconds, with reserve for a busy machine. */
const SILENCE_MS = 10_000;

/** A server that answers probes in one of its modes, and a cache folder for several gateways. */
class ProbeFixture implements Disposable {
  readonly #root = new TempFolder();

  constructor(mode: string) {
    this.setMode(mode);
    this.#root.write("journal", "");
  }

  /** Changes the server's mode from its next start on. */
  setMode(mode: string): void {
    this.#root.write("mode", mode);
  }

  /** The starts of the server, and the methods of the messages that it received. */
  get journal(): string[] {
    return Deno.readTextFileSync(`${this.#root.path}/journal`).split("\n").slice(0, -1);
  }

  count(line: string): number {
    return this.journal.filter((entry) => entry === line).length;
  }

  start(gateway: Fields = {}): Promise<RunningGateway> {
    const { path } = this.#root;
    const permissions = [`--allow-read=${path}`, `--allow-write=${path}`];
    const denoArgs = ["run", "--quiet", "--no-prompt", "--no-config", "--no-lock", ...permissions];
    const flags = [`--probe-file=${path}/mode`, `--journal=${path}/journal`];
    const args = [...denoArgs, PROGRAM, ...flags];
    return startGateway({
      transport: "stdio",
      servers: { probed: { command: Deno.execPath(), args, gateway } },
      args: ["--agent", "tester", "--debug"],
      env: { XDG_CACHE_HOME: `${path}/cache`, GATEWAY_INIT_STRATEGY: "lazy" },
    });
  }

  /** The texts of the remembered catalogs. */
  get catalogs(): string[] {
    try {
      const folder = `${this.#root.path}/cache/agent-mcp-gateway/catalogs`;
      return [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".catalog"))
        .map(({ name }) => Deno.readTextFileSync(`${folder}/${name}`));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#root[Symbol.dispose]();
  }
}

/** The modes of a server, with whether it then speaks revision 2026-07-28, and how often it is started at first. */
const MODES: Readonly<Record<string, { readonly isStateless: boolean; readonly starts: number }>> =
  {
    "unknown": { isStateless: false, starts: 1 },
    "invalid-params": { isStateless: false, starts: 1 },
    "invalid-request": { isStateless: false, starts: 1 },
    "parse-error": { isStateless: false, starts: 1 },
    "earlier": { isStateless: false, starts: 1 },
    "silent": { isStateless: false, starts: 1 },
    "exit": { isStateless: false, starts: 2 },
    "flood": { isStateless: false, starts: 1 },
    "mutual": { isStateless: true, starts: 1 },
    "late": { isStateless: true, starts: 1 },
    "stateless": { isStateless: true, starts: 1 },
  };

for (const [mode, { isStateless, starts }] of Object.entries(MODES)) {
  Deno.test(`[eras.probe][eras.trouble] a server works whose probe is ${mode}, and is remembered`, async () => {
    using fixture = new ProbeFixture(mode);
    {
      await using gateway = await fixture.start();
      const startedAt = performance.now();
      assert.equal(await gateway.callServerToolForText("probed", "plain"), mode);
      assert.ok(performance.now() - startedAt < SILENCE_MS);
      assert.equal(fixture.count("start"), starts);
      assert.equal(fixture.count("server/discover"), mode === "mutual" ? 2 : 1);
      const initializes = isStateless && mode !== "late" ? 0 : 1;
      assert.equal(fixture.count("initialize"), initializes);
      assert.equal(fixture.count("notifications/initialized"), isStateless ? 0 : 1);
      const { servers } = await gateway.callGatewayToolForJson<{ servers: { probed: Fields } }>(
        "get_gateway_status",
      );
      const { state, last_error, restarts } = servers.probed;
      assert.deepEqual([state, last_error, restarts], ["ready", null, 0]);
      await waitUntil("the catalog is remembered", () => fixture.catalogs.length > 0);
    }
    await using gateway = await fixture.start();
    assert.equal(await gateway.callServerToolForText("probed", "plain"), mode);
    const again = fixture.journal.slice(fixture.journal.lastIndexOf("start"));
    // A remembered server of revision 2026-07-28 is opened with the request that describes it.
    assert.equal(again[1], isStateless ? "server/discover" : "initialize");
    assert.equal(fixture.count("start"), starts + 1);
    if (!isStateless) assert.equal(again.includes("server/discover"), false);
  });
}

Deno.test("[eras.probe] a server that changed its revision is probed again", async () => {
  for (const [before, after] of [["stateless", "unknown"], ["unknown", "stateless"]] as const) {
    using fixture = new ProbeFixture(before);
    {
      await using gateway = await fixture.start();
      assert.equal(await gateway.callServerToolForText("probed", "plain"), before);
      await waitUntil("the catalog is remembered", () => fixture.catalogs.length > 0);
    }
    fixture.setMode(after);
    await using gateway = await fixture.start();
    assert.equal(await gateway.callServerToolForText("probed", "plain"), after);
  }
});

Deno.test("[eras.protocol] with legacy a server is never probed", async () => {
  using fixture = new ProbeFixture("silent");
  await using gateway = await fixture.start({ protocol: "legacy" });
  assert.equal(await gateway.callServerToolForText("probed", "plain"), "silent");
  assert.equal(fixture.count("server/discover"), 0);
});

Deno.test("[eras.protocol] with modern a server is never initialized, and fails if it does not describe itself", async () => {
  {
    using fixture = new ProbeFixture("stateless");
    await using gateway = await fixture.start({ protocol: "modern" });
    assert.equal(await gateway.callServerToolForText("probed", "plain"), "stateless");
  }
  using fixture = new ProbeFixture("unknown");
  await using gateway = await fixture.start({ protocol: "modern" });
  const { code, message } = await gateway.expectRefusal("execute_tool", {
    server: "probed",
    tool: "plain",
    args: {},
  });
  assert.equal(code, "SERVER_UNAVAILABLE");
  assert.match(message, /2026-07-28/);
  assert.equal(fixture.count("initialize"), 0);
});

Deno.test("[eras.trouble] a server that answers nothing at all fails as before", async () => {
  using fixture = new ProbeFixture("deaf");
  await using gateway = await fixture.start({ connect_timeout_ms: 3500 });
  const { code } = await gateway.expectRefusal("execute_tool", {
    server: "probed",
    tool: "plain",
    args: {},
  });
  assert.equal(code, "SERVER_UNAVAILABLE");
  assert.equal(fixture.count("initialize"), 1);
});
