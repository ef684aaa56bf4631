import assert from "node:assert/strict";
import {
  getStateFilePath,
  listSettings,
  readSettings,
  type SettingFlags,
  type Settings,
  warnUnknownVariables,
} from "../../src/config/mod.ts";
import { ConfigError } from "../../src/errors.ts";
import { createEnvironment } from "./check_files.ts";

const emptyEnvironment = createEnvironment({});

function problemsOf(flags: SettingFlags, variables: Record<string, string> = {}): string[] {
  try {
    readSettings(flags, createEnvironment(variables));
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}

Deno.test("[settings.defaults] without flags and variables the defaults apply", () => {
  const home = createEnvironment({ HOME: "/home/someone" });
  assert.deepEqual(readSettings({}, home), {
    transport: "stdio",
    host: "127.0.0.1",
    port: 8080,
    auditLog: "/home/someone/.local/state/agent-mcp-gateway/audit.jsonl",
    auditArgs: "none",
    auditRequired: false,
    initStrategy: "auto",
    face: "meta",
    maxNameLength: 64,
    debug: false,
    trust: false,
    logFormat: "text",
    maxProcesses: 256,
    allowedHosts: [],
    corsOrigins: [],
    trustedProxies: [],
    maxSessions: 1000,
    sessionIdleS: 1800,
    sessionMaxS: 86_400,
    maxCalls: 100_000,
    maxHeldMib: 512,
    codeTimeoutMs: 30_000,
    maxSandboxes: 4,
    stateStore: "memory",
    stateTtlS: 600,
    shared: false,
    lingerS: 60,
  });
});

Deno.test("[audit.path] the default path is in the state folder of the platform", () => {
  const pathOf = (env: Record<string, string>, windows: boolean) => {
    return getStateFilePath(createEnvironment(env), "audit.jsonl", { windows });
  };
  const [home, fileName] = ["/home/someone", "agent-mcp-gateway/audit.jsonl"];
  const state = `${home}/.local/state/${fileName}`;
  assert.equal(
    pathOf({ HOME: home, XDG_STATE_HOME: "/var/state" }, false),
    `/var/state/${fileName}`,
  );
  // The XDG Base Directory Specification requires that relative paths are ignored.
  for (const folder of ["", "state"]) {
    assert.equal(pathOf({ HOME: home, XDG_STATE_HOME: folder }, false), state);
  }
  const profile = { USERPROFILE: "C:\\Users\\me", HOME: "" };
  assert.equal(pathOf(profile, true), `C:\\Users\\me/AppData/Local/${fileName}`);
  assert.equal(pathOf({ ...profile, LOCALAPPDATA: "D:\\local" }, true), `D:\\local/${fileName}`);
});

Deno.test("[audit.protocol] over stdio, standard output is refused as the audit log", () => {
  for (const path of ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]) {
    const message = "standard output carries the protocol; name a file or /dev/stderr";
    assert.deepEqual(problemsOf({ auditLog: path }), [`--audit-log: ${message}`]);
    assert.deepEqual(problemsOf({ auditLog: path, transport: "http" }), []);
  }
  assert.deepEqual(problemsOf({ auditLog: "/dev/stderr" }), []);
});

const FLAGS_AND_VARIABLES: [
  key: keyof SettingFlags,
  variable: string,
  flagText: string,
  variableText: string,
  flagValue: unknown,
  variableValue: unknown,
][] = [
  ["mcpConfig", "GATEWAY_MCP_CONFIG", "a.json", "b.json", "a.json", "b.json"],
  ["rules", "GATEWAY_RULES", "a.json", "b.json", "a.json", "b.json"],
  ["agent", "GATEWAY_AGENT", "team.a", "team.b", "team.a", "team.b"],
  ["defaultAgent", "GATEWAY_DEFAULT_AGENT", "a", "b", "a", "b"],
  ["transport", "GATEWAY_TRANSPORT", "http", "stdio", "http", "stdio"],
  ["host", "GATEWAY_HOST", "0.0.0.0", "::1", "0.0.0.0", "::1"],
  ["port", "GATEWAY_PORT", "0", "65535", 0, 65535],
  ["auditLog", "GATEWAY_AUDIT_LOG", "a.jsonl", "b.jsonl", "a.jsonl", "b.jsonl"],
  ["initStrategy", "GATEWAY_INIT_STRATEGY", "lazy", "eager", "lazy", "eager"],
  ["face", "GATEWAY_FACE", "direct", "meta", "direct", "meta"],
  ["debug", "GATEWAY_DEBUG", "yes", "0", true, false],
  ["logLevel", "GATEWAY_LOG_LEVEL", "warning", "debug", "warn", "debug"],
  ["logFormat", "GATEWAY_LOG_FORMAT", "json", "text", "json", "text"],
  ["shared", "GATEWAY_SHARED", "yes", "0", true, false],
];

