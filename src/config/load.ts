import { type ConfigProblem, problemWithoutPosition } from "../errors.ts";
import { buildRules } from "./build_rules.ts";
import { buildServer, type BuiltServer } from "./build_server.ts";
import type { Configuration } from "./configuration.ts";
import type { Document } from "./document.ts";
import { type Environment, getHomeFolder } from "./environment.ts";
import type { CheckedFile, FileChecks } from "./file_checks.ts";
import { folderOf } from "./file_path.ts";
import { entriesOf, isObject, objectAt } from "./json_value.ts";
import { type PinsResult, readPins } from "./lock_file.ts";
import { existsAsFile, type LocatedFile, type LocatedFiles } from "./locate.ts";
import { warnUnknownKeys } from "./unknown_keys.ts";
import { findDisablingKey } from "./other_clients.ts";
import { fastChecks } from "./fast_checks.ts";
import { type Program, thisProgram } from "./program.ts";
import { readText, type TextResult } from "./read_text.ts";
import { isSelfReference } from "./self_reference.ts";
import { type FileSettings, getSandboxFolder, listPrivatePaths } from "./sandbox_paths.ts";
import type { ServerConfig } from "./server.ts";
import type { ServersFile } from "./servers_schema.ts";
import { describeMistrust } from "./trust.ts";
import { OWN_SERVER } from "../own_server.ts";
import { type KnownServers, warnRules } from "./warn_rules.ts";
import { warnServerNames } from "./warn_server_names.ts";
import { warnWritable } from "./writable.ts";

/** The context in which the files are loaded. */
export interface LoadOptions {
  /** The environment variables that the files may refer to. */
  readonly env: Environment;
  /** The working folder, absolute; the value of `${workspaceFolder}`. */
  readonly cwd: string;
  /** Whether the platform is Windows; default: the platform of this process. */
  readonly windows?: boolean;
  /** The settings whose files no server in a sandbox may change; default: none. */
  readonly settings?: FileSettings;
  /** Identifies this gateway, to find servers that would start it again; default: this program. */
  readonly program?: Program;
  /**
   * The file with the hashes of trusted files. A file in the working folder whose hash is missing there is
   * an error. Absent if the files are trusted already, or if the caller only checks the files.
   */
  readonly trustFile?: string | undefined;
}

/** The result of checking the two files. */
export interface CheckResult {
  /** The configuration; absent if there are errors. */
  readonly configuration?: Configuration;
  /** The errors, in the order of files and lines, the servers file first. */
  readonly errors: readonly ConfigProblem[];
  /** The warnings, in the same order. */
  readonly warnings: readonly ConfigProblem[];
}

/** Reads and checks both files, at the start and for every reload. */
export async function checkConfiguration(
  files: LocatedFiles,
  options: LoadOptions,
): Promise<CheckResult> {
  const texts = { ...await readFiles(files, options), pins: await readPins(files.rules) };
  const fastResult = checkWith(fastChecks, { files, texts, options });
  if (fastResult.errors.length === 0 && fastResult.warnings.length === 0) return fastResult;
  // Only files with problems need zod and the parser that records positions, to create the
  // messages.
  const { diagnosticChecks } = await import("./diagnostic_checks.ts");
  return checkWith(diagnosticChecks, { files, texts, options });
}

/** The text of each file, or the reason that it is not used. */
type FileTexts = { readonly [K in keyof LocatedFiles]: TextResult };

/** All that is read from files. */
type Inputs = FileTexts & { readonly pins: PinsResult };

async function readFiles(files: LocatedFiles, { trustFile }: LoadOptions): Promise<FileTexts> {
  const { mcpConfig, rules } = files;
  const areBothMissing = mcpConfig.origin === "missing" && rules.origin === "missing";
  return {
    mcpConfig: await readFile(mcpConfig, {
      sources: "--mcp-config or GATEWAY_MCP_CONFIG",
      // The message about the rules file explains what to do about both files.
      missingMessage: () =>
        areBothMissing ? "not found" : createNotFoundMessage(mcpConfig, "it with --mcp-config"),
      trustFile,
    }),
    rules: await readFile(rules, {
      sources: "--rules or GATEWAY_RULES",
      missingMessage: () => {
        const flagHint = areBothMissing ? "them with --mcp-config and --rules" : "it with --rules";
        return createNotFoundMessage(rules, flagHint);
      },
      trustFile,
    }),
  };
}

