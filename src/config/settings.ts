import { ConfigError, type ConfigProblem } from "../errors.ts";
import { agentIdShape, isAgentId } from "./agent_id.ts";
import { type Environment, expandHome, homeFolder } from "./environment.ts";

/** What flags and `GATEWAY_*` variables say, checked, defaults filled in. */
export interface Settings {
  /** The servers file, where one was named; `~` expanded. */
  readonly mcpConfig?: string;
  /** The rules file, where one was named; `~` expanded. */
  readonly rules?: string;
  /** The agent this process is bound to. */
  readonly agent?: string;
  /** The agent for operations without an agent id. */
  readonly defaultAgent?: string;
  /** How clients connect; default `stdio`. */
  readonly transport: "stdio" | "http";
  /** Listening address for HTTP; default `127.0.0.1`. */
  readonly host: string;
  /** Listening port for HTTP, 0 for any free one; default 8080. */
  readonly port: number;
  /** The audit log; `~` expanded; default `./logs/audit.jsonl`. */
  readonly auditLog: string;
  /** Whether argument values are recorded; default `none`. */
  readonly auditArgs: "none" | "redacted";
  /** When servers start; default `eager`. */
  readonly initStrategy: "eager" | "lazy";
  /** Whether `get_gateway_status` is offered; default false. */
  readonly debug: boolean;
  /** Least level that is logged; default `info`. */
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** Shape of log lines; default `text`. */
  readonly logFormat: "text" | "json";
  /** Server processes at a time, at least 1; default 256. */
  readonly maxProcesses: number;
  /** Calls under way at a time, of all clients, at least 1; default 100,000. */
  readonly maxCalls: number;
  /** Calls in a minute, of all clients, at least 1; no limit where absent. */
  readonly callsPerMinute?: number;
  /** Where calls per minute are counted: `memory`, or the address of a Redis; default `memory`. */
  readonly state: string;
}

/** Flags of the command line as typed, by setting; `undefined` and `""` mean not given. */
export type SettingFlags = {
  readonly [K in keyof Settings]?: string | number | boolean | undefined;
};

/** One setting, for help texts and flag parsers. */
export interface SettingRow {
  /** The setting it fills. */
  readonly key: keyof Settings;
  /** Name of the flag without dashes; absent where only the variable exists. */
  readonly flag?: string;
  /** Name of the variable. */
  readonly variable: string;
  /** One line for help texts. */
  readonly brief: string;
  /** Whether the flag stands alone. */
  readonly boolean: boolean;
}

interface Reading<T> {
  /** What a good value is, after "expected". */
  readonly expected: string;
  /** The value, or undefined for a bad one. */
  readonly read: (text: string, home: string | undefined) => T | undefined;
}

interface Row<T> extends Reading<NonNullable<T>> {
  readonly flag?: string;
  readonly variable: string;
  readonly brief: string;
  readonly fallback: T;
  /** Whether a bad value must not be repeated. */
  readonly isSecret?: true;
}

const path: Reading<string> = { expected: "a path", read: expandHome };
const agentId: Reading<string> = {
  expected: agentIdShape,
  read: (text) => isAgentId(text) ? text : undefined,
};
const yesOrNo: Reading<boolean> = {
  expected: "1, true or yes, or 0, false or no",
  read(text) {
    const word = text.toLowerCase();
    if (["1", "true", "yes"].includes(word)) return true;
    return ["0", "false", "no"].includes(word) ? false : undefined;
  },
};

function oneOf<const T extends string>(...values: T[]): Reading<T> {
  return {
    expected: values.join(" or "),
    read: (text) => values.find((value) => value === text.toLowerCase()),
  };
}

function wholeNumber(least: number, most: number): Reading<number> {
  return {
    expected: `a whole number from ${least} to ${most}`,
    read(text) {
      const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
      return value >= least && value <= most ? value : undefined;
    },
  };
}

function isRedisAddress(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && ["redis:", "rediss:"].includes(url.protocol) && url.hostname !== "";
}