/** Settings that must not be empty, because the gateway would permit more without them. */
const NEVER_EMPTY: readonly (keyof Settings)[] = [
  "mcpConfig",
  "rules",
  "agent",
  "auditRequired",
  "allowedHosts",
  "metricsToken",
  "stateKey",
];

for (
  const [key, variable, flagText, variableText, flagValue, variableValue] of FLAGS_AND_VARIABLES
) {
  Deno.test(`[settings.twins] ${variable} sets ${key}, and its flag takes precedence`, () => {
    const env = createEnvironment({ [variable]: variableText });
    assert.deepEqual(readSettings({}, env)[key], variableValue);
    assert.deepEqual(readSettings({ [key]: flagText }, env)[key], flagValue);
  });
  if (NEVER_EMPTY.includes(key)) continue;
  Deno.test(`[settings.twins] an empty ${variable} or an empty flag counts as not set`, () => {
    const env = createEnvironment({ [variable]: variableText });
    assert.deepEqual(readSettings({ [key]: "" }, env)[key], variableValue);
    const fallback = readSettings({}, emptyEnvironment)[key];
    assert.deepEqual(readSettings({}, createEnvironment({ [variable]: "" }))[key], fallback);
  });
}

for (const key of NEVER_EMPTY) {
  const { variable, flag } = listSettings().find((row) => row.key === key) ?? {};
  assert.ok(variable !== undefined);
  Deno.test(`[settings.empty] ${variable} that is set and empty is an error, also as a flag`, () => {
    const message = "is set and empty; give it a value, or do not set it";
    const isSecret = key === "metricsToken" || key === "stateKey";
    const problem = isSecret ? `: ${variable} ${message}` : `${variable}: ${message}`;
    assert.deepEqual(problemsOf({}, { [variable]: "" }), [problem]);
    if (flag === undefined) return;
    assert.deepEqual(problemsOf({ [key]: "" }), [`--${flag}: ${message}`]);
  });
}

Deno.test("[audit.required] GATEWAY_AUDIT_REQUIRED without an audit log in a file is an error", () => {
  const variables = { GATEWAY_AUDIT_REQUIRED: "1" };
  for (const auditLog of ["/dev/null", "/dev/stderr"]) {
    assert.deepEqual(problemsOf({ auditLog }, variables), [
      "GATEWAY_AUDIT_REQUIRED: needs an audit log in a file, not in a standard stream or /dev/null",
    ]);
    assert.deepEqual(problemsOf({ auditLog }), []);
  }
  assert.deepEqual(problemsOf({ auditLog: "audit.jsonl" }, variables), []);
});

Deno.test("[settings.twins] every setting with a flag is tested here, and only --debug and --shared are boolean", () => {
  const flags = listSettings().filter(({ flag }) => flag !== undefined);
  assert.deepEqual(
    flags.map(({ key }) => key).sort(),
    FLAGS_AND_VARIABLES.map(([key]) => key).sort(),
  );
  assert.deepEqual(
    listSettings().filter(({ boolean }) => boolean).map(({ variable }) => variable),
    ["GATEWAY_TRUST", "GATEWAY_AUDIT_REQUIRED", "GATEWAY_DEBUG", "GATEWAY_SHARED"],
  );
});

