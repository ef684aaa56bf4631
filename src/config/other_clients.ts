import type { ConfigProblem } from "../errors.ts";
import type { Document } from "./document.ts";
import { entriesOf, isObject, type JsonObject } from "./json_value.ts";
import { didYouMean } from "../similar_names.ts";

/** The names of `mcpServers` in other clients' files, each with the client. */
const SERVERS_KEYS = new Map([
  ["servers", "MCP clients such as VS Code say"],
  ["context_servers", "Zed says"],
  ["mcp", "opencode says"],
  ["amp.mcpServers", "Amp says"],
  ["mcp_servers", "Codex says"],
]);

/** Keys of an entry in other clients' files that mean the same as a key of ours. */
const RENAMED = new Map(Object.entries({
  httpUrl: { ours: "url", who: "Gemini CLI says" },
  serverUrl: { ours: "url", who: "Windsurf says" },
  uri: { ours: "url", who: "Goose says" },
  ...sameAs("url", "baseUrl", "base_url", "server_url", "endpoint", "address"),
  cmd: { ours: "command", who: "Goose says" },
  ...sameAs("args", "arguments"),
  environment: { ours: "env", who: "opencode says" },
  envs: { ours: "env", who: "Goose says" },
  ...sameAs("env", "envVars", "env_vars", "environmentVariables"),
  http_headers: { ours: "headers", who: "Codex says" },
  ...sameAs("headers", "httpHeaders"),
  ...sameAs("cwd", "workingDirectory", "working_directory", "workdir"),
}));

interface Renamed {
  /** The gateway's key. */
  readonly ours: string;
  /** The client that uses the other key, with its verb: `Zed says`. */
  readonly who: string;
}

function sameAs(ours: string, ...keys: string[]): Record<string, Renamed> {
  return Object.fromEntries(keys.map((key) => [key, { ours, who: "some MCP clients say" }]));
}

/** The keys under which other clients keep their servers. */
export const OTHER_SERVERS_KEYS: readonly string[] = [...SERVERS_KEYS.keys()];

/** Other clients' names of one of our keys of an entry. */
export function otherNames(ours: string): string[] {
  return [...RENAMED].flatMap(([key, renamed]) => renamed.ours === ours ? [key] : []);
}

/** Finds the gateway's name for a key of another client's entry; undefined for other keys. */
export function findRenamed(key: string): (Renamed & { readonly message: string }) | undefined {
  const renamed = RENAMED.get(key);
  if (renamed === undefined) return undefined;
  const { ours, who } = renamed;
  return { ...renamed, message: `${who} "${key}" here: rename it to "${ours}"` };
}

/** Keys that disable a server in other clients' files, if `false`. */
export const SWITCHES: readonly string[] = ["enabled", "active", "isActive"];

/**
 * Finds the key that disables a server: our `disabled`, or another client's word for it. A disabled
 * server must stay disabled when its entry is copied from another client.
 */
export function findDisablingKey(entry: { readonly [key: string]: unknown }): string | undefined {
  if (entry["disabled"] === true) return "disabled";
  return SWITCHES.find((key) => entry[key] === false);
}

/** Detects a rules file given as the servers file, or the other way round. */
export function findSwappedFile(
  kind: "servers" | "rules",
  document: Document,
): ConfigProblem | undefined {
  const { value } = document;
  const [ours, others] = kind === "servers" ? ["mcpServers", "agents"] : ["agents", "mcpServers"];
  if (!isObject(value) || value[ours] !== undefined || !isObject(value[others])) return undefined;
  const found = kind === "servers" ? "rules" : "servers";
  const message =
    `this file contains ${found}, but the ${kind} file was expected: name the servers ` +
    "file with --mcp-config (GATEWAY_MCP_CONFIG) and the rules file with --rules (GATEWAY_RULES)";
  return document.problem([others], message, "key");
}

/**
 * Detects a file in another format than that of a servers file, such as another client's.
 *
 * @returns One problem; undefined if `mcpServers` is there, or the format is unknown.
 */
export function findForeignFormat(document: Document): ConfigProblem | undefined {
  const { value } = document;
  if (!isObject(value) || value["mcpServers"] !== undefined) return undefined;
  const { mcp } = value;
  if (isObject(mcp) && isObject(mcp["servers"])) {
    const message =
      'some MCP clients keep servers here: move them to "mcpServers" at the top level of ' +
      "the file";
    return document.problem(["mcp", "servers"], message, "key");
  }
  for (const [key, member] of entriesOf(value)) {
    const who = SERVERS_KEYS.get(key);
    if (who !== undefined && isObject(member)) {
      return document.problem([key], `${who} "${key}" here: rename it to "mcpServers"`, "key");
    }
    if (!isObject(member) || didYouMean(key, ["mcpServers"]) === "") continue;
    const message = key.toLowerCase() === "mcpservers"
      ? 'keys are case-sensitive: rename this to "mcpServers"'
      : 'unknown key: rename it to "mcpServers"';
    return document.problem([key], message, "key");
  }
  const server = entriesOf(value).find(([, member]) => isObject(member) && isEntry(member));
  if (server === undefined) return undefined;
  const [name] = server;
  const message = "a server is at the top level of the file: put all servers into " +
    `{"mcpServers": {${JSON.stringify(name)}: …}}`;
  return document.problem([name], message, "key");
}

function isEntry(member: JsonObject): boolean {
  return Object.keys(member).some((key) => {
    return ["command", "url"].includes(RENAMED.get(key)?.ours ?? key);
  });
}