async function readFile(
  { path, origin }: LocatedFile,
  { sources, missingMessage, trustFile }: {
    readonly sources: string;
    readonly missingMessage: () => string;
    readonly trustFile: string | undefined;
  },
): Promise<TextResult> {
  if (origin === "missing") return { failure: missingMessage() };
  const content = readText(path);
  if ("failure" in content) {
    return origin === "setting" ? { failure: `${content.failure} (named by ${sources})` } : content;
  }
  if (trustFile === undefined || origin !== "working-folder") return content;
  const failure = await describeMistrust(path, { text: content.text, trustFile });
  return failure === undefined ? content : { failure };
}

function checkWith(
  { parse, checkServers, checkRules }: FileChecks,
  { files, texts, options }: {
    readonly files: LocatedFiles;
    readonly texts: Inputs;
    readonly options: LoadOptions;
  },
): CheckResult {
  const servers = checkText(texts.mcpConfig, files.mcpConfig, { parse, check: checkServers });
  const rules = checkText(texts.rules, files.rules, { parse, check: checkRules });
  const loadedServers = servers.file === undefined
    ? []
    : buildServers(servers.file, files, options);
  const nameProblems = servers.document === undefined
    ? []
    : checkServerNames(servers.document, loadedServers);
  const errors = [
    ...sortByPosition([...servers.problems, ...nameProblems]),
    ...sortByPosition(rules.problems),
  ];
  const knownServers = servers.document === undefined
    ? undefined
    : listKnownServers(servers.document, loadedServers);
  const warnings = [
    ...[files.mcpConfig, files.rules].flatMap((file) => warnWritable(file)),
    ...servers.document === undefined ? [] : sortByPosition([
      ...warnServers(servers.document, loadedServers),
      ...warnUnknownKeys(servers.document),
      ...warnServerNames(servers.document),
    ]),
    ...rules.document === undefined || knownServers === undefined
      ? []
      : sortByPosition(warnRules(rules.document, knownServers)),
    ...texts.pins.problems,
  ];
  if (servers.file === undefined || rules.file === undefined || errors.length > 0) {
    return { errors, warnings };
  }
  const { servers: pins, unavailable } = texts.pins;
  const configuration: Configuration = {
    servers: new Map(
      loadedServers.flatMap(({ server, isSelfReference }) => {
        if (isSelfReference) return [];
        return [[
          server.name,
          unavailable === undefined ? server : makeUnavailable(server, unavailable),
        ]];
      }),
    ),
    unavailableReasons: knownServers?.unavailableReasons ?? new Map(),
    rules: buildRules(rules.file),
    pins,
    warnings,
    files: { mcpConfig: files.mcpConfig.path, rules: files.rules.path },
  };
  return { configuration, errors, warnings };
}

/** Makes a server unavailable, because nobody knows which of its tools were accepted. */
function makeUnavailable(server: ServerConfig, reason: string): ServerConfig {
  const { unavailable = reason, fingerprint } = server;
  return { ...server, unavailable, fingerprint: `${fingerprint} ${unavailable}` };
}

function createNotFoundMessage(
  { searchedPaths, ignoredPaths }: LocatedFile,
  flagHint: string,
): string {
  const folders = searchedPaths.map((path) => folderOf(path)).join(", ");
  const ignored = ignoredPaths.filter(existsAsFile)
    .map((path) => `; ${path} is not used, because the files of one folder belong together`);
  return `not found; run agent-mcp-gateway init, which writes both files, or name ${flagHint}; ` +
    `looked in ${folders}${ignored.join("")}`;
}

/** The result of checking the text of a file. */
interface FileResult<T> extends CheckedFile<T> {
  readonly document?: Document;
}

