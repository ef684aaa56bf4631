import assert from "node:assert/strict";
import { delimiter, dirname, join } from "node:path";
import { ensureServers, serverEntry } from "../../scripts/test_servers.ts";
import { environmentWithoutDeno, gatewayCommandLine } from "../e2e/gateway_command.ts";
import { Setup } from "../e2e/setup.ts";
import {
  type ClientPage,
  type ClientProgram,
  CLIENTS,
  joinSettings,
  programPath,
  readClientPage,
} from "./clients/client_programs.ts";
import type { Fields, Step } from "./clients/model_dialects.ts";
import { ScriptedModel } from "./clients/scripted_model.ts";
import { installPackages, NODE_PACKAGE } from "./npm_packages.ts";

/** Copilot CLI needs Node 24. */
const NODE = `${NODE_PACKAGE}@24.22.3`;

/** Maximum duration of a client's run. */
const CLIENT_RUN_MS = 90_000;
/** Maximum time for the gateway to end after its client. */
const GATEWAY_END_MS = 5000;

/** Maximum number of runs of a client that does not wait for the gateway. */
const MAX_UNAWAITED_RUNS = 3;

/** Text with which the model ends the whole job. */
const FINAL_TEXT = "The whole job is done.";

/** A search query in words of the description of a server. */
const SEARCH_QUERY = "take a screenshot of a web page";

const RULES = {
  agents: {
    developer: { allow: { servers: ["*"] }, deny: { tools: { memory: ["delete_*"] } } },
  },
};

/** The whole job: the calls that the scripted model makes. */
const CALLS: readonly { readonly tool: string; readonly args: Fields }[] = [
  { tool: "list_servers", args: {} },
  { tool: "get_server_tools", args: { server: "everything" } },
  {
    tool: "execute_tool",
    args: { server: "everything", tool: "get-sum", args: { a: 2, b: 3 } },
  },
  {
    tool: "execute_tool",
    args: { server: "memory", tool: "delete_entities", args: { entityNames: ["x"] } },
  },
  { tool: "get_server_tools", args: { server: "everything", names: "get-sum" } },
];

/** Expected results of the calls, which the client must pass on to the model. */
const ANSWERS: readonly RegExp[] = [
  /everything.*Adds numbers.*memory.*browser/s,
  /echo.*get-sum/s,
  /The sum of 2 and 3 is 5\./,
  /DENIED_BY_POLICY.*agents\.developer\.deny\.tools\.memory\[0\]/s,
  /get-sum.*inputSchema/s,
];

/** Expected audit entries: operation and decision. */
const EXPECTED_AUDIT = [
  ["list_servers", "ALLOW"],
  ["get_server_tools", "ALLOW"],
  ["execute_tool", "ALLOW"],
  ["execute_tool", "DENY"],
  ["get_server_tools", "ALLOW"],
];

const SCRIPT: readonly Step[] = CALLS.map((call) => ({ kind: "call", ...call }));

