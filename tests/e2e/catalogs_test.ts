import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { TempFolder } from "../config/temp_folder.ts";
import { type Fields, type GatewayOptions, type RunningGateway, startGateway } from "./gateway.ts";
import type { InitializeParams } from "./raw_client.ts";
import { type EndedCommand, runOnce } from "./run_once.ts";
import type { SetupOptions } from "./setup.ts";
import { waitUntil } from "./wait.ts";

const SERVER = fileURLToPath(new URL("../fixtures/servers/catalog_server.ts", import.meta.url));

const DAY_MS = 24 * 3_600_000;

function createTool(name: string, annotations?: Fields): Fields {
  const tool = { name, description: `The tool ${name}`, inputSchema: { type: "object" } };
  return annotations === undefined ? tool : { ...tool, annotations };
}

/** The server `remembered`, and a cache folder, that gateways share which run one after the other. */
class CatalogFixture implements Disposable {
  readonly root = new TempFolder();
  readonly cache: string = this.root.path + "/cache";

  constructor(catalog: Fields = { tools: [createTool("read"), createTool("write")] }) {
    this.setCatalog(catalog);
    this.root.write("server/journal", "");
  }

  /** Changes what the server has from its next start on. */
  setCatalog(catalog: Fields): void {
    this.root.write("server/catalog.json", catalog);
  }

  /** The starts of the server, and the requests that it received. */
  get journal(): string[] {
    return Deno.readTextFileSync(`${this.root.path}/server/journal`).split("\n").slice(0, -1);
  }

  get starts(): number {
    return this.journal.filter((line) => line === "start").length;
  }

