import type { TokenCounter } from "./count_tokens.ts";
import { formatCount, styleOf, type TerminalStyle } from "./terminal.ts";
import { paragraph, table } from "./table.ts";

/** Tokens of one server. */
export interface ServerSavings {
  readonly server: string;
  readonly tools: number;
  /** All its tool definitions, as a client loads them. */
  readonly direct: number;
  /** A task through the gateway: the sum of the next three fields. */
  readonly gateway: number;
  /** The request for the signatures, and the answer. */
  readonly signatures: number;
  /** The request for one full schema, and the answer. */
  readonly schema: number;
  /** The arguments of a call: server, tool and empty `args`. */
  readonly call: number;
  /** The tool whose schema was requested: the one of median size. */
  readonly example: string;
}

/** Tokens of every session through the gateway. */
export interface FixedCosts {
  /** The definitions of the gateway's own tools. */
  readonly definitions: number;
  /** The request for the server list, and the answer. */
  readonly list_servers: number;
}

/** Tokens of all servers together. */
export interface Total {
  readonly tools: number;
  /** All definitions of all servers. */
  readonly direct: number;
  /** A session with one task on an average server: the fixed costs and the mean of `gateway`. */
  readonly gateway: number;
  /** A session with one task on the most expensive server. */
  readonly gateway_most: number;
  /** Percentage of `direct` that a session with one task on an average server saves. */
  readonly saved_percent: number;
  /** The same on the most expensive server. */
  readonly saved_percent_least: number;
}

/** All figures. */
export interface Savings {
  readonly tokenizer: TokenCounter["tokenizer"];
  readonly servers: readonly ServerSavings[];
  readonly fixed: FixedCosts;
  readonly total: Total;
  /** Servers that did not start; the totals do not include them. */
  readonly failed: readonly { readonly server: string; readonly error: string }[];
}

/** Adds up the tokens of the servers. */
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

/** Formats the figures for people. */
export function savingsText(
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
  return `${table(columns, [...rows, ...sums], style)}\n${paragraph(text, style)}`;
}
