import type { ConfigProblem } from "../errors.ts";
import type { Document } from "./document.ts";
import { entriesOf, isObject, type JsonObject } from "./json_value.ts";
import { didYouMean } from "../similar_names.ts";

/** The keys that other clients use for `mcpServers`, each with the beginning of a message. */
const CLIENTS_BY_SERVERS_KEY = new Map([
  ["servers", "MCP clients such as VS Code say"],
  ["context_servers", "Zed says"],
  ["mcp", "opencode says"],
  ["amp.mcpServers", "Amp says"],
  ["mcp_servers", "Codex says"],
]);

/** Keys of an entry in other clients' files that mean the same as a key of the gateway. */
const KEY_ALIASES = new Map(Object.entries({
  httpUrl: { gatewayKey: "url", clientPhrase: "Gemini CLI says" },
  serverUrl: { gatewayKey: "url", clientPhrase: "Windsurf says" },
  uri: { gatewayKey: "url", clientPhrase: "Goose says" },
  ...createAliases("url", "baseUrl", "base_url", "server_url", "endpoint", "address"),
  cmd: { gatewayKey: "command", clientPhrase: "Goose says" },
  ...createAliases("args", "arguments"),
  environment: { gatewayKey: "env", clientPhrase: "opencode says" },
  envs: { gatewayKey: "env", clientPhrase: "Goose says" },
  ...createAliases("env", "envVars", "env_vars", "environmentVariables"),
  http_headers: { gatewayKey: "headers", clientPhrase: "Codex says" },
  ...createAliases("headers", "httpHeaders"),
  ...createAliases("cwd", "workingDirectory", "working_directory", "workdir"),
}));

interface KeyAlias {
  /** The gateway's key. */
  readonly gatewayKey: string;
  /** The client that uses the alias, as the beginning of a message: `Zed says`. */
  readonly clientPhrase: string;
}

function createAliases(gatewayKey: string, ...keys: string[]): Record<string, KeyAlias> {
  return Object.fromEntries(
    keys.map((key) => [key, { gatewayKey, clientPhrase: "some MCP clients say" }]),
  );
}

/** The keys under which other clients keep their servers. */
export const OTHER_SERVERS_KEYS: readonly string[] = [...CLIENTS_BY_SERVERS_KEY.keys()];

/** Lists the keys that other clients use for a key of an entry. */
export function listKeyAliases(gatewayKey: string): string[] {
  return [...KEY_ALIASES].flatMap(([key, alias]) => alias.gatewayKey === gatewayKey ? [key] : []);
}

/** Finds the gateway's key that another client's key means, with a message; undefined for other keys. */
export function findKeyAlias(key: string): (KeyAlias & { readonly message: string }) | undefined {
  const alias = KEY_ALIASES.get(key);
  if (alias === undefined) return undefined;
  const { gatewayKey, clientPhrase } = alias;
  const message = `${clientPhrase} "${key}" here: rename it to "${gatewayKey}"`;
  return { ...alias, message };
}

/** Keys that disable a server in other clients' files if their value is `false`. */
export const ENABLING_KEYS: readonly string[] = ["enabled", "active", "isActive"];

/**
 * Finds the key that disables a server: `disabled`, or a key with which another client disables it.
 * A disabled server must stay disabled when its entry is copied from another client.
 */
export function findDisablingKey(entry: { readonly [key: string]: unknown }): string | undefined {
  if (entry["disabled"] === true) return "disabled";
  return ENABLING_KEYS.find((key) => entry[key] === false);
}

/** Detects a rules file given as the servers file, or the other way round. */
export function findSwappedFile(
  kind: "servers" | "rules",
  document: Document,
): ConfigProblem | undefined {
  const { value } = document;
  const [expectedKey, otherKey] = kind === "servers"
    ? ["mcpServers", "agents"]
    : ["agents", "mcpServers"];
  if (!isObject(value) || value[expectedKey] !== undefined || !isObject(value[otherKey])) {
    return undefined;
  }
  const foundKind = kind === "servers" ? "rules" : "servers";
  const message =
    `this file contains ${foundKind}, but the ${kind} file was expected: name the servers ` +
    "file with --mcp-config (GATEWAY_MCP_CONFIG) and the rules file with --rules (GATEWAY_RULES)";
  return document.createProblem([otherKey], message, "key");
}

/**
 * Detects a file that does not have the format of a servers file, such as another client's.
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
    return document.createProblem(["mcp", "servers"], message, "key");
  }
  for (const [key, member] of entriesOf(value)) {
    const clientPhrase = CLIENTS_BY_SERVERS_KEY.get(key);
    if (clientPhrase !== undefined && isObject(member)) {
      return document.createProblem(
        [key],
        `${clientPhrase} "${key}" here: rename it to "mcpServers"`,
        "key",
      );
    }
    if (!isObject(member) || didYouMean(key, ["mcpServers"]) === "") continue;
    const message = key.toLowerCase() === "mcpservers"
      ? 'keys are case-sensitive: rename this to "mcpServers"'
      : 'unknown key: rename it to "mcpServers"';
    return document.createProblem([key], message, "key");
  }
  const server = entriesOf(value).find(([, member]) => isObject(member) && isServerEntry(member));
  if (server === undefined) return undefined;
  const [name] = server;
  const message = "a server is at the top level of the file: put all servers into " +
    `{"mcpServers": {${JSON.stringify(name)}: …}}`;
  return document.createProblem([name], message, "key");
}

function isServerEntry(member: JsonObject): boolean {
  return Object.keys(member).some((key) => {
    return ["command", "url"].includes(KEY_ALIASES.get(key)?.gatewayKey ?? key);
  });
}