  /** The texts of the files of catalogs. */
  get files(): string[] {
    try {
      const folder = `${this.cache}/agent-mcp-gateway/catalogs`;
      return [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".catalog"))
        .map(({ name }) => Deno.readTextFileSync(`${folder}/${name}`));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  /** Starts a gateway with the server. */
  start({ env, ...options }: GatewayOptions = {}): Promise<RunningGateway> {
    return startGateway({ ...this.#setup(env), transport: "stdio", ...options });
  }

  /** Runs a command of the gateway until it ends. */
  run(args: readonly string[]): Promise<EndedCommand> {
    return runOnce(args, this.#setup());
  }

  #setup(env: GatewayOptions["env"] = {}): SetupOptions {
    const denoArgs = ["run", "--quiet", "--no-prompt", "--no-config", "--no-lock"];
    const folder = `${this.root.path}/server`;
    const permissions = [`--allow-read=${folder}`, `--allow-write=${folder}`];
    const remembered = {
      command: Deno.execPath(),
      args: [...denoArgs, ...permissions, SERVER, folder],
    };
    return { servers: { remembered }, env: { XDG_CACHE_HOME: this.cache, ...env } };
  }

  /** Runs a gateway until it remembers the catalog. */
  async learn(options: GatewayOptions = {}): Promise<void> {
    await using _gateway = await this.start(options);
    await waitUntil("the catalog is remembered", () => this.files.length > 0);
  }

  [Symbol.dispose](): void {
    this.root[Symbol.dispose]();
  }
}

async function listTools(gateway: RunningGateway, args: Fields = {}): Promise<string[]> {
  const listing = await gateway.callGatewayToolForJson<{ tools: Fields[] }>("get_server_tools", {
    server: "remembered",
    ...args,
  });
  return listing.tools.map(({ name }) => String(name));
}

Deno.test("[catalogs.auto] a server whose catalog is remembered is not started until a call, which needs no list", async () => {
  using fixture = new CatalogFixture();
  await fixture.learn();
  assert.equal(fixture.starts, 1);
  // A call that waited for a list would never end.
  fixture.setCatalog({ tools: [], holdsLists: true });
  for (const strategy of ["auto", "lazy"]) {
    const startsBefore: number = fixture.starts;
    await using gateway = await fixture.start({ env: { GATEWAY_INIT_STRATEGY: strategy } });
    await gateway.callGatewayToolForJson("list_servers");
    assert.deepEqual(await listTools(gateway), ["read", "write"]);
    assert.deepEqual(await listTools(gateway, { query: "write" }), ["write"]);
    assert.equal(fixture.starts, startsBefore);
    assert.equal(await gateway.callServerToolForText("remembered", "read"), "read");
    assert.equal(fixture.starts, startsBefore + 1);
  }
});

Deno.test("[catalogs.auto] eager starts every server, and remembers its catalog; lazy remembers what was listed", async () => {
  using fixture = new CatalogFixture();
  {
    await using gateway = await fixture.start({ env: { GATEWAY_INIT_STRATEGY: "lazy" } });
    await gateway.callGatewayToolForJson("list_servers");
    assert.equal(fixture.starts, 0);
    assert.deepEqual(await listTools(gateway), ["read", "write"]);
    await waitUntil("the catalog is remembered", () => fixture.files.length > 0);
  }
  await using _gateway = await fixture.start({ env: { GATEWAY_INIT_STRATEGY: "eager" } });
  await waitUntil("the server starts", () => fixture.starts === 2);
});

Deno.test("[catalogs.auto] eager answers from memory until the server has listed its tools", async () => {
  using fixture = new CatalogFixture();
  await fixture.learn();
  // A call that waited for a list would never end.
  fixture.setCatalog({ tools: [], holdsLists: true });
  await using gateway = await fixture.start({ env: { GATEWAY_INIT_STRATEGY: "eager" } });
  assert.deepEqual(await listTools(gateway), ["read", "write"]);
  await waitUntil("the list is requested", () => {
    return fixture.journal.filter((line) => line === "tools/list").length === 2;
  });
  assert.deepEqual(await listTools(gateway), ["read", "write"]);
  assert.deepEqual(await listTools(gateway, { query: "write" }), ["write"]);
});

Deno.test("[catalogs.kinds] resources and prompts are remembered, as well", async () => {
  const prompts = [{ name: "greet" }];
  const resources = [{ uri: "file:///a", name: "a" }];
  using fixture = new CatalogFixture({ tools: [createTool("read")], prompts, resources });
  await fixture.learn();
  const [text = ""] = fixture.files;
  assert.deepEqual(JSON.parse(text.split("\n")[0] ?? "").counts, {
    tools: 1,
    resources: 1,
    templates: 0,
    prompts: 1,
  });
  assert.ok(text.includes(JSON.stringify(resources[0])));
});

Deno.test("[catalogs.changed] a changed list is noticed at the next call, and shown from then on", async () => {
  using fixture = new CatalogFixture();
  await fixture.learn();
  fixture.setCatalog({ tools: [createTool("read"), createTool("new")] });
  {
    await using gateway = await fixture.start();
    assert.deepEqual(await listTools(gateway), ["read", "write"]);
    assert.equal(await gateway.callServerToolForText("remembered", "read"), "read");
    await waitUntil("the changed list is shown", async () => {
      return (await listTools(gateway)).includes("new");
    });
  }
  await using gateway = await fixture.start();
  assert.deepEqual(await listTools(gateway), ["read", "new"]);
});

Deno.test("[catalogs.changed] a tool that the remembered list does not have is found at the server", async () => {
  using fixture = new CatalogFixture();
  await fixture.learn();
  fixture.setCatalog({ tools: [createTool("new")] });
  await using gateway = await fixture.start();
  assert.equal(await gateway.callServerToolForText("remembered", "new"), "new");
});

/** Rules that let the agent call what the server's annotations call harmless, in each of their forms. */
const HINT_RULES: Readonly<Record<string, Fields>> = {
  DENIED_BY_POLICY: {
    allow: { servers: ["remembered"], tools: { remembered: [{ tool: "*", hint: "read_only" }] } },
  },
  APPROVAL_REQUIRED: {
    allow: { servers: ["remembered"] },
    ask: { tools: { remembered: [{ tool: "*", hint: "destructive" }] } },
  },
};

for (const [expectedCode, agent] of Object.entries(HINT_RULES)) {
  Deno.test(`[catalogs.changed] rules with a hint decide by the list of the process that gets the call: ${expectedCode}`, async () => {
    using fixture = new CatalogFixture({ tools: [createTool("clean", { readOnlyHint: true })] });
    const options = {
      args: ["--agent", "tester"],
      rules: { agents: { tester: agent }, defaults: { approval: { wait_s: 0 } } },
    };
    await fixture.learn(options);
    fixture.setCatalog({
      tools: [createTool("clean", { readOnlyHint: false, destructiveHint: true })],
    });
    await using gateway = await fixture.start(options);
    const call = { server: "remembered", tool: "clean" };
    const refusals = await Promise.all(
      Array.from({ length: 5 }, () => gateway.expectRefusal("execute_tool", call)),
    );
    assert.deepEqual(refusals.map(({ code }) => code), Array(5).fill(expectedCode));
    assert.equal(fixture.journal.includes("tools/call"), false);
  });
}

Deno.test("[catalogs.changed] a call by a remembered definition is recorded before it leaves, even if that calls the tool read-only", async () => {
  using fixture = new CatalogFixture({ tools: [createTool("clean", { readOnlyHint: true })] });
  await fixture.learn();
  fixture.setCatalog({ tools: [createTool("clean")] });
  await using gateway = await fixture.start();
  assert.equal(await gateway.callServerToolForText("remembered", "clean"), "clean");
  // Only a call with a line at its beginning has a phase.
  const [entry] = gateway.readAuditLog();
  assert.equal(entry?.phase, "ended");
});

for (
  const [age, changeMs] of [
    ["older than a day", -DAY_MS],
    ["read before the clock was set back", DAY_MS / 2],
  ] as const
) {
  Deno.test(`[catalogs.age] [wake.clocks] a catalog ${age} is renewed in the background when it is used`, async () => {
    using fixture = new CatalogFixture();
    await fixture.learn();
    const folder = `${fixture.cache}/agent-mcp-gateway/catalogs`;
    const [file] = [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".catalog"));
    const path = `${folder}/${file?.name}`;
    const changeTime = (text: string): string => {
      return text.replace(/"readAt":(\d+)/, (_, at) => `"readAt":${Number(at) + changeMs}`);
    };
    Deno.writeTextFileSync(path, changeTime(Deno.readTextFileSync(path)));
    fixture.setCatalog({ tools: [createTool("new")] });
    await using gateway = await fixture.start();
    assert.equal(fixture.starts, 1);
    assert.deepEqual(await listTools(gateway), ["read", "write"]);
    await waitUntil("the changed list is shown", async () => {
      return (await listTools(gateway)).includes("new");
    });
    assert.equal(fixture.starts, 2);
    await waitUntil("the server is closed again", async () => {
      return (await gateway.setup.listProcessIds()).length <= 2;
    });
  });
}

Deno.test("[eras.probe] [servers.stateless-remembered] a server is asked once in seven days which revision it speaks", async () => {
  using fixture = new CatalogFixture();
  const probes = () => fixture.journal.filter((line) => line === "server/discover").length;
  const callServer = async () => {
    await using gateway = await fixture.start();
    assert.equal(await gateway.callServerToolForText("remembered", "read"), "read");
  };
  await fixture.learn();
  await callServer();
  await callServer();
  assert.equal(probes(), 1);
  const folder = `${fixture.cache}/agent-mcp-gateway/catalogs`;
  for (const { name } of [...Deno.readDirSync(folder)]) {
    if (!/\.(?:catalog|index)$/.test(name)) continue;
    const path = `${folder}/${name}`;
    const older = Deno.readTextFileSync(path).replaceAll(/"probedAt":(\d+)/g, (_, at) => {
      return `"probedAt":${at - 7 * DAY_MS}`;
    });
    Deno.writeTextFileSync(path, older);
  }
  await callServer();
  assert.equal(probes(), 2);
});

Deno.test("[catalogs.announced] a server that changes its list right after the handshake is remembered", async () => {
  using fixture = new CatalogFixture({ tools: [createTool("read")], announces: true });
  await fixture.learn();
  await using gateway = await fixture.start();
  assert.deepEqual(await listTools(gateway), ["read", "announced"]);
  assert.equal(fixture.starts, 1);
  assert.equal(await gateway.callServerToolForText("remembered", "announced"), "announced");
  assert.deepEqual(await listTools(gateway), ["read", "announced"]);
  assert.equal(fixture.starts, 2);
});

Deno.test("[catalogs.announced] a server that asks for the client's roots is remembered without them", async () => {
  using fixture = new CatalogFixture({ tools: [createTool("read")], asksRoots: true });
  const initialize: InitializeParams = { capabilities: { roots: {} } };
  await fixture.learn({ initialize });
  assert.equal(fixture.starts, 2);
  await using gateway = await fixture.start({ initialize });
  assert.deepEqual(await listTools(gateway), ["read"]);
  assert.equal(fixture.starts, 2);
});

Deno.test("[catalogs.described] a server without a description is described by itself, before it is started", async () => {
  const title = "The \u0007 library";
  const sentences = "Reads\t\u202ebooks. Call read first.";
  for (
    const [catalog, description] of [
      [{ instructions: `# Library\n\n- a list\n${sentences}`, title }, "Reads books."],
      [{ instructions: "x".repeat(300) }, `${"x".repeat(199)}…`],
      [{ title }, "The library"],
      [{}, undefined],
    ] as const
  ) {
    using fixture = new CatalogFixture({ tools: [createTool("read")], ...catalog });
    await fixture.learn();
    await using gateway = await fixture.start({ initialize: false });
    const { result } = await gateway.client.initialize();
    const listed = await gateway.callGatewayToolForJson<Fields[]>("list_servers");
    assert.equal(listed[0]?.description, description);
    assert.equal(fixture.starts, 1);
    const line = `remembered: ${description?.slice(0, 100)}`;
    assert.equal(String(result?.instructions).includes(line), description !== undefined);
  }
});

Deno.test("[catalogs.file] clients with other capabilities get no list that was read without them", async () => {
  using fixture = new CatalogFixture();
  await fixture.learn();
  fixture.setCatalog({ tools: [createTool("for-forms")] });
  const initialize: InitializeParams = { capabilities: { elicitation: {} } };
  await using gateway = await fixture.start({ initialize });
  assert.deepEqual(await listTools(gateway), ["for-forms"]);
  await waitUntil("both catalogs are remembered", () => fixture.files.length === 2);
});

Deno.test("[catalogs.agents] nothing that an agent's call put into a list is remembered", async () => {
  using fixture = new CatalogFixture({ tools: [createTool("mark")] });
  const rules = { agents: { a: { allow: { servers: ["*"] } }, b: { allow: { servers: ["*"] } } } };
  const asAgent = (agent_id: string) => ({ agent_id });
  const marker = "marker-of-a";
  for (const strategy of ["auto", "lazy", "eager"]) {
    await using gateway = await fixture.start({ rules, env: { GATEWAY_INIT_STRATEGY: strategy } });
    const call = { server: "remembered", tool: "mark", args: { marker }, ...asAgent("a") };
    await gateway.callGatewayTool("execute_tool", call);
    assert.ok((await listTools(gateway, asAgent("a"))).includes(marker));
    // An unknown tool is looked for in a new list.
    await gateway.callGatewayTool("execute_tool", { ...call, tool: "unknown" });
    assert.deepEqual(await listTools(gateway, asAgent("b")), ["mark"]);
    await gateway.end();
    assert.equal(fixture.files.join().includes(marker), false);
  }
  await using gateway = await fixture.start({ rules });
  assert.deepEqual(await listTools(gateway, asAgent("b")), ["mark"]);
});

Deno.test("[catalogs.kill] a gateway that is killed at any time leaves whole files, or none", async () => {
  const tools = Array.from({ length: 500 }, (_, index) => {
    return { ...createTool(`tool_${index}`), description: "x".repeat(2000) };
  });
  using fixture = new CatalogFixture({ tools });
  const folder = `${fixture.cache}/agent-mcp-gateway/catalogs`;
  const listFiles = () => {
    try {
      return [...Deno.readDirSync(folder)].map(({ name }) => name);
    } catch {
      return [];
    }
  };
  for (const isWritten of [() => listFiles().some((name) => name.endsWith(".tmp")), () => true]) {
    const gateway = await fixture.start();
    await waitUntil("the catalog is being written", () => {
      return isWritten() || fixture.files.length > 0;
    });
    await gateway.kill();
    for (const text of fixture.files) {
      const [head = "", body = ""] = text.split("\n");
      assert.equal(JSON.parse(body).tools.names.length, JSON.parse(head).counts.tools);
    }
  }
  await using gateway = await fixture.start();
  assert.equal((await listTools(gateway, { pattern: "tool_1*", detail: "names" })).length, 111);
});

Deno.test("[catalogs.unwritable] a folder that cannot be written changes no answer, and is warned of once", async () => {
  using fixture = new CatalogFixture();
  fixture.root.write("cache", "a file");
  for (const strategy of ["auto", "lazy"]) {
    await using gateway = await fixture.start({ env: { GATEWAY_INIT_STRATEGY: strategy } });
    assert.deepEqual(await listTools(gateway), ["read", "write"]);
    assert.equal(await gateway.callServerToolForText("remembered", "read"), "read");
    const warning = "What servers offer cannot be remembered";
    await waitUntil("the warning is logged", () => gateway.program.stderr.includes(warning));
    assert.equal(gateway.program.stderr.split(warning).length, 2);
  }
});

Deno.test("[catalogs.refresh] refresh reads the catalogs of all sets of capabilities again", async () => {
  using fixture = new CatalogFixture();
  const initialize: InitializeParams = { capabilities: { elicitation: {} } };
  await fixture.learn();
  {
    await using _gateway = await fixture.start({ initialize });
    await waitUntil("both catalogs are remembered", () => fixture.files.length === 2);
  }
  fixture.setCatalog({ tools: [createTool("new")], prompts: [{ name: "greet" }] });
  const { code, stdout, stderr } = await fixture.run(["refresh"]);
  assert.deepEqual([code, stdout, stderr], [0, "remembered: 1 tool, 1 prompt", ""]);
  assert.equal(fixture.starts, 4);
  await using gateway = await fixture.start({ initialize });
  assert.deepEqual(await listTools(gateway), ["new"]);
  assert.equal(fixture.starts, 4);
});

Deno.test("[catalogs.refresh] refresh fails if the server does not start, and names similar servers", async () => {
  using fixture = new CatalogFixture();
  const unknown = await fixture.run(["refresh", "remembred"]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /no server "remembred".*did you mean "remembered"/i);
  fixture.root.write("server/catalog.json", "not JSON");
  const failed = await fixture.run(["refresh", "remembered"]);
  assert.deepEqual([failed.code, failed.stdout], [1, ""]);
  assert.match(failed.stderr, /Server "remembered" is not available/);
  assert.deepEqual(fixture.files, []);
});