/** A new setting is a new row here and a line in `Settings`. */
const table: { readonly [K in keyof Settings]-?: Row<Settings[K]> } = {
  mcpConfig: {
    flag: "mcp-config",
    variable: "GATEWAY_MCP_CONFIG",
    brief: "The servers file",
    ...path,
    fallback: undefined,
  },
  rules: {
    flag: "rules",
    variable: "GATEWAY_RULES",
    brief: "The rules file",
    ...path,
    fallback: undefined,
  },
  agent: {
    flag: "agent",
    variable: "GATEWAY_AGENT",
    brief: "Bind the whole process to this agent",
    ...agentId,
    fallback: undefined,
  },
  defaultAgent: {
    flag: "default-agent",
    variable: "GATEWAY_DEFAULT_AGENT",
    brief: "The agent where no agent_id is given and the rules do not refuse that",
    ...agentId,
    fallback: undefined,
  },
  transport: {
    flag: "transport",
    variable: "GATEWAY_TRANSPORT",
    brief: "How clients connect: stdio or http",
    ...oneOf("stdio", "http"),
    fallback: "stdio",
  },
  host: {
    flag: "host",
    variable: "GATEWAY_HOST",
    brief: "Address to listen on, for http",
    expected: "an address or host name",
    read: (text) => /^[A-Za-z0-9.:_%[\]-]+$/.test(text) ? text : undefined,
    fallback: "127.0.0.1",
  },
  port: {
    flag: "port",
    variable: "GATEWAY_PORT",
    brief: "Port to listen on, for http",
    ...wholeNumber(0, 65535),
    fallback: 8080,
  },
  auditLog: {
    flag: "audit-log",
    variable: "GATEWAY_AUDIT_LOG",
    brief: "File of the audit log",
    ...path,
    fallback: "./logs/audit.jsonl",
  },
  auditArgs: {
    variable: "GATEWAY_AUDIT_ARGS",
    brief: "Whether the audit log holds argument values: none or redacted",
    ...oneOf("none", "redacted"),
    fallback: "none",
  },
  initStrategy: {
    flag: "init-strategy",
    variable: "GATEWAY_INIT_STRATEGY",
    brief: "When servers start: eager (at once) or lazy (on first use)",
    ...oneOf("eager", "lazy"),
    fallback: "eager",
  },
  debug: {
    flag: "debug",
    variable: "GATEWAY_DEBUG",
    brief: "Offer the tool get_gateway_status",
    ...yesOrNo,
    fallback: false,
  },
  logLevel: {
    flag: "log-level",
    variable: "GATEWAY_LOG_LEVEL",
    brief: "Least level to log: debug, info, warning or error",
    expected: "debug or info or warning or error",
    read(text) {
      const level = text.toLowerCase() === "warning" ? "warn" : text;
      return oneOf("debug", "info", "warn", "error").read(level, undefined);
    },
    fallback: "info",
  },
  logFormat: {
    flag: "log-format",
    variable: "GATEWAY_LOG_FORMAT",
    brief: "Shape of log lines: text or json",
    ...oneOf("text", "json"),
    fallback: "text",
  },
  maxProcesses: {
    variable: "GATEWAY_MAX_PROCESSES",
    brief: "Server processes at a time",
    ...wholeNumber(1, 1_000_000),
    fallback: 256,
  },
  maxCalls: {
    variable: "GATEWAY_MAX_CALLS",
    brief: "Calls under way at a time, of all clients",
    ...wholeNumber(1, 10_000_000),
    fallback: 100_000,
  },
  callsPerMinute: {
    variable: "GATEWAY_CALLS_PER_MINUTE",
    brief: "Calls in a minute, of all clients",
    ...wholeNumber(1, 2 ** 31 - 1),
    fallback: undefined,
  },
  state: {
    variable: "GATEWAY_STATE",
    brief: "Where calls per minute are counted: memory, or the address of a Redis",
    expected: "memory, or an address such as redis://host:6379",
    read: (text) => text === "memory" || isRedisAddress(text) ? text : undefined,
    fallback: "memory",
    isSecret: true,
  },
};
const rows = Object.entries(table) as [keyof Settings, Row<Settings[keyof Settings]>][];

/** All settings, in the order of the help text. */
export function listSettings(): SettingRow[] {
  return rows.map(([key, { flag, variable, brief, fallback }]) => ({
    key,
    ...(flag === undefined ? {} : { flag }),
    variable,
    brief,
    boolean: typeof fallback === "boolean",
  }));
}

/**
 * Resolves the settings; a flag wins over its variable, the variable over the default.
 *
 * @param flags Values as typed; a flag that stands alone is `true`.
 * @param env Where the `GATEWAY_*` variables are.
 * @throws {ConfigError} Names every flag or variable with a bad value.
 */
export function readSettings(flags: SettingFlags, env: Environment): Settings {
  const home = homeFolder(env);
  const problems: ConfigProblem[] = [];
  const settings: Record<string, unknown> = {};
  for (const [key, row] of rows) {
    const flag = String(flags[key] ?? "");
    const text = flag || env.get(row.variable) || "";
    const value = text === "" ? row.fallback : row.read(text, home);
    if (value !== undefined) settings[key] = value;
    if (value !== undefined || text === "") continue;
    const path = flag === "" ? row.variable : `--${row.flag}`;
    const found = row.isSecret ? "something else" : JSON.stringify(text.slice(0, 60));
    const message = `expected ${row.expected}, found ${found}`;
    problems.push({ file: "", line: 0, column: 0, path, message });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return settings as unknown as Settings;
}
