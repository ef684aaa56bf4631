import assert from "node:assert/strict";
import { offeringServer } from "../e2e/gateway.ts";
import { Shell } from "./shell.ts";

const texts = (items: readonly unknown[]) =>
  JSON.stringify(items.map((item) => JSON.stringify(item)));
const RESOURCES = ["docs://manual", "docs://secret"].map((uri) => ({ uri, name: uri }));
const TEMPLATES = [{ uriTemplate: "docs://{name}", name: "any" }];
const PROMPTS = ["summarize", "admin"].map((name) => ({ name }));
const TOOLS = [{ name: "search", inputSchema: { type: "object" } }];

const FULL = offeringServer(
  `--resources=${texts(RESOURCES)}`,
  `--templates=${texts(TEMPLATES)}`,
  `--prompts=${texts(PROMPTS)}`,
  `--tools=${texts(TOOLS)}`,
);
const ONLY_PROMPTS = offeringServer(
  '--capabilities={"prompts":{}}',
  `--prompts=${texts(PROMPTS)}`,
);

const RULES = {
  agents: {
    reader: {
      allow: { servers: ["docs", "plain"] },
      deny: {
        resources: { docs: ["docs://secret"], plain: ["docs://x"] },
        prompts: { "*": ["admin"], docs: ["sumarize"] },
      },
    },
  },
};

const openShell = (servers: Record<string, unknown> = { docs: FULL, plain: ONLY_PROMPTS }) =>
  new Shell({ servers, rules: RULES });

Deno.test("[cli.offered] explain --resource and --prompt name the decision and its steps", async () => {
  await using shell = openShell();
  const explain = (...args: string[]) =>
    shell.run(["explain", "--agent", "reader", "--server", "docs", ...args]);
  const denied = await explain("--resource", "docs://secret#top");
  assert.equal(denied.code, 3);
  assert.match(
    denied.stdout,
    /^deny: agent "reader" may not use resource "docs:\/\/secret#top" of server "docs"\nrule: agents\.reader\.deny\.resources\.docs\[0\]$/m,
  );
  const allowed = await explain("--prompt", "summarize", "--json");
  assert.equal(allowed.code, 0);
  const { prompt, decision, rule, steps } = JSON.parse(allowed.stdout);
  assert.deepEqual([prompt, decision, rule], [
    "summarize",
    "allow",
    "agents.reader.allow.servers[0]",
  ]);
  assert.equal(steps.at(-1).step, "prompt default");
  const several = await explain("--prompt", "summarize", "--tool", "search");
  assert.equal(several.code, 2);
  assert.match(several.stderr, /Leave out --tool or --prompt/);
  const noServer = await shell.run(["explain", "--agent", "reader", "--resource", "docs://a"]);
  assert.equal(noServer.code, 2);
  assert.match(noServer.stderr, /Name the server of the resource with --server/);
});

Deno.test("[cli.offered] explain takes the name that clients see for the name on the server", async () => {
  await using shell = openShell();
  for (const [name, code] of [["admin", 3], ["summarize", 0]] as const) {
    const seen = await shell.run(
      ["explain", "--agent", "reader", "--server", "docs", "--prompt", `docs__${name}`],
    );
    assert.equal(seen.code, code);
    assert.match(seen.stdout, new RegExp(` prompt "${name}" of server "docs"`));
    assert.match(seen.stderr, new RegExp(`^Clients see "${name}" as "docs__${name}"`));
  }
  // Another server may have a prompt of this name.
  const other = await shell.run(
    ["explain", "--agent", "reader", "--server", "plain", "--prompt", "docs__admin"],
  );
  assert.deepEqual([other.code, other.stderr], [0, ""]);
});

