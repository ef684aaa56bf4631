import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { TempFolder } from "../config/temp_folder.ts";
import type { Fields } from "../e2e/raw_client.ts";
import type { Setup } from "../e2e/setup.ts";
import { waitUntil } from "../e2e/wait.ts";
import { Shell } from "./shell.ts";

const SERVER = fileURLToPath(new URL("../fixtures/servers/catalog_server.ts", import.meta.url));

/** Returns the entry of a server that has a catalog. */
function createServer(folder: TempFolder, catalog: Fields): Fields {
  folder.write("catalog.json", catalog);
  folder.write("journal", "");
  const denoArgs = ["run", "--quiet", "--no-prompt", "--no-config", "--no-lock"];
  const permissions = [`--allow-read=${folder.path}`, `--allow-write=${folder.path}`];
  return { command: Deno.execPath(), args: [...denoArgs, ...permissions, SERVER, folder.path] };
}

/** Returns the numbers of items in the remembered catalogs. */
function readCounts(cache: TempFolder): unknown[] {
  const folder = `${cache.path}/agent-mcp-gateway/catalogs`;
  return [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".catalog"))
    .map(({ name }) => Deno.readTextFileSync(`${folder}/${name}`))
    .map((text) => JSON.parse(text.split("\n")[0] ?? "").counts);
}

async function waitForQuery({ setup }: { readonly setup: Setup }): Promise<void> {
  await waitUntil("a query is answered", () => {
    try {
      return setup.readAuditLog().length > 0;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  });
}

const TOOLS = [{ name: "read", inputSchema: { type: "object" } }];
const ONE_AGENT = { agents: { a: { allow: { servers: ["*"] } } } };

Deno.test("[finding.command] tools --query waits for servers, and remembers what they list", async () => {
  using folder = new TempFolder();
  using cache = new TempFolder();
  const servers = { slow: createServer(folder, { tools: TOOLS, holdsLists: true }) };
  const env = { XDG_CACHE_HOME: cache.path };
  await using shell = new Shell({ servers, rules: ONE_AGENT, env });
  const program = await shell.start("tools", "--query", "read");
  await program.closeInput();
  await waitForQuery(shell);
  folder.write("release", "");
  const { code } = await program.waitForEnd();
  assert.deepEqual([code, program.lines], [0, ["slow: read()"]]);
  assert.doesNotMatch(program.stderr, /other words|Not listed yet/);
  assert.deepEqual(readCounts(cache), [{ tools: 1, resources: 0, templates: 0, prompts: 0 }]);
});

Deno.test("[finding.command] tools --query fails if a server fails after it has waited for it", async () => {
  using folder = new TempFolder();
  const servers = { slow: createServer(folder, { tools: TOOLS, holdsLists: true }) };
  const env = { XDG_CACHE_HOME: folder.path };
  await using shell = new Shell({ servers, rules: ONE_AGENT, env });
  const program = await shell.start("tools", "--query", "read");
  await program.closeInput();
  await waitForQuery(shell);
  // The server ends, and cannot start any more.
  Deno.removeSync(`${folder.path}/catalog.json`);
  const { code } = await program.waitForEnd();
  assert.deepEqual([code, program.lines], [1, []]);
  assert.match(program.stderr, /^SERVER_UNAVAILABLE: .*"slow"/m);
});

Deno.test("[cli.tools] tools ends only when what it has listed is remembered", async () => {
  using folder = new TempFolder();
  using cache = new TempFolder();
  const resources = [{ uri: "file:///a", name: "a" }];
  const catalog = { tools: TOOLS, resources, holdsLists: ["resources/list"] };
  const env = { XDG_CACHE_HOME: cache.path };
  await using shell = new Shell({
    servers: { slow: createServer(folder, catalog) },
    rules: ONE_AGENT,
    env,
  });
  const program = await shell.start("tools");
  await program.closeInput();
  await waitUntil("the tools are printed", () => program.lines.includes("  read"));
  folder.write("release", "");
  assert.equal((await program.waitForEnd()).code, 0);
  assert.deepEqual(readCounts(cache), [{ tools: 1, resources: 1, templates: 0, prompts: 0 }]);
});
