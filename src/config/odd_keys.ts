import schema from "../../config/servers.schema.json" with { type: "json" };
import type { ConfigProblem } from "../errors.ts";
import type { Document } from "./document.ts";
import { entriesOf, isObject } from "./json_value.ts";
import { suggest } from "./suggest.ts";

const { properties } = schema.properties.mcpServers.additionalProperties;
const entryKeys = Object.keys(properties);
const gatewayKeys = Object.keys(properties.gateway.properties);

/**
 * Warns of keys of a server's entry that look like slips. Others are ignored in silence, because
 * they may be another client's.
 */
export function warnOddKeys(document: Document): ConfigProblem[] {
  const { value } = document;
  const servers = isObject(value) ? value["mcpServers"] : undefined;
  return entriesOf(isObject(servers) ? servers : {}).flatMap(([name, entry]) => {
    return entriesOf(isObject(entry) ? entry : {}).flatMap(([key]) => {
      if (entryKeys.includes(key)) return [];
      const message = gatewayKeys.includes(key)
        ? 'ignored here: it belongs under "gateway"'
        : suggest(key, entryKeys).replace(/^; /, "ignored; ");
      if (message === "") return [];
      return [document.problem(["mcpServers", name, key], message, "key")];
    });
  });
}