Deno.test("[cli.offered] explain lists resources, templates and prompts with their decisions, and warns of entries that match none", async () => {
  await using shell = openShell();
  const { code, stdout, stderr } = await shell.run(["explain", "--agent", "reader"]);
  assert.equal(code, 0);
  const rows = stdout.split("\n").map((line) => line.replaceAll(/ +/g, " "));
  for (
    const row of [
      "docs search allow agents.reader.allow.servers[0]",
      "plain (none) allow agents.reader.allow.servers[1]",
      "SERVER RESOURCE DECISION RULE",
      "docs docs://secret deny agents.reader.deny.resources.docs[0]",
      "docs docs://{name} allow agents.reader.allow.servers[0]",
      "SERVER PROMPT DECISION RULE",
      'docs admin deny agents.reader.deny.prompts["*"][0]',
      'plain admin deny agents.reader.deny.prompts["*"][0]',
    ]
  ) {
    assert.ok(rows.includes(row), `${row} is not in\n${stdout}`);
  }
  assert.match(
    stderr,
    /deny\.prompts\.docs\[0\]: no prompt of server "docs" matches "sumarize"; did you mean "summarize"\?/,
  );
  assert.match(
    stderr,
    /deny\.resources\.plain\[0\]: no resource of server "plain" matches "docs:\/\/x"/,
  );
  assert.doesNotMatch(stderr, /resources\.docs|\["\*"\]/);
  const one = await shell.run(["explain", "--agent", "reader", "--server", "docs"]);
  assert.match(
    one.stdout,
    /may use server "docs": 1 of 1 tool, 1 of 2 resources, 1 of 1 resource template, 1 of 2 prompts/,
  );
});

Deno.test("[cli.offered] explain --all shows whether an agent may use all resources and prompts of a server", async () => {
  const server = { command: "unused" };
  const allow = { servers: ["docs"] };
  const agents = {
    all: { allow: { ...allow, resources: { "*": ["*"] } } },
    denied: { allow, deny: { resources: { docs: ["docs://secret/*"] } } },
    only: { allow: { ...allow, prompts: { "*": [] } } },
    some: { allow: { ...allow, tools: { docs: ["a"] }, resources: { docs: ["docs://?*"] } } },
  };
  await using shell = new Shell({ servers: { docs: server }, rules: { agents } });
  const { code, stdout } = await shell.run(["explain", "--all"]);
  assert.equal(code, 0);
  assert.deepEqual(stdout.replaceAll(/ {2,}/g, "|").split("\n").slice(0, 2), [
    "SERVER|all|denied|only|some",
    "docs|allow|all tools|all tools|some tools",
  ]);
  const json = await shell.run(["explain", "--all", "--json"]);
  const shares = JSON.parse(json.stdout).agents.map(
    ({ servers: [row] }: { servers: Record<string, string>[] }) => {
      return [row?.tools, row?.resources, row?.prompts];
    },
  );
  assert.deepEqual(shares, [
    ["all", "all", "all"],
    ["all", "some", "all"],
    ["all", "all", "none"],
    ["some", "some", "all"],
  ]);
});

Deno.test("[cli.offered] doctor counts resources and prompts, and a server without tools is fine", async () => {
  await using shell = openShell();
  const { code, stdout } = await shell.run(["doctor"]);
  assert.equal(code, 0);
  const rows = stdout.split("\n").map((line) => line.replaceAll(/ +/g, " "));
  assert.equal(rows[0], "SERVER RESULT TOOLS TOKENS RESOURCES TEMPLATES PROMPTS TIME");
  assert.match(rows[1] ?? "", /^docs ok 1 \d+ 2 1 2 /);
  assert.match(rows[2] ?? "", /^plain ok 0 \d+ 0 0 2 /);
  assert.doesNotMatch(stdout, /^plain$/m);
  const json = await shell.run(["doctor", "--json"]);
  const { servers } = JSON.parse(json.stdout);
  const { ok, tools, resources, templates, prompts, warnings } = servers[0];
  assert.deepEqual([ok, tools, resources, templates, prompts, warnings], [
    true,
    1,
    2,
    1,
    2,
    undefined,
  ]);
});

Deno.test("[cli.offered] a server that cannot list its prompts is reported with a warning, and its tools are usable", async () => {
  const broken = offeringServer("--exit-at=prompts/list", `--tools=${texts(TOOLS)}`);
  await using shell = openShell({ docs: broken });
  const { code, stdout } = await shell.run(["doctor", "--json"]);
  const { servers: [report] } = JSON.parse(stdout);
  assert.equal(code, 0);
  assert.deepEqual([report.ok, report.tools, report.prompts], [true, 1, undefined]);
  assert.match(report.warnings.join("\n"), /it cannot list its prompts: Server "docs"/);
});