function checkText<T>(
  content: TextResult,
  { displayPath }: LocatedFile,
  { parse, check }: {
    readonly parse: FileChecks["parse"];
    readonly check: (document: Document) => CheckedFile<T>;
  },
): FileResult<T> {
  if ("failure" in content) {
    const { failure: message } = content;
    return { problems: [problemWithoutPosition(message, { file: displayPath })] };
  }
  const parseResult = parse(displayPath, content.text);
  if (parseResult.document === undefined) return parseResult;
  const checkResult = check(parseResult.document);
  return {
    ...checkResult,
    document: parseResult.document,
    problems: [...parseResult.problems, ...checkResult.problems],
  };
}

/** A server, and whether it is this gateway. */
interface LoadedServer extends BuiltServer {
  readonly isSelfReference: boolean;
}

function buildServers(
  file: ServersFile,
  files: LocatedFiles,
  options: LoadOptions,
): LoadedServer[] {
  const { env, cwd, windows = Deno.build.os === "windows", program = thisProgram() } = options;
  const selfReferenceOptions = { env, cwd, windows, program, mcpConfig: files.mcpConfig.path };
  const enabledEntries = entriesOf(file.mcpServers).filter(([, entry]) =>
    findDisablingKey(entry) === undefined
  );
  const privatePaths = enabledEntries.some(([, { gateway }]) => gateway.sandbox !== undefined)
    ? listPrivatePaths(files, { settings: options.settings, env, cwd, windows })
    : [];
  const variables = { env, cwd, home: getHomeFolder(env, { windows }), privatePaths };
  // The check of a sandbox needs the folders of all others, so the entries are built again when these are known.
  const firstBuilds = enabledEntries.map((entry) => buildServer(entry, variables));
  const sandboxFolders = firstBuilds.flatMap(({ server }) => getSandboxFolder(server, cwd) ?? []);
  const builtServers = sandboxFolders.length === 0
    ? firstBuilds
    : enabledEntries.map((entry) => buildServer(entry, { ...variables, sandboxFolders }));
  return builtServers.map((builtServer) => ({
    ...builtServer,
    isSelfReference: isSelfReference(builtServer.server, selfReferenceOptions),
  }));
}

/** Finds a server that has the name of the gateway's own. An entry that would start this gateway is skipped anyway. */
function checkServerNames(
  document: Document,
  loadedServers: readonly LoadedServer[],
): ConfigProblem[] {
  return loadedServers.flatMap(({ server: { name }, isSelfReference }) => {
    if (name !== OWN_SERVER || isSelfReference) return [];
    const message = "this is the name of the gateway's own server: give this server another one, " +
      `such as "my-${OWN_SERVER}", here and in the rules`;
    return [document.createProblem(["mcpServers", name], message, "key")];
  });
}

function warnServers(document: Document, loadedServers: readonly LoadedServer[]): ConfigProblem[] {
  return loadedServers.flatMap(({ server: { name }, errors, warnings, isSelfReference }) => {
    if (isSelfReference) {
      const message = "skipped: it would start this gateway again with the same servers file";
      return [document.createProblem(["mcpServers", name], message, "key")];
    }
    return [
      ...errors.map(({ path, message }) =>
        document.createProblem(path, `server ${JSON.stringify(name)} is not available: ${message}`)
      ),
      ...warnings.map(({ path, message }) => document.createProblem(path, message)),
    ];
  });
}

/**
 * Lists the names of the servers, enabled or not. Reads the parsed JSON, so that the rules are also
 * checked if the servers file has errors.
 */
function listKnownServers(
  { value }: Document,
  loadedServers: readonly LoadedServer[],
): KnownServers {
  const names = new Set<string>();
  const unavailableReasons = new Map<string, string>();
  for (const [name, entry] of entriesOf(objectAt(value, "mcpServers"))) {
    if (isObject(entry) && findDisablingKey(entry) !== undefined) {
      unavailableReasons.set(name, "it is disabled in the servers file");
    } else names.add(name);
  }
  for (const { server: { name }, isSelfReference } of loadedServers) {
    if (!isSelfReference) continue;
    names.delete(name);
    unavailableReasons.set(name, "it is this gateway itself");
  }
  return { names, unavailableReasons };
}

function sortByPosition(problems: readonly ConfigProblem[]): ConfigProblem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
}
