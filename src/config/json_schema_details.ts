/**
 * Additions to the JSON Schemas that are generated from zod: an example for every key, and JSON
 * Schema keywords for the checks that are functions in zod. Keyed by path, where `*` is any name
 * and `[]` the items of a list.
 *
 * `fastChecks` validates files by these schemas, and zod does not see a file that passes. So a
 * pattern must not pass a value that the function refuses. If no keyword is as strict as the
 * function, a `$comment` names the missing check.
 */
import type { JsonSchema } from "./json_schema.ts";

type Details = Readonly<Record<string, JsonSchema>>;

/** Keywords by which some editors allow comments and trailing commas. */
const WHOLE = { allowComments: true, allowTrailingCommas: true };

const NO_NUL = { pattern: "^[^\\u0000]*$" };
const VARIABLE_NAME = { pattern: "^[^=\\u0000]+$" };
const REMOTE_TYPES = ["http", "streamable-http", "streamableHttp", "sse"];
const STREAMABLE = REMOTE_TYPES.slice(0, -1);

const typeAndTransport = (type: unknown, transport: unknown): JsonSchema => ({
  required: ["type", "transport"],
  properties: { type, transport },
});

/** Additions to the schema of the servers file. */
export const SERVERS_DETAILS: Details = {
  "": { title: "Servers behind Agent MCP Gateway", ...WHOLE },
  "$schema": { examples: ["./servers.schema.json"] },
  "mcpServers": {
    propertyNames: { minLength: 1 },
    examples: [{ memory: { command: "npx", args: ["-y", "@modelcontextprotocol/server-memory"] } }],
  },
  "mcpServers.*": {
    examples: [
      { command: "uvx", args: ["mcp-server-git"], description: "Read and change git repositories" },
      { url: "https://example.com/mcp", headers: { Authorization: "Bearer ${API_TOKEN}" } },
    ],
    oneOf: [
      {
        title: "A program to start",
        required: ["command"],
        not: { required: ["url"] },
        properties: { type: { const: "stdio" }, transport: { const: "stdio" } },
      },
      {
        title: "An address to call",
        required: ["url"],
        properties: { type: { enum: REMOTE_TYPES }, transport: { enum: REMOTE_TYPES } },
        not: {
          anyOf: [
            { required: ["command"] },
            typeAndTransport({ const: "sse" }, { enum: STREAMABLE }),
            typeAndTransport({ enum: STREAMABLE }, { const: "sse" }),
          ],
        },
      },
    ],
  },
  "mcpServers.*.description": { examples: ["Query the sales database, read only"] },
  "mcpServers.*.disabled": { examples: [true] },
  "mcpServers.*.command": {
    examples: ["npx", "uvx", "/usr/local/bin/my-server"],
    pattern: "^\\s*[^\\s\\u0000][^\\u0000]*$",
  },
  "mcpServers.*.args": {
    examples: [["-y", "@modelcontextprotocol/server-filesystem", "${workspaceFolder}"]],
  },
  "mcpServers.*.args[]": NO_NUL,
  "mcpServers.*.env": {
    examples: [{ DATABASE_URL: "${DATABASE_URL}" }],
    propertyNames: VARIABLE_NAME,
  },
  "mcpServers.*.env.*": NO_NUL,
  "mcpServers.*.cwd": { examples: ["${userHome}/projects/shop"], ...NO_NUL },
  "mcpServers.*.url": {
    examples: ["https://example.com/mcp"],
    pattern: "\\$\\{|^[\\u0000-\\u0020]*[Hh][Tt][Tt][Pp][Ss]?:",
  },
  "mcpServers.*.headers": {
    examples: [{ Authorization: "Bearer ${API_TOKEN}" }],
    propertyNames: { pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" },
  },
  "mcpServers.*.headers.*": {
    pattern: "\\$\\{|^[\\s\\u0020-\\u007e\\u0080-\\u00ff]*$",
  },
  "mcpServers.*.type": { examples: ["http"] },
  "mcpServers.*.transport": { examples: ["sse"] },
  "mcpServers.*.gateway": { examples: [{ isolation: "shared", call_timeout_ms: 30000 }] },
  "mcpServers.*.gateway.isolation": { examples: ["shared"] },
  "mcpServers.*.gateway.idle_timeout_s": { examples: [60] },
  "mcpServers.*.gateway.connect_timeout_ms": { examples: [60000] },
  "mcpServers.*.gateway.call_timeout_ms": { examples: [120000] },
  "mcpServers.*.gateway.max_call_ms": { examples: [3600000] },
  "mcpServers.*.gateway.max_concurrency": { examples: [4] },
  "mcpServers.*.gateway.max_result_tokens": { examples: [10_000] },
  "mcpServers.*.gateway.forward": { examples: [["elicitation", "roots", "sampling"]] },
  "mcpServers.*.gateway.protocol": { examples: ["legacy"] },
  "mcpServers.*.gateway.inherit_env": { examples: [["AWS_PROFILE", "AWS_REGION"]] },
  "mcpServers.*.gateway.inherit_env[]": VARIABLE_NAME,
  "mcpServers.*.gateway.direct": { examples: [["search", "get_*"]] },
  "mcpServers.*.gateway.direct_start": { examples: [false] },
  "mcpServers.*.gateway.sandbox": { examples: ["bwrap"] },
  "mcpServers.*.gateway.sandbox_network": { examples: [true] },
  "mcpServers.*.gateway.oauth": {
    examples: [{ client_id: "my-gateway", scopes: ["read"] }],
    if: { required: ["grant"], properties: { grant: { const: "client_credentials" } } },
    then: { required: ["client_id", "client_secret"] },
  },
  "mcpServers.*.gateway.oauth.client_id": { examples: ["my-gateway"] },
  "mcpServers.*.gateway.oauth.client_secret": { examples: ["${CLIENT_SECRET}"] },
  "mcpServers.*.gateway.oauth.issuer": { examples: ["https://login.example.com"] },
  "mcpServers.*.gateway.oauth.scopes": { examples: [["read", "write"]] },
  "mcpServers.*.gateway.oauth.redirect_port": { examples: [8765] },
  "mcpServers.*.gateway.oauth.grant": { examples: ["client_credentials"] },
};

const HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const DATE = "\\d{4}-\\d\\d-\\d\\d";
const TIME = "T\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?(Z|[+-]\\d\\d:\\d\\d)";

const grants = (
  path: string,
  { all, ...members }: Readonly<
    Record<"all" | "servers" | "tools" | "resources" | "prompts", unknown>
  >,
): Details => ({
  [path]: { examples: [all] },
  ...Object.fromEntries(
    Object.entries(members).map(([key, example]) => [`${path}.${key}`, { examples: [example] }]),
  ),
});

const NO_EMPTY_LIST = { minItems: 1 };

const conditions = (path: string): Details => {
  const test = `${path}.when.*`;
  return {
    [`${path}.tool`]: { examples: ["write_file", "*"] },
    [`${path}.when`]: { examples: [{ path: { within: "/srv/notes" } }], minProperties: 1 },
    [test]: { minProperties: 1 },
    [`${test}.equals`]: { examples: ["main", 5, null] },
    [`${test}.one_of`]: { examples: [["main", "next"]], ...NO_EMPTY_LIST },
    [`${test}.like`]: { examples: ["feature/*", ["*.md", "*.txt"]], ...NO_EMPTY_LIST },
    [`${test}.ilike`]: { examples: ["select *"], ...NO_EMPTY_LIST },
    [`${test}.within`]: { examples: ["/srv/notes", "C:\\notes"], ...NO_EMPTY_LIST },
    [`${test}.host`]: { examples: ["*.example.com"], ...NO_EMPTY_LIST },
    [`${test}.min`]: { examples: [1] },
    [`${test}.max`]: { examples: [100] },
    [`${test}.max_length`]: { examples: [1000] },
    [`${test}.exists`]: { examples: [false] },
    [`${path}.hint`]: { examples: ["read_only"] },
  };
};

/** Additions to the schema of the rules file. */
export const RULES_DETAILS: Details = {
  "": { title: "Rules of Agent MCP Gateway", ...WHOLE },
  "$schema": { examples: ["./rules.schema.json"] },
  "agents": { examples: [{ researcher: { allow: { servers: ["docs"] } } }] },
  "agents.*": {
    examples: [{ allow: { servers: ["postgres"], tools: { postgres: ["query", "list_*"] } } }],
  },
  ...grants("agents.*.allow", {
    all: { servers: ["postgres"], tools: { postgres: ["query", "list_*"] } },
    servers: ["postgres", "docs-*"],
    tools: { postgres: ["query", "list_*"] },
    resources: { docs: ["docs://manual/*"] },
    prompts: { docs: ["summarize"] },
  }),
  ...grants("agents.*.deny", {
    all: { tools: { "*": ["delete_*"] } },
    servers: ["billing"],
    tools: { "*": ["delete_*", { tool: "*", hint: "destructive" }] },
    resources: { files: ["file:///srv/private/*"] },
    prompts: { "*": ["admin_*"] },
  }),
  ...conditions("agents.*.allow.tools.*[]"),
  ...conditions("agents.*.deny.tools.*[]"),
  "agents.*.ask": { examples: [{ tools: { files: ["write_file"] } }] },
  "agents.*.ask.tools": {
    examples: [{ files: ["write_file"], "*": [{ tool: "*", hint: "destructive" }] }],
  },
  ...conditions("agents.*.ask.tools.*[]"),
  "agents.*.token_sha256": { examples: [[{ sha256: HASH, expires: "2027-01-31" }]] },
  "agents.*.token_sha256[]": { pattern: "^[0-9a-fA-F]{64}$" },
  "agents.*.token_sha256[].sha256": { examples: [HASH], pattern: "^[0-9a-fA-F]{64}$" },
  "agents.*.token_sha256[].expires": {
    examples: ["2027-01-31", "2027-01-31T12:00:00Z"],
    pattern: `^${DATE}(${TIME})?$`,
    $comment: "The gateway also checks that there is such a day and time.",
  },
  "agents.*.limits": { examples: [{ per_minute: 60, concurrent: 4 }] },
  "agents.*.limits.per_minute": { examples: [60] },
  "agents.*.limits.concurrent": { examples: [4] },
  "agents.*.limits.max_result_tokens": { examples: [5000] },
  "agents.*.mode": { examples: ["shadow"] },
  "agents.*.status": { examples: [true] },
  "defaults": { examples: [{ deny_on_missing_agent: true, deny_overrides: false }] },
  "defaults.deny_on_missing_agent": { examples: [false] },
  "defaults.deny_overrides": { examples: [true] },
  "defaults.mode": { examples: ["shadow"] },
  "defaults.limits": { examples: [{ per_minute: 600 }] },
  "defaults.limits.per_minute": { examples: [600] },
  "defaults.limits.concurrent": { examples: [16] },
  "defaults.limits.max_result_tokens": { examples: [10_000] },
  "defaults.approval": { examples: [{ expires_s: 600, wait_s: 30 }] },
  "defaults.approval.expires_s": { examples: [3600] },
  "defaults.approval.wait_s": { examples: [0, 60] },
  "auth": {
    examples: [{
      jwt: { issuer: "https://id.example.com", audience: "gateway", agent_claim: "agent" },
    }],
  },
  "auth.jwt": {
    examples: [{ issuer: "https://id.example.com", audience: "gateway", agent_claim: "agent" }],
  },
  "auth.jwt.issuer": { examples: ["https://id.example.com"], minLength: 1 },
  "auth.jwt.audience": { examples: ["gateway"], minLength: 1 },
  "auth.jwt.jwks_url": {
    examples: ["https://id.example.com/.well-known/jwks.json"],
    pattern: "^[\\u0000-\\u0020]*[Hh][Tt][Tt][Pp][Ss]?:",
    $comment: "The gateway also checks the host: http is for this machine only.",
  },
  "auth.jwt.agent_claim": { examples: ["agent"], minLength: 1 },
};

/** Additions to the schema of the file of cases. */
export const CASES_DETAILS: Details = {
  "": { title: "Tests of the rules of Agent MCP Gateway", ...WHOLE },
  "$schema": { examples: ["./tests.schema.json"] },
  "cases": {
    examples: [[{ agent: "researcher", server: "postgres", tool: "drop_table", expect: "deny" }]],
    ...NO_EMPTY_LIST,
  },
  "cases[]": {
    oneOf: [
      { required: ["tool"] },
      { required: ["resource"], not: { required: ["args"] } },
      { required: ["prompt"], not: { required: ["args"] } },
    ],
  },
  "cases[].agent": { examples: ["researcher"] },
  "cases[].server": { examples: ["postgres"] },
  "cases[].tool": { examples: ["query"] },
  "cases[].resource": { examples: ["file:///srv/notes/todo.md"] },
  "cases[].prompt": { examples: ["summarize"] },
  "cases[].args": { examples: [{ path: "/srv/notes/todo.md" }] },
  "cases[].expect": { examples: ["allow"] },
  "cases[].rule": { examples: ["agents.researcher.allow.tools.postgres[0]"] },
};
