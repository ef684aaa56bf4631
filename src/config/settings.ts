import type { SettingDefinition } from "./setting_parser.ts";
import {
  agentIdParser,
  booleanParser,
  createEnumParser,
  createIntegerParser,
  createListParser,
  isAddressOrNetwork,
  pathParser,
  stateParser,
} from "./setting_parser.ts";

/** The settings from flags and `GATEWAY_*` variables, checked, with defaults filled in. */
export interface Settings {
  /** The servers file if one was named; `~` expanded. */
  readonly mcpConfig?: string;
  /** The rules file if one was named; `~` expanded. */
  readonly rules?: string;
  /** Whether the files of the working folder are used without `trust`. */
  readonly trust: boolean;
  /** The agent this process is bound to. */
  readonly agent?: string;
  /** The agent for operations without an agent id. */
  readonly defaultAgent?: string;
  /** The transport to clients; default `stdio`. */
  readonly transport: "stdio" | "http";
  /** Listening address for HTTP; default `127.0.0.1`. */
  readonly host: string;
  /** Listening port for HTTP, 0 for any free one; default 8080. */
  readonly port: number;
  /**
   * Host names, besides IP addresses, under which clients may reach an HTTP listener; default none.
   */
  readonly allowedHosts: readonly string[];
  /** Origins of web pages that may use an HTTP listener; default none. */
  readonly corsOrigins: readonly string[];
  /**
   * Addresses and networks (`ADDRESS/BITS`) of the proxies before an HTTP listener, whose
   * `X-Forwarded-For` is trusted; default none.
   */
  readonly trustedProxies: readonly string[];
  /** PEM file with the certificate chain of an HTTP listener; only together with `tlsKey`. */
  readonly tlsCert?: string;
  /** PEM file with the private key of an HTTP listener. */
  readonly tlsKey?: string;
  /** Bearer token for `/metrics`, a secret. Without it, `/metrics` is open to loopback if there are no credentials. */
  readonly metricsToken?: string;
  /** Maximum number of HTTP sessions at a time, at least 1; default 1000. */
  readonly maxSessions: number;
  /** Seconds after which an unused HTTP session ends; default 1800. */
  readonly sessionIdleS: number;
  /** Seconds after which every HTTP session ends; default 86400. */
  readonly sessionMaxS: number;
  /** Path of the audit log, `~` expanded; default `audit.jsonl` in the user's state folder. */
  readonly auditLog: string;
  /** Whether argument values are recorded; default `none`. */
  readonly auditArgs: "none" | "redacted";
  /** Whether a call is refused if its record cannot be written; default false. */
  readonly auditRequired: boolean;
  /** Days for which rotated audit files are kept, at least 1; default: five files are kept. */
  readonly auditKeep?: number;
  /** When servers start; default `auto`. */
  readonly initStrategy: "auto" | "eager" | "lazy";
  /** Tools that clients see: the gateway's own, or directly those of the servers; default `meta`. */
  readonly face: "meta" | "direct";
  /** Maximum length of the names under which tools and prompts of servers are offered, 32 to 128; default 64. */
  readonly maxNameLength: number;
  /** Whether `get_gateway_status` is offered; default false. */
  readonly debug: boolean;
  /** Lowest level that is logged; default: `info` at a terminal and over HTTP, else `warn`. */
  readonly logLevel?: "debug" | "info" | "warn" | "error";
  /** Format of log lines; default `text`. */
  readonly logFormat: "text" | "json";
  /** Maximum number of server processes at a time, at least 1; default 256. */
  readonly maxProcesses: number;
  /** Maximum number of active calls of all agents, at least 1; default 100,000. */
  readonly maxCalls: number;
  /** Maximum memory for messages and active calls, in MiB, at least 64; default 512. */
  readonly maxHeldMib: number;
  /** Milliseconds that a program of `run_code` may run at most, 1 to 300,000; default 30,000. */
  readonly codeTimeoutMs: number;
  /** Maximum number of programs of `run_code` that run at a time, 1 to 64; default 4. */
  readonly maxSandboxes: number;
  /** Maximum number of calls per minute of all agents, at least 1; default: no limit. */
  readonly callsPerMinute?: number;
  /** Store of the counts per minute: `memory`, or the address of a Redis; default `memory`. */
  readonly stateStore: string;
  /** Key of the state that clients hold while they are asked for input, a secret; default: a random one. */
  readonly stateKey?: string;
  /** Seconds for which an operation waits for its client's next request, at least 1; default 600. */
  readonly stateTtlS: number;
  /** Whether the process only relays to a gateway that clients share; default false. */
  readonly shared: boolean;
  /** Seconds for which a shared gateway lives without a client; default 60. */
  readonly lingerS: number;
}

