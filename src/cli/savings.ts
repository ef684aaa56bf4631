import type { Configuration } from "../config/mod.ts";
import {
  type Arguments,
  type GatewayTool,
  gatewayTools,
  type ToolContext,
} from "../gateway/mod.ts";
import { compilePolicy } from "../policy/mod.ts";
import { defineCommand, FILE_FLAGS, JSON_FLAG } from "./command.ts";
import { loadTokenCounter, type TokenCounter } from "./count_tokens.ts";
import { findCause } from "./doctor_finding.ts";
import { openConfiguration } from "./open_configuration.ts";
import { NOBODY, type Probe, type Probes, withStartedServers } from "./probe.ts";
import { paragraph, table } from "./table.ts";
import { escapeLines } from "../text.ts";
import { formatCount, styleOf, type TerminalStyle } from "./terminal.ts";

export const command = defineCommand({
  about:
    "Starts the servers and counts the tokens that their tools cost an agent that loads them " +
    "all, and that a task costs it through the gateway. The tokens are estimated to 15 % if the " +
    "package gpt-tokenizer is missing, as in an installed gateway.",
  example: "agent-mcp-gateway savings --json",
  flags: { json: JSON_FLAG, ...FILE_FLAGS },
  async run({ flags: { json, ...files }, stdout, stderr }) {
    const opened = await openConfiguration(files);
    const { configuration } = opened;
    const counter = await loadTokenCounter();
    const names = [...configuration.servers.keys()];
    const found = await withStartedServers(
      { opened, names, stderr },
      (started, probes, signal) => countAll(started, { probes, configuration, counter, signal }),
    );
    stdout.write(json ? `${JSON.stringify(found)}\n` : savingsText(found));
    for (const { server, error } of found.failed) {
      stderr.write(`${escapeLines(`Not counted: ${server}: ${error}`)}\n`);
    }
    return found.servers.length > 0 ? 0 : 1;
  },
});

interface Counting {
  readonly probes: Probes;
  readonly configuration: Configuration;
  readonly counter: TokenCounter;
  readonly signal: AbortSignal;
}

async function countAll(started: readonly Probe[], counting: Counting): Promise<Savings> {
  const { configuration, counter: { tokenizer, count } } = counting;
  const tools = gatewayTools({ debug: false });
  const definitions = [...tools.values()].map(({ definition }) => definition);
  const ask = asker(tools, counting);
  const fixed = {
    definitions: count(JSON.stringify(definitions)),
    list_servers: await ask("list_servers", {}),
  };
  const servers: ServerSavings[] = [];
  for (const { config, tools: listed } of started) {
    if (listed === undefined) continue;
    const { name } = config;
    const bySize = listed.toSorted((one, two) => one.text.json.length - two.text.json.length);
    // The schema of median size.
    const example = bySize[Math.floor(bySize.length / 2)]?.name ?? "";
    const called = { server: name, tool: example, args: {} };
    const signatures = await ask("get_server_tools", { server: name, detail: "signatures" });
    const schema = listed.length === 0
      ? 0
      : await ask("get_server_tools", { server: name, names: example });
    const call = listed.length === 0 ? 0 : count(JSON.stringify(called));
    servers.push({
      server: name,
      tools: listed.length,
      direct: count(`[${listed.map(({ text }) => text.json).join(",")}]`),
      gateway: signatures + schema + call,
      signatures,
      schema,
      call,
      example,
    });
  }
  const failed = started.filter(({ tools }) => tools === undefined).map((probe) => {
    const { message } = findCause(probe, { warnings: configuration.warnings });
    return { server: probe.config.name, error: message.replaceAll("\n", " ") };
  });
  return { tokenizer, servers, fixed, total: sumUp(servers, fixed), failed };
}

/** Returns a function that calls the gateway's own tools with full access, and counts tokens. */
function asker(
  tools: ReadonlyMap<string, GatewayTool>,
  { probes, configuration, counter: { count }, signal }: Counting,
): (name: string, args: Arguments) => Promise<number> {
  const all = { allow: { servers: ["*"] } };
  const agents = new Map([[NOBODY.agent, all]]);
  const context: ToolContext = {
    caller: NOBODY,
    policy: compilePolicy({ agents, denyOverrides: false }),
    serverConfigs: configuration.servers,
    unavailableReasons: configuration.unavailableReasons,
    servers: probes.servers,
    signal,
    gateway: { status: () => ({}) },
  };
  return async (name, args) => {
    const tool = tools.get(name);
    if (tool === undefined || !("run" in tool)) throw new Error(`${name} does not answer itself`);
    const answer = await tool.run(args, context);
    return count(JSON.stringify(args)) + count(answer.json);
  };
}