Deno.test("[settings.shared] a shared gateway needs a client that starts it, and an audit log in a file", () => {
  assert.deepEqual(problemsOf({ shared: true, transport: "http" }), [
    "--shared: is for clients that start the gateway; over HTTP they share it already",
  ]);
  const variables = { GATEWAY_SHARED: "1", GATEWAY_AUDIT_LOG: "/dev/stderr" };
  assert.deepEqual(problemsOf({}, variables), [
    "GATEWAY_SHARED: needs an audit log in a file: a shared gateway has no standard error",
  ]);
});

Deno.test("[settings.twins] settings without a flag are read from variables", () => {
  const env = createEnvironment({ GATEWAY_AUDIT_ARGS: "redacted", GATEWAY_MAX_PROCESSES: "3" });
  const { auditArgs, maxProcesses } = readSettings({}, env);
  assert.deepEqual([auditArgs, maxProcesses], ["redacted", 3]);
});

Deno.test("[settings.twins] the limits for all clients and the state store are read; an invalid state store is not quoted", () => {
  const readStateStore = (state: string) =>
    readSettings({}, createEnvironment({ GATEWAY_STATE: state })).stateStore;
  for (const state of ["memory", "redis://host", "rediss://:word@host:1/2", "redis://[::1]:6379"]) {
    assert.equal(readStateStore(state), state);
  }
  const env = createEnvironment({ GATEWAY_MAX_CALLS: "5", GATEWAY_CALLS_PER_MINUTE: "6" });
  const { maxCalls, callsPerMinute } = readSettings({}, env);
  assert.deepEqual([maxCalls, callsPerMinute], [5, 6]);
  for (const state of ["http://:word@host", "redis:", "redis://", "word", "file:///word"]) {
    // The address may contain a password.
    assert.deepEqual(problemsOf({}, { GATEWAY_STATE: state }), [
      ": GATEWAY_STATE must be memory, or an address such as redis://host:6379",
    ]);
  }
});

Deno.test("[interaction.key] the key and the lifetime of the state of questions are read; an invalid key is not quoted", () => {
  const key = "k".repeat(32);
  const env = createEnvironment({ GATEWAY_STATE_KEY: key, GATEWAY_STATE_TTL_S: "7" });
  const { stateKey, stateTtlS } = readSettings({}, env);
  assert.deepEqual([stateKey, stateTtlS], [key, 7]);
  for (const invalid of ["k".repeat(31), `${key} `, `${key}\u00e9`, "k".repeat(513)]) {
    assert.deepEqual(problemsOf({}, { GATEWAY_STATE_KEY: invalid }), [
      ": GATEWAY_STATE_KEY must be 32 to 512 ASCII characters without spaces",
    ]);
  }
  assert.deepEqual(problemsOf({}, { GATEWAY_STATE_TTL_S: "0" }), [
    'GATEWAY_STATE_TTL_S: expected a whole number from 1 to 86400, found "0"',
  ]);
});

Deno.test("[settings.booleans] booleans are 1, true, yes, 0, false or no, in upper or lower case", () => {
  const debugOf = (text: string) =>
    readSettings({}, createEnvironment({ GATEWAY_DEBUG: text })).debug;
  for (const text of ["1", "true", "yes", "TRUE", "Yes"]) assert.equal(debugOf(text), true, text);
  for (const text of ["0", "false", "no", "No", ""]) assert.equal(debugOf(text), false, text);
  assert.equal(readSettings({ debug: true }, emptyEnvironment).debug, true);
  for (const text of ["2", "on", "enabled", " 1"]) {
    assert.deepEqual(problemsOf({}, { GATEWAY_DEBUG: text }), [
      `GATEWAY_DEBUG: expected 1, true or yes, or 0, false or no, found ${JSON.stringify(text)}`,
    ]);
  }
});