/** Command line flags as typed, by setting. `undefined` means that a flag is not given; so does `""`, unless the setting refuses an empty value. */
export type SettingFlags = {
  readonly [K in keyof Settings]?: string | number | boolean | undefined;
};

/** Defines each setting. A new setting needs a definition here and a member of `Settings`. */
export const SETTING_DEFINITIONS: {
  readonly [K in keyof Settings]-?: SettingDefinition<Settings[K]>;
} = {
  mcpConfig: {
    flag: "mcp-config",
    variable: "GATEWAY_MCP_CONFIG",
    brief: "The servers file",
    ...pathParser,
    fallback: undefined,
    refusesEmpty: true,
  },
  rules: {
    flag: "rules",
    variable: "GATEWAY_RULES",
    brief: "The rules file",
    ...pathParser,
    fallback: undefined,
    refusesEmpty: true,
  },
  trust: {
    variable: "GATEWAY_TRUST",
    brief: "Use the files of the working folder without agent-mcp-gateway trust: 1 or 0",
    ...booleanParser,
    fallback: false,
  },
  agent: {
    flag: "agent",
    variable: "GATEWAY_AGENT",
    brief: "Bind the whole process to this agent",
    ...agentIdParser,
    fallback: undefined,
    refusesEmpty: true,
  },
  defaultAgent: {
    flag: "default-agent",
    variable: "GATEWAY_DEFAULT_AGENT",
    brief: "The agent of calls without agent_id, if the rules allow such calls",
    ...agentIdParser,
    fallback: undefined,
  },
  transport: {
    flag: "transport",
    variable: "GATEWAY_TRANSPORT",
    brief: "How clients connect: stdio or http",
    ...createEnumParser("stdio", "http"),
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
    ...createIntegerParser(0, 65535),
    fallback: 8080,
  },
  allowedHosts: {
    variable: "GATEWAY_ALLOWED_HOSTS",
    brief: "Host names under which an http listener may be reached",
    ...createListParser("host names without a port", (name) => {
      return /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name);
    }),
    fallback: [],
    refusesEmpty: true,
  },
  corsOrigins: {
    variable: "GATEWAY_CORS_ORIGINS",
    brief: "Origins of web pages that may use an http listener",
    ...createListParser("origins such as https://app.example.com", (origin) => {
      return /^https?:\/\/[a-z0-9.[\]:-]+$/.test(origin);
    }),
    fallback: [],
  },
  trustedProxies: {
    variable: "GATEWAY_TRUSTED_PROXIES",
    brief: "Proxies whose X-Forwarded-For header is trusted, for http",
    ...createListParser("IP addresses or networks such as 10.0.0.0/8", isAddressOrNetwork),
    fallback: [],
  },
  tlsCert: {
    variable: "GATEWAY_TLS_CERT",
    brief: "Certificate chain of an http listener, PEM",
    ...pathParser,
    fallback: undefined,
  },
  tlsKey: {
    variable: "GATEWAY_TLS_KEY",
    brief: "Private key of an http listener, PEM",
    ...pathParser,
    fallback: undefined,
  },
  metricsToken: {
    variable: "GATEWAY_METRICS_TOKEN",
    brief: "Bearer token that reads /metrics",
    expected: "16 to 512 ASCII characters without spaces",
    read: (text) => /^[!-~]{16,512}$/.test(text) ? text : undefined,
    fallback: undefined,
    isSecret: true,
    refusesEmpty: true,
  },
  maxSessions: {
    variable: "GATEWAY_MAX_SESSIONS",
    brief: "Maximum number of http sessions at a time",
    ...createIntegerParser(1, 100_000),
    fallback: 1000,
  },
  sessionIdleS: {
    variable: "GATEWAY_SESSION_IDLE_S",
    brief: "Seconds after which an unused http session ends",
    ...createIntegerParser(1, 1_000_000),
    fallback: 1800,
  },
  sessionMaxS: {
    variable: "GATEWAY_SESSION_MAX_S",
    brief: "Seconds after which every http session ends",
    ...createIntegerParser(1, 100_000_000),
    fallback: 86_400,
  },
  auditLog: {
    flag: "audit-log",
    variable: "GATEWAY_AUDIT_LOG",
    brief: "File of the audit log; by default in the user's state folder",
    ...pathParser,
    // The default depends on the environment.
    fallback: "",
  },
  auditArgs: {
    variable: "GATEWAY_AUDIT_ARGS",
    brief: "Whether the audit log holds argument values: none or redacted",
    ...createEnumParser("none", "redacted"),
    fallback: "none",
  },
  auditRequired: {
    variable: "GATEWAY_AUDIT_REQUIRED",
    brief: "Refuse calls whose record cannot be written",
    ...booleanParser,
    fallback: false,
    refusesEmpty: true,
  },
  auditKeep: {
    variable: "GATEWAY_AUDIT_KEEP",
    brief: "Days for which full audit files are kept; by default five files are kept",
    ...createIntegerParser(1, 36_500),
    expected: "days, as a whole number from 1 to 36500",
    fallback: undefined,
  },
  initStrategy: {
    flag: "init-strategy",
    variable: "GATEWAY_INIT_STRATEGY",
    brief:
      "When servers start: lazy (on first use), eager (immediately), or auto (immediately if the gateway does not remember what they offer)",
    ...createEnumParser("auto", "eager", "lazy"),
    fallback: "auto",
  },
  face: {
    flag: "face",
    variable: "GATEWAY_FACE",
    brief: "Tools that clients see: meta (the gateway's own) or direct (those of the servers)",
    ...createEnumParser("meta", "direct"),
    fallback: "meta",
  },
  maxNameLength: {
    variable: "GATEWAY_NAME_LIMIT",
    brief: "Maximum length of the names of tools and prompts that clients see directly",
    ...createIntegerParser(32, 128),
    fallback: 64,
  },
  debug: {
    flag: "debug",
    variable: "GATEWAY_DEBUG",
    brief: "Offer the tool get_gateway_status",
    ...booleanParser,
    fallback: false,
  },
  logLevel: {
    flag: "log-level",
    variable: "GATEWAY_LOG_LEVEL",
    brief:
      "Lowest level to log: debug, info, warning or error; default: info at a terminal and over HTTP, else warning",
    expected: "debug or info or warning or error",
    read(text) {
      const level = text.toLowerCase() === "warning" ? "warn" : text;
      return createEnumParser("debug", "info", "warn", "error").read(level, undefined);
    },
    fallback: undefined,
  },
  logFormat: {
    flag: "log-format",
    variable: "GATEWAY_LOG_FORMAT",
    brief: "Format of log lines: text or json",
    ...createEnumParser("text", "json"),
    fallback: "text",
  },
  maxProcesses: {
    variable: "GATEWAY_MAX_PROCESSES",
    brief: "Maximum number of server processes at a time",
    ...createIntegerParser(1, 1_000_000),
    fallback: 256,
  },
  maxCalls: {
    variable: "GATEWAY_MAX_CALLS",
    brief: "Maximum number of active calls of all agents",
    ...createIntegerParser(1, 10_000_000),
    fallback: 100_000,
  },
  maxHeldMib: {
    variable: "GATEWAY_MAX_HELD",
    brief: "Maximum memory for messages and active calls, in MiB",
    ...createIntegerParser(64, 1_000_000),
    fallback: 512,
  },
  codeTimeoutMs: {
    variable: "GATEWAY_CODE_TIMEOUT_MS",
    brief: "Milliseconds that a program of run_code may run, at most 300000",
    ...createIntegerParser(1, 300_000),
    fallback: 30_000,
  },
  maxSandboxes: {
    variable: "GATEWAY_MAX_SANDBOXES",
    brief: "Maximum number of programs of run_code that run at a time",
    ...createIntegerParser(1, 64),
    fallback: 4,
  },
  callsPerMinute: {
    variable: "GATEWAY_CALLS_PER_MINUTE",
    brief: "Maximum number of calls per minute of all agents",
    ...createIntegerParser(1, 2 ** 31 - 1),
    fallback: undefined,
  },
  stateStore: {
    variable: "GATEWAY_STATE",
    brief: "Where calls per minute are counted: memory, or the address of a Redis",
    ...stateParser,
    fallback: "memory",
    isSecret: true,
  },
  stateKey: {
    variable: "GATEWAY_STATE_KEY",
    brief: "Key of the state of questions, the same in all replicas; by default a random one",
    expected: "32 to 512 ASCII characters without spaces",
    read: (text) => /^[!-~]{32,512}$/.test(text) ? text : undefined,
    fallback: undefined,
    isSecret: true,
    refusesEmpty: true,
  },
  stateTtlS: {
    variable: "GATEWAY_STATE_TTL_S",
    brief: "Seconds for which a call waits for the next request of a client that was asked",
    ...createIntegerParser(1, 86_400),
    fallback: 600,
  },
  shared: {
    flag: "shared",
    variable: "GATEWAY_SHARED",
    brief: "Share one gateway with all clients of the same configuration",
    ...booleanParser,
    fallback: false,
  },
  lingerS: {
    variable: "GATEWAY_LINGER_S",
    brief: "Seconds for which a shared gateway lives on without a client",
    ...createIntegerParser(0, 1_000_000),
    fallback: 60,
  },
};

/** The settings with their definitions, in the order of the help text. */
export const SETTING_ENTRIES = Object.entries(SETTING_DEFINITIONS) as readonly [
  keyof Settings,
  SettingDefinition<Settings[keyof Settings]>,
][];
