import { checkText } from "../../config/editing/mod.ts";
import { formatProblem } from "../../errors.ts";
import { gatewayEntry } from "./client_entry.ts";
import { editJson } from "./edit_json.ts";
import type { Json, JsonRecord } from "./import_entry.ts";
import type { OwnFiles } from "./own_files.ts";
import { agentFor, type ClientPlan, type Plan } from "./plan.ts";
import { rulesText } from "./rules_text.ts";
import { serversText } from "./servers_text.ts";
import { loadTomlReader, setTomlTable } from "./toml_table.ts";
import type { Change } from "./write_files.ts";

/** Options of `planChanges`. */
export interface ChangeOptions {
  /** The gateway's own files. */
  readonly files: OwnFiles;
  /** The command that starts the program, with its arguments. */
  readonly words: readonly [string, ...string[]];
  /** Addresses of the JSON Schemas, where there are any. */
  readonly schemas: { readonly servers?: string; readonly rules?: string };
  /** Whether the servers file may hold comments: other programs may read it too. */
  readonly comments: boolean;
}

/** The files that a plan changes, the gateway's own first. */
export async function planChanges(plan: Plan, options: ChangeOptions): Promise<Change[]> {
  const { files, schemas, comments } = options;
  const servers = schemas.servers === undefined ? {} : { schema: schemas.servers };
  const rules = schemas.rules === undefined ? {} : { schema: schemas.rules };
  const off = new Map(plan.servers.map(({ name, server }) => [name, server.deniedTools]));
  return [
    {
      path: files.servers,
      mode: 0o600,
      edit: (text) =>
        checked(
          "servers",
          files.servers,
          serversText(text, plan.servers, { ...servers, comments }),
        ),
    },
    {
      path: files.rules,
      mode: 0o644,
      edit: (text) =>
        checked("rules", files.rules, rulesText(plan.agents, { ...rules, before: text, off })),
    },
    ...await Promise.all(plan.clients.map((client) => clientChange(client, plan, options))),
  ];
}

/** A file that the gateway would refuse is never written. */
function checked(kind: "servers" | "rules", path: string, text: string): string {
  const problems = checkText(kind, { file: path, text });
  if (problems.length === 0) return text;
  throw new Error(`This would be no good file:\n${problems.map(formatProblem).join("\n")}`);
}

async function clientChange(
  client: ClientPlan,
  plan: Plan,
  options: ChangeOptions,
): Promise<Change> {
  const { file, takeOut } = client;
  const { path, list = ["mcpServers"], entryName, language } = file;
  const at = [...list, entryName];
  const entry = clientEntry(client, plan, options);
  if (language === "toml") {
    const read = await loadTomlReader();
    const table = { path: at.map(String), value: entry, read };
    const edit = (text: string | undefined) => {
      try {
        return setTomlTable(text ?? "", table);
      } catch (cause) {
        throw new Error(`${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
      }
    };
    return { path, mode: 0o600, values: [{ at, value: entry }], edit };
  }
  const values: { at: (string | number)[]; value: Json | undefined }[] = [{ at, value: entry }];
  if (takeOut) {
    const places = plan.servers.flatMap((server) => server.places)
      .filter((place) => place.file.path === path);
    values.push(...places.map(({ at }) => ({ at: [...at], value: undefined })));
  }
  return { path, mode: 0o600, values, edit: (text) => editJson(text ?? "", values) };
}

/** The gateway's entry for a client; variables that it has there already stay. */
function clientEntry({ file }: ClientPlan, plan: Plan, options: ChangeOptions): JsonRecord {
  const env: Record<string, Json> = { ...file.entryEnv };
  for (const { places } of plan.servers) {
    for (const place of places.filter((one) => one.file.path === file.path)) {
      // The client goes on asking for its inputs, now on behalf of the gateway.
      for (const [variable, id] of place.inputs) env[variable] = `\${input:${id}}`;
    }
  }
  return gatewayEntry(file.client, { ...options, agent: agentFor(plan, file.client), env });
}