Deno.test("[settings.bad-value-named] each invalid value is reported with its flag or variable", () => {
  const flags = { port: "80a", transport: "sse", agent: "two words" };
  const variables = {
    GATEWAY_MAX_PROCESSES: "0",
    GATEWAY_AUDIT_KEEP: "90d",
    GATEWAY_LOG_LEVEL: "loud",
    GATEWAY_TRANSPORT: "http",
    GATEWAY_HOST: "a b",
  };
  assert.deepEqual(problemsOf(flags, variables), [
    '--agent: expected 1 to 128 letters, digits, `-`, `_` or `.`, found "two words"',
    '--transport: expected stdio or http, found "sse"',
    'GATEWAY_HOST: expected an address or host name, found "a b"',
    '--port: expected a whole number from 0 to 65535, found "80a"',
    'GATEWAY_AUDIT_KEEP: expected days, as a whole number from 1 to 36500, found "90d"',
    'GATEWAY_LOG_LEVEL: expected debug or info or warning or error, found "loud"',
    'GATEWAY_MAX_PROCESSES: expected a whole number from 1 to 1000000, found "0"',
  ]);
  for (const port of ["-1", "65536", "1e3", "0x50", " 80", "99999999999"]) {
    assert.equal(problemsOf({ port }).length, 1, port);
  }
});

Deno.test("[tenants.proxies] trusted proxies are IP addresses and networks", () => {
  const proxiesOf = (text: string) => {
    const env = createEnvironment({ GATEWAY_TRUSTED_PROXIES: text });
    return readSettings({}, env).trustedProxies;
  };
  const valid = ["127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8", "::ffff:192.0.2.1", "0.0.0.0/0"];
  assert.deepEqual(proxiesOf(valid.join(", ")), valid);
  const invalid = [
    "proxy",
    "10.0.0.0/33",
    "::/129",
    "10.0.0",
    "256.1.1.1",
    "1::2::3",
    "::1/",
    "1.1.1.1/8/8",
    "*",
  ];
  for (const text of invalid) {
    assert.deepEqual(problemsOf({}, { GATEWAY_TRUSTED_PROXIES: text }), [
      "GATEWAY_TRUSTED_PROXIES: expected IP addresses or networks such as 10.0.0.0/8, separated by " +
      `commas, found ${JSON.stringify(text)}`,
    ]);
  }
});

Deno.test("[config.tilde] `~` at the start of a path is the home folder", () => {
  const env = createEnvironment({ HOME: "/home/someone", GATEWAY_RULES: "~/rules.json" });
  const settings = readSettings({ mcpConfig: "~", auditLog: "~someone/audit.jsonl" }, env);
  assert.equal(settings.mcpConfig, "/home/someone");
  assert.equal(settings.rules, "/home/someone/rules.json");
  assert.equal(settings.auditLog, "~someone/audit.jsonl");
  assert.equal(readSettings({ rules: "~/x" }, emptyEnvironment).rules, "~/x");
});

Deno.test("[settings.unknown-variables] there is a warning only for unknown variables that resemble a variable of the gateway", () => {
  const warningsFor = (names: string[], windows = false) => {
    const env = createEnvironment(Object.fromEntries(names.map((name) => [name, "x"])));
    return warnUnknownVariables(env, { windows }).map(({ path, message }) => `${path}: ${message}`);
  };
  const knownVariables = listSettings().map(({ variable }) => variable);
  assert.deepEqual(warningsFor([...knownVariables, "GATEWAY_DEPTH"]), []);
  assert.deepEqual(
    warningsFor([
      "GATEWAY_INTERFACE",
      "GATEWAY_SERVICE_HOST",
      "GATEWAY_PORT_80_TCP",
      "GATEWAY",
      "PATH",
    ]),
    [],
  );
  assert.deepEqual(warningsFor(["API_GATEWAY_AGENT", "GETAWAY_HOME", "AGENT", "RULES"]), []);
  const ignored = "the gateway does not know this variable and ignores it";
  assert.deepEqual(
    warningsFor(["GATEWAY_AGNET", "GATEWY_RULES", "gateway_agent", "GATEWAY_NOTHING_LIKE"]),
    [
      `GATEWAY_AGNET: ${ignored}; did you mean "GATEWAY_AGENT"?`,
      `GATEWAY_NOTHING_LIKE: ${ignored}`,
      `GATEWY_RULES: ${ignored}; did you mean "GATEWAY_RULES"?`,
      `gateway_agent: ${ignored}; did you mean "GATEWAY_AGENT"?`,
    ],
  );
  assert.deepEqual(warningsFor(["Gateway_Agent"], true), []);
});
