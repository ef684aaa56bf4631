import { checkText } from "../../config/editing/mod.ts";
import { formatProblem } from "../../errors.ts";
import { gatewayEntry } from "./client_entry.ts";
import { type ClientEdit, loadEditor } from "./client_text.ts";
import type { Json, JsonRecord } from "./import_entry.ts";
import { type GatewayFiles, rulesText, serversText } from "./gateway_files.ts";
import { agentFor, type ClientPlan, type Plan } from "./plan.ts";
import type { Change } from "./write_files.ts";

/** Options of `planChanges`. */
export interface ChangeOptions {
  readonly files: GatewayFiles;
  /** The command that starts the program, with its arguments. */
  readonly launchCommand: readonly [string, ...string[]];
  /** Whether the clients' entries share one gateway. */
  readonly isShared: boolean;
  /** Addresses of the two files' JSON Schemas; `undefined` if there are none. */
  readonly schemas: { readonly [K in keyof GatewayFiles]: string | undefined };
  /** Whether the servers file may contain comments, which some other programs cannot read. */
  readonly allowsComments: boolean;
}

/** Returns the file changes that a plan needs, those of the gateway's own files first. */
export async function planChanges(plan: Plan, options: ChangeOptions): Promise<Change[]> {
  const { files, schemas, allowsComments } = options;
  const deniedTools = new Map(
    plan.servers.map(({ name, server }) => [name, server.deniedTools] as const)
      .filter(([, tools]) => tools.length > 0),
  );
  const changeGatewayFile = (
    kind: keyof GatewayFiles,
    mode: number,
    edit: Change["edit"],
  ): Change => ({
    path: files[kind],
    mode,
    edit(before) {
      const text = edit(before);
      // A file that the gateway would refuse is never written.
      const problems = checkText(kind, { file: files[kind], text });
      if (problems.length === 0) return text;
      throw new Error(`The new file has errors:\n${problems.map(formatProblem).join("\n")}`);
    },
  });
  return [
    changeGatewayFile("servers", 0o600, (before) => {
      return serversText(before, plan.servers, { schema: schemas.servers, allowsComments });
    }),
    changeGatewayFile("rules", 0o644, (before) => {
      return rulesText(plan.agents, { before, schema: schemas.rules, deniedTools });
    }),
    ...await Promise.all(plan.clients.map((client) => planClientChange(client, plan, options))),
  ];
}

async function planClientChange(
  client: ClientPlan,
  plan: Plan,
  options: ChangeOptions,
): Promise<Change> {
  const { path, serversPath = ["mcpServers"], entryName, language } = client.file;
  const values: ClientEdit[] = [
    { at: [...serversPath, entryName], value: createClientEntry(client, plan, options) },
  ];
  if (client.removesServers) {
    const sources = plan.servers.flatMap((server) => server.sources)
      .filter((source) => source.file.path === path);
    values.push(...sources.map(({ at }) => ({ at, value: undefined })));
  }
  const editText = await loadEditor(language);
  const edit = (text = ""): string => {
    try {
      return editText(text, values);
    } catch (cause) {
      throw new Error(`${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  };
  return { path, mode: 0o600, values, edit };
}

/** Returns the gateway's entry for a client. It keeps the variables of an existing entry. */
function createClientEntry(
  { file, isDirect = false }: ClientPlan,
  plan: Plan,
  options: ChangeOptions,
): JsonRecord {
  const env: Record<string, Json> = { ...file.entryEnv };
  for (const source of plan.servers.flatMap(({ sources }) => sources)) {
    if (source.file.path !== file.path) continue;
    // The client still asks for its inputs, and passes them to the gateway.
    for (const [variable, id] of source.inputs) env[variable] = `\${input:${id}}`;
  }
  const agent = agentFor(plan, file.client);
  return gatewayEntry(file.client, { ...options, agent, isDirect, env });
}
