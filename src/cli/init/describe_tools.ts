import { escapeControls, startOfText } from "../../text.ts";
import { pluralize } from "../terminal.ts";
import type { InspectedServer, InspectedServers, InspectedTool } from "./inspect_servers.ts";
import { allowedTools, hasToolHints } from "./plan.ts";

/** Maximum number of names in a list of tools; a server may have thousands. */
const MAX_NAMES = 20;

/** Maximum length of a name in a list, in UTF-16 code units. */
const MAX_NAME_LENGTH = 64;

/** Describes the servers that were started: their tools, and what these do according to the servers. */
export function describeInspectedServers(inspectedServers: InspectedServers): string {
  return [...inspectedServers].flatMap(([name, server]) => describe(escapeControls(name), server))
    .join("\n");
}

function describe(name: string, server: InspectedServer): string[] {
  const { tools = [], failure } = server;
  if (failure !== undefined) return [`✗ ${name}: failed: ${failure}`];
  const readOnlyNames = new Set(allowedTools(tools, "read"));
  const otherTools = tools.filter((tool) => !readOnlyNames.has(tool.name));
  const remark = hasToolHints(server) ? "" : " (it does not say what they do)";
  return [
    `✓ ${name}: ${pluralize(tools.length, "tool")}${remark}`,
    ...listNames("only read", tools.filter((tool) => readOnlyNames.has(tool.name))),
    ...listNames("may change things", otherTools),
  ];
}

function listNames(behavior: string, tools: readonly InspectedTool[]): string[] {
  if (tools.length === 0) return [];
  const names = tools.slice(0, MAX_NAMES)
    .map(({ name }) => escapeControls(startOfText(name, MAX_NAME_LENGTH)));
  const more = tools.length > names.length ? ` and ${tools.length - names.length} more` : "";
  return [`  ${tools.length} ${behavior}: ${names.join(", ")}${more}`];
}
