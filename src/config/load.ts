import { ConfigError, type ConfigProblem } from "../errors.ts";
import { buildRules } from "./build_rules.ts";
import { buildServer, type BuiltServer } from "./build_server.ts";
import type { Configuration } from "./configuration.ts";
import type { Document } from "./document.ts";
import { type Environment, homeFolder } from "./environment.ts";
import type { CheckedFile, FileChecks } from "./file_checks.ts";
import { folderOf } from "./file_path.ts";
import { entriesOf, isObject } from "./json_value.ts";
import type { FoundFile, FoundFiles } from "./locate.ts";
import { warnOddKeys } from "./odd_keys.ts";
import { findDisablingKey } from "./other_clients.ts";
import { fastChecks } from "./fast_checks.ts";
import { type Program, thisProgram } from "./program.ts";
import { readText } from "./read_text.ts";
import { isSelfReference } from "./self_reference.ts";
import type { ServersFile } from "./servers_schema.ts";
import { type KnownServers, warnRules, warnServerNames } from "./warn_rules.ts";

/** The surroundings in which the files are loaded. */
export interface LoadOptions {
  /** The environment variables that the files may refer to. */
  readonly env: Environment;
  /** The working folder, absolute; the value of `${workspaceFolder}`. */
  readonly cwd: string;
  /** Whether the platform is Windows; default: the platform this runs on. */
  readonly windows?: boolean;
  /** Identifies this gateway, to find servers that would start it again; default: this program. */
  readonly program?: Program;
}

/** The result of checking the two files. */
export interface Checked {
  /** The configuration; absent if there are errors. */
  readonly configuration?: Configuration;
  /** The errors, in the order of files and lines, the servers file first. */
  readonly errors: readonly ConfigProblem[];
  /** The warnings, in the same order. */
  readonly warnings: readonly ConfigProblem[];
}

/**
 * Reads both files into a configuration, at start and for every reload.
 *
 * @throws {ConfigError} Contains every error of both files.
 */
export async function loadConfiguration(
  files: FoundFiles,
  options: LoadOptions,
): Promise<Configuration> {
  const { configuration, errors } = await checkConfiguration(files, options);
  if (configuration === undefined) throw new ConfigError(errors);
  return configuration;
}

/** Reads and checks both files; returns their errors and warnings instead of throwing. */
export async function checkConfiguration(
  files: FoundFiles,
  options: LoadOptions,
): Promise<Checked> {
  const plain = check(files, options, fastChecks);
  if (plain.errors.length === 0 && plain.warnings.length === 0) return plain;
  // Only files with problems need zod, and the parser that knows positions, to explain them.
  const { diagnosticChecks } = await import("./diagnostic_checks.ts");
  return check(files, options, diagnosticChecks);
}

function check(
  files: FoundFiles,
  options: LoadOptions,
  { parse, checkServers, checkRules }: FileChecks,
): Checked {
  const { mcpConfig, rules: rulesFile } = files;
  const areBothMissing = mcpConfig.origin === "missing" && rulesFile.origin === "missing";
  const servers = readFile(mcpConfig, {
    names: "--mcp-config or GATEWAY_MCP_CONFIG",
    // The message about the rules file says what to do about both.
    missing: () => areBothMissing ? "not found" : notFound(mcpConfig, "it with --mcp-config"),
    parse,
    check: checkServers,
  });
  const rules = readFile(rulesFile, {
    names: "--rules or GATEWAY_RULES",
    missing: () => {
      const name = areBothMissing ? "them with --mcp-config and --rules" : "it with --rules";
      return notFound(rulesFile, name);
    },
    parse,
    check: checkRules,
  });
  const errors = [...sort(servers.problems), ...sort(rules.problems)];
  const built = servers.file === undefined ? [] : buildServers(servers.file, files, options);
  const warnings: ConfigProblem[] = [];
  const known = servers.document === undefined ? undefined : knownServers(servers.document, built);
  if (servers.document !== undefined && known !== undefined) {
    const { document } = servers;
    warnings.push(
      ...sort([
        ...warnServers(document, built),
        ...warnOddKeys(document),
        ...warnServerNames(document),
      ]),
    );
    if (rules.document !== undefined) {
      warnings.push(...sort(warnRules(rules.document, known)));
    }
  }
  if (servers.file === undefined || rules.file === undefined || errors.length > 0) {
    return { errors, warnings };
  }
  const configuration: Configuration = {
    servers: new Map(built.filter((one) => !one.isSelf).map(({ server }) => [server.name, server])),
    unavailableReasons: known?.left ?? new Map(),
    rules: buildRules(rules.file),
    warnings,
    files: { mcpConfig: files.mcpConfig.path, rules: files.rules.path },
  };
  return { configuration, errors, warnings };
}

