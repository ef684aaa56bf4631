import { editJson } from "./edit_json.ts";
import type { PlannedServer } from "./plan.ts";

/** How the file is written. */
export interface TextOptions {
  /** Address of the file's JSON Schema. */
  readonly schema?: string;
  /** Whether the text may hold comments; default true. */
  readonly comments?: boolean;
}

const HEAD =
  `// The servers behind the gateway, in the format that MCP clients share. Comments and trailing
// commas are welcome here, and a change takes effect immediately, without a restart.
// - Agents choose servers by "description": one sentence each that says what the server is good for.
// - \${NAME} is taken from the environment: "env": { "API_TOKEN": "\${API_TOKEN}" } keeps a secret out
//   of this file. The program that starts the gateway must have the variable.
// - A server that is new here is used by no agent before the rules file allows it.
`;

const EXAMPLE = `    // "memory": {
    //   "description": "Remember facts about people and projects",
    //   "command": "npx",
    //   "args": ["-y", "@modelcontextprotocol/server-memory"]
    // }
`;

/**
 * The text of the servers file.
 *
 * @param before What stands in it now; its own entries, comments and layout stay.
 * @param servers What is taken over.
 */
export function serversText(
  before: string | undefined,
  servers: readonly PlannedServer[],
  { schema, comments = true }: TextOptions = {},
): string {
  if (before !== undefined && before.trim() !== "") {
    const edits = servers.map(({ name, entry }) => ({ at: ["mcpServers", name], value: entry }));
    return editJson(before, edits);
  }
  const blocks = servers.map(({ name, entry, server: { file } }) => {
    const from = comments ? `    // From ${file.title}, ${file.shown}\n` : "";
    return `${from}    ${JSON.stringify(name)}: ${indented(entry, 4)}`;
  });
  const inside = blocks.length > 0 ? `${blocks.join(",\n")}\n` : comments ? EXAMPLE : "";
  const first = schema === undefined ? "" : `  "$schema": ${JSON.stringify(schema)},\n`;
  const list = inside === "" ? "{}" : `{\n${inside}  }`;
  return `${comments ? HEAD : ""}{\n${first}  "mcpServers": ${list}\n}\n`;
}

/** A value as JSON whose further lines are moved in. */
export function indented(value: unknown, columns: number): string {
  return JSON.stringify(value, null, 2).replaceAll("\n", `\n${" ".repeat(columns)}`);
}
