import type { Configuration } from "../config/mod.ts";
import {
  type Arguments,
  type GatewayTool,
  gatewayTools,
  loadDirectTools,
  type ToolContext,
} from "../gateway/mod.ts";
import { OWN_SERVER } from "../own_server.ts";
import { compilePolicy } from "../policy/mod.ts";
import { defineCommand, FILE_FLAGS, JSON_FLAG } from "./command.ts";
import { loadTokenCounter, type TokenCounter } from "./count_tokens.ts";
import { findCause } from "./doctor_finding.ts";
import { openConfiguration } from "./open_configuration.ts";
import { ANONYMOUS_CALLER, type Probe, type ProbedServers, withStartedServers } from "./probe.ts";
import { paragraph, table } from "./table.ts";
import { escapeLines } from "../text.ts";
import { formatCount, jsonOutput, styleOf, type TerminalStyle } from "./terminal.ts";
import { withOwnServer } from "./with_own_server.ts";

export const command = defineCommand({
  about:
    "Starts the servers, and compares the tokens of all their tool definitions with those of one " +
    "task through the gateway. If the package gpt-tokenizer is missing, as in an " +
    "installed gateway, the counts are estimates, accurate to 15 %.",
  example: "agent-mcp-gateway savings --json",
  flags: { json: JSON_FLAG, ...FILE_FLAGS },
  async run({ flags: { json, ...files }, stdout, stderr }) {
    const opened = withOwnServer(await openConfiguration(files));
    const { configuration } = opened;
    const counter = await loadTokenCounter();
    const names = [...configuration.servers.keys()];
    const savings = await withStartedServers(
      { opened, names, stderr },
      (probes, probedServers, signal) => {
        const { maxNameLength } = opened.settings;
        return countAll(probes, { probedServers, configuration, maxNameLength, counter, signal });
      },
    );
    stdout.write(json ? jsonOutput(JSON.stringify(savings)) : savingsText(savings));
    if (names.length === 0) stderr.write("No server is configured\n");
    for (const { server, error } of savings.failed) {
      stderr.write(`${escapeLines(`Not counted: ${server}: ${error}`)}\n`);
    }
    return savings.servers.length > 0 ? 0 : 1;
  },
});

interface CountContext {
  readonly probedServers: ProbedServers;
  readonly configuration: Configuration;
  readonly maxNameLength: number;
  readonly counter: TokenCounter;
  readonly signal: AbortSignal;
}

async function countAll(probes: readonly Probe[], context: CountContext): Promise<Savings> {
  const { configuration, maxNameLength, counter: { tokenizer, count } } = context;
  const { directDefinitions } = await loadDirectTools();
  const tools = gatewayTools({ debug: false });
  const definitions = [...tools.values()].map(({ definition }) => definition);
  const countExchange = createExchangeCounter(tools, context);
  const ownTokens = {
    definitions: count(JSON.stringify(definitions)),
    list_servers: await countExchange("list_servers", {}),
  };
  let directToolsTokens = 0;
  const servers: ServerSavings[] = [];
  for (const { config, tools: serverTools } of probes) {
    if (serverTools === undefined) continue;
    const { name } = config;
    const countDirectTools = (face: "meta" | "direct") => {
      const texts = directDefinitions(serverTools, { config, face, maxNameLength });
      return texts.length === 0 ? 0 : count(`[${texts.join(",")}]`);
    };
    directToolsTokens += countDirectTools("meta");
    const toolsBySize = serverTools.toSorted((one, two) =>
      one.text.json.length - two.text.json.length
    );
    const example = toolsBySize[Math.floor(toolsBySize.length / 2)]?.name ?? "";
    const exampleCall = { server: name, tool: example, args: {} };
    const signatures = await countExchange("get_server_tools", {
      server: name,
      detail: "signatures",
    });
    const schema = serverTools.length === 0
      ? 0
      : await countExchange("get_server_tools", { server: name, names: example });
    const call = serverTools.length === 0 ? 0 : count(JSON.stringify(exampleCall));
    servers.push({
      server: name,
      tools: serverTools.length,
      direct: count(`[${serverTools.map(({ text }) => text.json).join(",")}]`),
      direct_face: countDirectTools("direct"),
      gateway: signatures + schema + call,
      signatures,
      schema,
      call,
      example,
    });
  }
  const failed = probes.filter(({ tools }) => tools === undefined).map((probe) => {
    const { message } = findCause(probe, { warnings: configuration.warnings });
    return { server: probe.config.name, error: message.replaceAll("\n", " ") };
  });
  const fixed = { ...ownTokens, direct_tools: directToolsTokens };
  return { tokenizer, servers, fixed, total: sumCosts(servers, fixed), failed };
}

/**
 * Returns a function that calls one of the gateway's own tools with access to everything, and counts the
 * tokens of the arguments and the answer.
 */