function notFound({ looked }: FoundFile, name: string): string {
  const folders = looked.map((path) => folderOf(path)).join(", ");
  return `not found; run agent-mcp-gateway init, which writes both files, or name ${name}; ` +
    `looked in ${folders}`;
}

/** The part of a file that could be read. */
interface ReadFile<T> extends CheckedFile<T> {
  readonly document?: Document;
}

function readFile<T>(
  found: FoundFile,
  { names, missing, parse, check }: {
    readonly names: string;
    readonly missing: () => string;
    readonly parse: FileChecks["parse"];
    readonly check: (document: Document) => CheckedFile<T>;
  },
): ReadFile<T> {
  const whole = (message: string) => ({
    problems: [{ file: found.shown, line: 0, column: 0, path: "", message }],
  });
  if (found.origin === "missing") return whole(missing());
  const read = readText(found.path);
  if ("failure" in read) {
    return whole(found.origin === "given" ? `${read.failure} (named by ${names})` : read.failure);
  }
  const parsed = parse(found.shown, read.text);
  if (parsed.document === undefined) return parsed;
  const checked = check(parsed.document);
  return {
    ...checked,
    document: parsed.document,
    problems: [...parsed.problems, ...checked.problems],
  };
}

interface Built extends BuiltServer {
  readonly isSelf: boolean;
}

function buildServers(file: ServersFile, files: FoundFiles, options: LoadOptions): Built[] {
  const { env, cwd, windows = Deno.build.os === "windows", program = thisProgram() } = options;
  const variables = { env, cwd, home: homeFolder(env, { windows }) };
  const self = { env, cwd, windows, program, mcpConfig: files.mcpConfig.path };
  const enabled = entriesOf(file.mcpServers).filter(([, entry]) =>
    findDisablingKey(entry) === undefined
  );
  return enabled.map(([name, entry]) => {
    const built = buildServer([name, entry], variables);
    return { ...built, isSelf: isSelfReference(built.server, self) };
  });
}

function warnServers(document: Document, built: readonly Built[]): ConfigProblem[] {
  return built.flatMap(({ server: { name }, errors, warnings, isSelf }) => {
    if (isSelf) {
      const message = "skipped: it would start this gateway again with the same servers file";
      return [document.problem(["mcpServers", name], message, "key")];
    }
    return [
      ...errors.map(({ path, message }) =>
        document.problem(path, `server ${JSON.stringify(name)} is not available: ${message}`)
      ),
      ...warnings.map(({ path, message }) => document.problem(path, message)),
    ];
  });
}

/** Reads the raw value, so that the rules are also checked when the servers file has errors. */
function knownServers({ value }: Document, built: readonly Built[]): KnownServers {
  const names = new Set<string>();
  const left = new Map<string, string>();
  const servers = isObject(value) ? value["mcpServers"] : undefined;
  for (const [name, entry] of entriesOf(isObject(servers) ? servers : {})) {
    if (isObject(entry) && findDisablingKey(entry) !== undefined) {
      left.set(name, "it is disabled in the servers file");
    } else names.add(name);
  }
  for (const { server: { name }, isSelf } of built) {
    if (!isSelf) continue;
    names.delete(name);
    left.set(name, "it is this gateway itself");
  }
  return { names, left };
}

function sort(problems: readonly ConfigProblem[]): ConfigProblem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
}
