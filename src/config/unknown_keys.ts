import schema from "../../config/servers.schema.json" with { type: "json" };
import type { ConfigProblem } from "../errors.ts";
import type { Document } from "./document.ts";
import { entriesOf, isObject, type JsonObject, type JsonValue, objectAt } from "./json_value.ts";
import { findDisablingKey, findKeyAlias } from "./other_clients.ts";
import { didYouMean } from "../similar_names.ts";

const { properties } = schema.properties.mcpServers.additionalProperties;
const ENTRY_KEYS = Object.keys(properties);
const GATEWAY_KEYS = Object.keys(properties.gateway.properties);

/**
 * Keys of other clients that the gateway does not support, with advice on what to write instead.
 */
const ADVICE_BY_KEY = new Map<string, Advice>(Object.entries({
  ...createAdvice(["envFile", "env_file"], () => {
    return 'the gateway does not read env files: write the variables under "env", as values or ${NAME}';
  }),
  headersHelper: () =>
    'the gateway does not run a program to get headers: write the headers under "headers"',
  bearer_token_env_var: () => {
    return 'write "headers": {"Authorization": "Bearer ${NAME}"}, where NAME is that variable';
  },
  ...createAdvice(["disabledTools", "disabled_tools", "excludeTools"], (value: JsonValue) => {
    return isEmpty(value) ? undefined : "the rules say which tools an agent may use: write " +
      '"deny": {"tools": {SERVER: [TOOL]}} there';
  }),
  ...createAdvice(["enabledTools", "enabled_tools", "includeTools"], (value: JsonValue) => {
    return isEmpty(value) ? undefined : "the rules say which tools an agent may use: write " +
      '"allow": {"tools": {SERVER: [TOOL]}} there';
  }),
}));

type Advice = (value: JsonValue) => string | undefined;

function createAdvice(keys: readonly string[], advice: Advice): Record<string, Advice> {
  return Object.fromEntries(keys.map((key) => [key, advice]));
}

function isEmpty(value: JsonValue): boolean {
  return !Array.isArray(value) || value.length === 0;
}

/**
 * Warns of mistyped keys in a server's entry, and of other clients' keys that change the meaning of
 * the entry. There is no warning for other unknown keys, because they may belong to another client.
 */
export function warnUnknownKeys(document: Document): ConfigProblem[] {
  return entriesOf(objectAt(document.value, "mcpServers")).flatMap(([name, entry]) => {
    if (!isObject(entry)) return [];
    return entriesOf(entry).flatMap(([key, member]) => {
      const message = ENTRY_KEYS.includes(key) ? undefined : describeUnknownKey(key, member, entry);
      if (message === undefined) return [];
      return [document.createProblem(["mcpServers", name, key], message, "key")];
    });
  });
}

function describeUnknownKey(key: string, value: JsonValue, entry: JsonObject): string | undefined {
  if (GATEWAY_KEYS.includes(key)) return 'ignored here: it belongs under "gateway"';
  if (key === findDisablingKey(entry)) {
    return `"${key}": false disables this server: write "disabled": true instead to keep it ` +
      "disabled, or remove the key to enable it";
  }
  const advice = ADVICE_BY_KEY.get(key)?.(value);
  if (advice !== undefined) return `ignored: ${advice}`;
  const alias = findKeyAlias(key);
  if (alias === undefined) {
    const hint = didYouMean(key, ENTRY_KEYS).replace(/^; /, "ignored; ");
    return hint === "" ? undefined : hint;
  }
  const isServer = entry["command"] !== undefined || entry["url"] !== undefined;
  const isConnectionKey = ["command", "url"].includes(alias.gatewayKey);
  // Without `command` and `url`, `checkEntries` reports the same as an error.
  if (isConnectionKey) {
    return isServer ? "ignored: the server already has `command` or `url`" : undefined;
  }
  return entry[alias.gatewayKey] === undefined
    ? `ignored; ${alias.message}`
    : `ignored: "${alias.gatewayKey}" is already there`;
}