function createExchangeCounter(
  tools: ReadonlyMap<string, GatewayTool>,
  { probedServers, configuration, counter: { count }, signal }: CountContext,
): (name: string, args: Arguments) => Promise<number> {
  const fullAccess = { allow: { servers: ["*", OWN_SERVER] } };
  const agents = new Map([[ANONYMOUS_CALLER.agent, fullAccess]]);
  const context: ToolContext = {
    caller: ANONYMOUS_CALLER,
    policy: compilePolicy({ agents, denyOverrides: false }),
    serverConfigs: configuration.servers,
    unavailableReasons: configuration.unavailableReasons,
    servers: probedServers.servers,
    signal,
    gateway: { status: () => ({}) },
  };
  return async (name, args) => {
    const tool = tools.get(name);
    if (tool === undefined || !("run" in tool)) {
      throw new Error(`The gateway does not answer ${name} itself`);
    }
    const answer = await tool.run(args, context);
    return count(JSON.stringify(args)) + count(answer.json);
  };
}

/** The costs of one server, in tokens. */
interface ServerSavings {
  readonly server: string;
  readonly tools: number;
  /** The definitions of all its tools, as a client loads them. */
  readonly direct: number;
  /** The definitions as a client loads them with `--face direct`, under their longer names. */
  readonly direct_face: number;
  /** One task through the gateway: the sum of `signatures`, `schema` and `call`. */
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
  /** The definitions of the tools that entries show beside the gateway's own. */
  readonly direct_tools: number;
}

/** The totals over all servers, in tokens. */
interface TotalSavings {
  readonly tools: number;
  /** The definitions of all tools of all servers. */
  readonly direct: number;
  /** The same definitions with `--face direct`. */
  readonly direct_face: number;
  /** A session with one task on an average server: the fixed costs plus the mean of `gateway`. */
  readonly gateway: number;
  /** A session with one task on the most expensive server. */
  readonly gateway_max: number;
  /** Percentage of the direct costs that a session with one task saves. */
  readonly saved_percent: number;
  /** Percentage that a session with one task on the most expensive server saves. */
  readonly saved_percent_min: number;
}

/** The result of `savings`. */
interface Savings {
  readonly tokenizer: TokenCounter["tokenizer"];
  readonly servers: readonly ServerSavings[];
  readonly fixed: FixedCosts;
  readonly total: TotalSavings;
  /** Servers that did not start; the totals do not include them. */
  readonly failed: readonly { readonly server: string; readonly error: string }[];
}

/** Computes the totals over all servers. */
export function sumCosts(servers: readonly ServerSavings[], fixed: FixedCosts): TotalSavings {
  const sum = (costOf: (server: ServerSavings) => number) => {
    return servers.reduce((total, server) => total + costOf(server), 0);
  };
  const direct = sum((server) => server.direct);
  const fixedTokens = fixed.definitions + fixed.list_servers + fixed.direct_tools;
  const gateway = fixedTokens +
    Math.round(sum((server) => server.gateway) / Math.max(1, servers.length));
  const mostExpensive = fixedTokens + Math.max(0, ...servers.map((server) => server.gateway));
  const savedPercent = (tokens: number) => {
    return direct === 0 ? 0 : Math.round(1000 * (1 - tokens / direct)) / 10;
  };
  return {
    tools: sum((server) => server.tools),
    direct,
    direct_face: sum((server) => server.direct_face),
    gateway,
    gateway_max: mostExpensive,
    saved_percent: savedPercent(gateway),
    saved_percent_min: savedPercent(mostExpensive),
  };
}

/** Formats the result for people. */
function savingsText(
  { tokenizer, servers, fixed, total }: Savings,
  style: TerminalStyle = styleOf(Deno.stdout),
): string {
  if (servers.length === 0) return "";
  const numberColumn = (title: string) => ({ title, isNumber: true });
  const rows = servers.map(({ server, tools, direct, gateway }) => {
    return [server, String(tools), formatCount(direct), formatCount(gateway)];
  });
  const { definitions, list_servers, direct_tools } = fixed;
  const { tools, direct, direct_face, gateway, gateway_max, saved_percent, saved_percent_min } =
    total;
  const totalRows = [
    ["gateway's own tools", "3", "-", formatCount(definitions)],
    ["list of servers", "-", "-", formatCount(list_servers)],
    ...(direct_tools === 0
      ? []
      : [["tools that entries show", "-", "-", formatCount(direct_tools)]]),
    ["SUM: one task", formatCount(tools), formatCount(direct), formatCount(gateway)],
  ];
  const method = tokenizer === "estimate"
    ? "estimated to within 15 %, because this form of the gateway has no tokenizer"
    : tokenizer;
  const text =
    `Tokens (${method}). DIRECT: all definitions, loaded at the start of every session. TASK: ` +
    `through the gateway, the signatures of a server's tools, one full schema, and a call. The sum ` +
    `contains one task on an average server and saves ${saved_percent} %; a task on the most expensive ` +
    `server takes ${formatCount(gateway_max)} tokens and saves ${saved_percent_min} %. ` +
    `With --face direct, the definitions take ${formatCount(direct_face)} tokens in a client ` +
    `that loads them all at the start.`;
  const columns = [
    { title: "SERVER" },
    numberColumn("TOOLS"),
    numberColumn("DIRECT"),
    numberColumn("TASK"),
  ];
  return `${table({ columns, rows: [...rows, ...totalRows] }, style)}\n${paragraph(text, style)}`;
}