/** The costs of one server, in tokens. */
interface ServerSavings {
  readonly server: string;
  readonly tools: number;
  /** All its definitions, as a client loads them. */
  readonly direct: number;
  /** A task through the gateway: the sum of the next three. */
  readonly gateway: number;
  /** The request for the signatures, and the answer. */
  readonly signatures: number;
  /** The request for one full schema, and the answer. */
  readonly schema: number;
  /** A call without arguments: server and tool. */
  readonly call: number;
  /** The tool whose schema was requested: the one of median size. */
  readonly example: string;
}

/** The costs of every session through the gateway, in tokens. */
interface FixedCosts {
  /** The definitions of the gateway's own tools. */
  readonly definitions: number;
  /** The request for the server list, and the answer. */
  readonly list_servers: number;
}

/** The sum. */
interface Total {
  readonly tools: number;
  /** All definitions of all servers. */
  readonly direct: number;
  /** A session with one task on an average server: the fixed costs and the mean of `gateway`. */
  readonly gateway: number;
  /** A session with one task on the most expensive server. */
  readonly gateway_most: number;
  /** Percentage of the direct costs that a session with one task saves. */
  readonly saved_percent: number;
  /** The same on the most expensive server. */
  readonly saved_percent_least: number;
}

/** All figures. */
interface Savings {
  readonly tokenizer: TokenCounter["tokenizer"];
  readonly servers: readonly ServerSavings[];
  readonly fixed: FixedCosts;
  readonly total: Total;
  /** Servers that did not start; the totals do not include them. */
  readonly failed: readonly { readonly server: string; readonly error: string }[];
}

/** Adds up the costs of servers. */
export function sumUp(servers: readonly ServerSavings[], fixed: FixedCosts): Total {
  const sum = (pick: (one: ServerSavings) => number) => {
    return servers.reduce((total, one) => total + pick(one), 0);
  };
  const direct = sum((one) => one.direct);
  const always = fixed.definitions + fixed.list_servers;
  const gateway = always + Math.round(sum((one) => one.gateway) / Math.max(1, servers.length));
  const most = always + Math.max(0, ...servers.map((one) => one.gateway));
  const saved = (tokens: number) => {
    return direct === 0 ? 0 : Math.round(1000 * (1 - tokens / direct)) / 10;
  };
  return {
    tools: sum((one) => one.tools),
    direct,
    gateway,
    gateway_most: most,
    saved_percent: saved(gateway),
    saved_percent_least: saved(most),
  };
}

/** Writes the figures for people. */
function savingsText(
  { tokenizer, servers, fixed, total }: Savings,
  style: TerminalStyle = styleOf(Deno.stdout),
): string {
  if (servers.length === 0) return "";
  const number = (title: string) => ({ title, isNumber: true });
  const rows = servers.map(({ server, tools, direct, gateway }) => {
    return [server, String(tools), formatCount(direct), formatCount(gateway)];
  });
  const { definitions, list_servers } = fixed;
  const { tools, direct, gateway, gateway_most, saved_percent, saved_percent_least } = total;
  const sums = [
    ["gateway's own tools", "3", "-", formatCount(definitions)],
    ["list of servers", "-", "-", formatCount(list_servers)],
    ["SUM: one task", formatCount(tools), formatCount(direct), formatCount(gateway)],
  ];
  const method = tokenizer === "estimate"
    ? "estimated to within 15 %, because gpt-tokenizer is not installed here"
    : tokenizer;
  const text =
    `Tokens (${method}). DIRECT: all definitions, loaded at the start of every session. TASK: ` +
    `through the gateway, the signatures of a server's tools, one full schema, and a call. The sum ` +
    `contains one task on an average server and saves ${saved_percent} %; a task on the most expensive ` +
    `server takes ${formatCount(gateway_most)} tokens and saves ${saved_percent_least} %.`;
  const columns = [{ title: "SERVER" }, number("TOOLS"), number("DIRECT"), number("TASK")];
  return `${table({ columns, rows: [...rows, ...sums] }, style)}\n${paragraph(text, style)}`;
}