const folder = Deno.makeTempDirSync({ prefix: "clients_" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
/** Folder in which the clients are already installed. It saves a download of 1.6 GB. */
const installedClients = Deno.env.get("GATEWAY_CLIENTS");
const modules = join(installedClients ?? folder, "node_modules");

/** Result of a client's run. */
interface ClientRun {
  readonly code: number;
  readonly output: string;
  readonly results: readonly string[];
  /** Names of the tools that the first request offered. */
  readonly firstOfferedTools: readonly string[];
  /** Operation and decision of each audit entry of a call. */
  readonly auditEntries: readonly AuditEntry[];
  /** The same of each entry of a list. */
  readonly listEntries: readonly AuditEntry[];
}

/** Operation and decision of an audit entry. */
type AuditEntry = readonly [operation: string, decision: string];

/** Options of a run. */
interface RunOptions {
  readonly script?: readonly Step[];
  readonly model?: string;
  /** Settings from the documentation page. Default: all of them. */
  readonly page?: ClientPage;
}

function realServer(name: "everything" | "memory", description: string): Fields {
  return { command: "node", args: [serverEntry(name)], description };
}

/** Runs a client with one prompt in a fresh home folder, with the gateway installed from its npm package. */
async function runClient(client: ClientProgram, options: RunOptions = {}): Promise<ClientRun> {
  const { script = SCRIPT, model = "scripted", page = readClientPage(client.title) } = options;
  await ensureServers();
  const [command] = await gatewayCommandLine("npm");
  const pathFolders = [
    join(modules, NODE_PACKAGE, "bin"),
    dirname(command),
    environmentWithoutDeno("npm").PATH,
  ];
  await using scriptedModel = new ScriptedModel([...script, { kind: "say", text: FINAL_TEXT }]);
  const setup = new Setup({ servers: false, rules: false });
  try {
    const configFolder = join("..", "home", ".config", "agent-mcp-gateway");
    setup.writeFile(join(configFolder, ".mcp.json"), {
      mcpServers: {
        everything: realServer("everything", "Adds numbers, echoes text"),
        memory: realServer("memory", "A graph of what is known"),
        browser: realServer("everything", "A web browser: opens a page, takes a screenshot of it"),
      },
    });
    setup.writeFile(join(configFolder, ".mcp-gateway-rules.json"), RULES);
    const settings = [client.settings(scriptedModel.url, model), page.entry, page.headlessSettings];
    setup.writeFile(join("..", "home", client.settingsFile), joinSettings(client, settings));
    const output = await new Deno.Command(programPath(client, modules), {
      args: [...client.args("Do the whole job."), ...page.headlessWords],
      cwd: setup.workingFolder,
      clearEnv: true,
      env: {
        HOME: setup.home,
        PATH: pathFolders.join(delimiter),
        ...client.env(scriptedModel.url),
      },
      stdin: "null",
      signal: AbortSignal.timeout(CLIENT_RUN_MS),
    }).output();
    const [stdout, stderr] = [output.stdout, output.stderr]
      .map((bytes) => new TextDecoder().decode(bytes));
    const auditEntries = readAuditEntries(setup);
    return {
      code: output.code,
      output: `${stdout}\n${stderr}`,
      results: scriptedModel.results,
      firstOfferedTools: scriptedModel.firstOfferedTools,
      auditEntries: auditEntries.filter((entry) => !isOfList(entry)),
      listEntries: auditEntries.filter(isOfList),
    };
  } finally {
    await setup.close(GATEWAY_END_MS);
  }
}

function readAuditEntries(setup: Setup): AuditEntry[] {
  try {
    return setup.readAuditLog().map(({ operation, decision }): AuditEntry => {
      return [String(operation), String(decision)];
    });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function isOfList([operation]: AuditEntry): boolean {
  return operation.endsWith("/list");
}

/** Checks which lists the client requested; it requests one again when the gateway notifies it of a change. */
function checkRequestedLists({ requestedLists }: ClientProgram, { listEntries }: ClientRun): void {
  const requests = new Set(listEntries.map((entry) => entry.join(" ")));
  assert.deepEqual([...requests].sort(), requestedLists.map((method) => `${method} ALLOW`));
}

/** Checks that the client made every call and passed on every result, and that the gateway logged every call. */
function checkWholeJob({ code, output, results, auditEntries }: ClientRun): void {
  assert.equal(code, 0, output);
  assert.ok(output.includes(FINAL_TEXT), output);
  // Some clients escape the JSON texts of results once more.
  const unescapedResults = results.map((text) => text.replaceAll("\\", ""));
  assert.equal(unescapedResults.length, ANSWERS.length, output);
  for (const [index, answer] of ANSWERS.entries()) {
    assert.match(unescapedResults[index] ?? "", answer);
  }
  assert.ok(!unescapedResults.at(-1)?.includes("Echo"), "The result has another tool");
  assert.deepEqual(auditEntries, EXPECTED_AUDIT);
}

/** Checks that the first result is of a search that found the gateway's tools; then checks the whole job. */
function checkSearchAndWholeJob(
  { results: [searchResult = "", ...results], ...run }: ClientRun,
): void {
  for (const { tool } of CALLS) assert.ok(searchResult.includes(tool), searchResult);
  checkWholeJob({ ...run, results });
}

/** Installs a client; returns the reason if it cannot be installed on this machine. */
async function installClient({ packages }: ClientProgram): Promise<string | undefined> {
  return installedClients === undefined
    ? await installPackages(folder, [...packages, NODE])
    : undefined;
}

const installedByTitle = new Map<string, ClientProgram>();
for (const client of CLIENTS) {
  const testName = (predicate: string) => `[docs.clients] ${client.title} ${predicate}`;
  const skipReason = await installClient(client);
  if (skipReason !== undefined) {
    Deno.test({ name: testName(`not run: ${skipReason}`), ignore: true, fn: () => {} });
    continue;
  }
  installedByTitle.set(client.title, client);

  Deno.test(testName("does the whole job with the entry and settings of its page"), async () => {
    const run = await runClient(client);
    checkWholeJob(run);
    checkRequestedLists(client, run);
  });

  Deno.test(
    testName(`runs ${client.unaskedTools} without the settings for headless use`),
    async () => {
      const page = { ...readClientPage(client.title), headlessSettings: "", headlessWords: [] };
      const { auditEntries } = await runClient(client, { page });
      const readEntries = EXPECTED_AUDIT.filter(([tool]) => tool !== "execute_tool");
      assert.deepEqual(
        auditEntries,
        { nothing: [], reading: readEntries, everything: EXPECTED_AUDIT }[client.unaskedTools],
      );
    },
  );
}

const codex = installedByTitle.get("Codex");
Deno.test({
  name:
    "[docs.clients] [tools.instructions-servers] Codex's search finds the gateway by the description of a server",
  ignore: codex === undefined,
  fn: async () => {
    assert.ok(codex);
    const script: Step[] = [{ kind: "search", query: SEARCH_QUERY }, ...SCRIPT];
    const searchRun = await runClient(codex, { script, model: "gpt-5.5" });
    assert.ok(
      !searchRun.firstOfferedTools.includes("list_servers"),
      "Codex showed the tools before the search",
    );
    checkSearchAndWholeJob(searchRun);
  },
});

Deno.test({
  name: "[docs.clients] [tools.instructions-servers] Codex's scripts find and call the tools",
  ignore: codex === undefined,
  fn: async () => {
    assert.ok(codex);
    const search = "ALL_TOOLS.filter((tool) => /screenshot/.test(JSON.stringify(tool)))";
    const script: Step[] = [
      `text(${search})`,
      ...CALLS.map(({ tool, args }) => {
        return `text(await tools.mcp__gateway__${tool}(${JSON.stringify(args)}))`;
      }),
    ].map((source) => ({ kind: "code", source }));
    checkSearchAndWholeJob(await runClient(codex, { script, model: "gpt-6.1-sol" }));
  },
});

const claude = installedByTitle.get("Claude Code");
Deno.test({
  name: "[docs.clients] [tools.always-load] Claude Code shows the tools without alwaysLoad, too",
  ignore: claude === undefined,
  fn: async () => {
    assert.ok(claude);
    const page = readClientPage(claude.title);
    const entry = page.entry.replace(/,\s*"alwaysLoad": true/, "");
    assert.notEqual(entry, page.entry);
    let shownTools: string[] = [];
    // Without `alwaysLoad` the client does not wait for the gateway, which a busy machine starts late.
    for (let count = 0; count < MAX_UNAWAITED_RUNS && shownTools.length === 0; count++) {
      const { firstOfferedTools } = await runClient(claude, { page: { ...page, entry } });
      shownTools = firstOfferedTools.filter((name) => name.startsWith("mcp__gateway__"));
    }
    assert.deepEqual(shownTools.sort(), [
      "mcp__gateway__execute_tool",
      "mcp__gateway__get_server_tools",
      "mcp__gateway__list_servers",
    ]);
  },
});
