import { type Program, readGatewayRun, resolvePath } from "../../config/mod.ts";
import { type ClientEdit, type Language, loadEditor } from "./client_text.ts";
import type { ClientFile } from "./find_servers.ts";
import { isRecord, type JsonPath, type JsonRecord } from "./import_entry.ts";
import type { Change } from "./write_files.ts";

/** The name of the gateway's entry in a client. It is short, because clients prefix tool names with it. */
export const GATEWAY_NAME = "gateway";

/** The name of the entry if another server is called `gateway`; earlier versions always used it. */
export const FALLBACK_NAME = "agent-mcp-gateway";

/** A client's entry that starts the gateway. */
export interface ExistingEntry {
  /** The agent that the entry names. */
  readonly agent?: string;
  /** The gateway's arguments; absent if it runs in a container. */
  readonly args?: readonly string[];
  /** Whether the entry shares a gateway with other clients. */
  readonly isShared: boolean;
}

/** Recognizes an entry that starts the gateway; `undefined` for other entries. */
export function recognizeGateway(
  { command, args, cwd, env }: JsonRecord,
  context: { readonly name: string; readonly cwd: string; readonly program: Program },
): ExistingEntry | undefined {
  const words = typeof command === "string" ? [command] : [];
  words.push(...(Array.isArray(args) ? args.map(String) : []));
  const folder = resolvePath(context.cwd, typeof cwd === "string" ? cwd : ".");
  const run = readGatewayRun(words, { cwd: folder, program: context.program });
  if (run === undefined) return context.name === FALLBACK_NAME ? { isShared: false } : undefined;
  const flagIndex = run.args.findIndex((arg) => /^--agent(?:=|$)/.test(arg));
  const agent = run.args[flagIndex]?.split("=")[1] ?? run.args[flagIndex + 1];
  const variables = { ...isRecord(env) ? env : {}, ...run.variables };
  return {
    ...(flagIndex < 0 || agent === undefined ? {} : { agent }),
    ...(run.container === undefined && { args: run.args }),
    isShared: run.args.some((arg) => /^--shared(?:=|$)/.test(arg)) ||
      /^(?:1|true|yes)$/i.test(String(variables.GATEWAY_SHARED ?? "")),
  };
}

/** An entry that starts a gateway for its client alone. */
export interface UnsharedEntry {
  readonly name: string;
  /** Adds `--shared`; absent if a person has to, because the gateway's arguments are inside another command. */
  readonly edit?: ClientEdit;
}

/**
 * Describes an entry that starts a gateway for its client alone.
 *
 * @param options `readArgs` returns the gateway's arguments in a changed entry.
 */
export function describeUnsharedEntry(
  entry: JsonRecord,
  { at, language, readArgs }: {
    readonly at: JsonPath;
    readonly language: Language;
    readonly readArgs: (entry: JsonRecord) => readonly string[] | undefined;
  },
): UnsharedEntry {
  const name = String(at.at(-1));
  // opencode has the command and its arguments in one list.
  const key = Array.isArray(entry.command) ? "command" : "args";
  const words = entry[key] ?? [];
  const changedWords = [...(Array.isArray(words) ? words : []), "--shared"];
  const changedEntry = { ...entry, [key]: changedWords };
  if (!Array.isArray(words) || readArgs(changedEntry)?.at(-1) !== "--shared") return { name };
  // In TOML, only whole tables can be changed.
  const edit = language === "toml"
    ? { at, value: changedEntry }
    : { at: [...at, key], value: changedWords };
  return { name, edit };
}

/** Returns the change that adds `--shared` to the gateway's entries of a file, as far as that is possible. */
export async function planSharingChange(
  { path, language, unsharedEntries }: ClientFile,
): Promise<Change> {
  const editText = await loadEditor(language);
  const values = unsharedEntries.flatMap(({ edit }) => edit ?? []);
  const edit = (text = ""): string => {
    try {
      return editText(text, values);
    } catch {
      // The file stays as it is; the next steps name the entry.
      return text;
    }
  };
  return { path, mode: 0o600, values, edit };
}
