import {
  type ConnectionConfig,
  downloadsProgram,
  getStdioConfig,
  type PackageRun,
  programName,
  readPackageRun,
  type StdioConfig,
} from "../../config/mod.ts";
import { formatPath } from "../../json.ts";
import { unquoteLines } from "../../text.ts";

/** The cause of a local server's failure, found in its own output, and its fix. */
export interface LocalCause {
  /** The kind of failure. */
  readonly kind: LocalCauseKind;
  /** Description of the failure, as a clause. */
  readonly message: string;
  /** Instruction for the operator. */
  readonly fix: string;
  /** The line of the output that shows the cause. */
  readonly line: string;
}

/** The kinds of failure that a local server's own output shows. */
export type LocalCauseKind =
  | "registry-unreachable"
  | "package-not-found"
  | "no-executable"
  | "cache-incomplete"
  | "carriage-return"
  | "interpreter-not-found"
  | "wrong-runtime"
  | "file-not-found"
  | "module-not-found";

/** Facts from the server's entry that the description of a failure uses. */
interface PatternContext {
  /** The command of the entry. */
  readonly command: string;
  /** The program without its folder and ending, such as `npx`. */
  readonly program: string;
  /** The package that the arguments name; "its package" if they name none. */
  readonly packageName: string;
  /** Path of the arguments in the servers file, such as `mcpServers.files.args`. */
  readonly argsPath: string;
  /** The arguments of the entry. */
  readonly args: readonly string[];
  /** Whether the server runs in a sandbox. */
  readonly isSandboxed: boolean;
  /** A command that downloads the package, if the arguments name one. */
  readonly downloadCommand?: string;
}

/** A failure that is recognized by the server's output. */
interface FailurePattern {
  /** Matches the output; its groups are passed to `describe`. */
  readonly pattern: RegExp;
  readonly kind: LocalCauseKind;
  describe(
    groups: readonly (string | undefined)[],
    context: PatternContext,
  ): { message: string; fix: string };
}

/**
 * Output of package runners that cannot download or start a package; the texts are those of npm 11 and uv.
 * The first match wins.
 */
const RUNNER_FAILURES: readonly FailurePattern[] = [
  {
    pattern:
      /npm (?:error|ERR!).*\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|FETCH_ERROR|ENOTCACHED|ENETUNREACH|EHOSTUNREACH|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)\b/,
    kind: "registry-unreachable",
    describe: ([, code], { program, packageName }) => ({
      message: `${program} could not download ${packageName}: ` +
        `${registryOf(program)} did not answer (${code})`,
      fix: registryFix(program),
    }),
  },
  {
    pattern: /Failed to fetch: `?([^\s`]+)/,
    kind: "registry-unreachable",
    describe: ([, url], { program, packageName }) => ({
      message: `${program} could not download ${packageName}: ${url} did not answer`,
      fix: registryFix(program),
    }),
  },
  {
    pattern: /No matching version found for (\S+?)\.?$|there is no version of (\S+?)==?(\S+) and/m,
    kind: "package-not-found",
    describe: ([, npm, name, version], { program, argsPath }) => ({
      message: `there is no version ${npm ?? `${name}==${version}`} in ${registryOf(program)}`,
      fix: npm === undefined
        ? `Remove the version from ${argsPath}, or choose one from https://pypi.org/project/${name}/#history`
        : `Remove the version from ${argsPath}, or choose one that exists: npm view ${
          npm.replace(/(?<=.)@.*/, "")
        } versions`,
    }),
  },
  {
    pattern:
      /npm (?:error|ERR!) code E404|Because (\S+) was not found in the package registry|No matching distribution found for (\S+)/,
    kind: "package-not-found",
    describe: ([, ofUv, ofPip], { program, packageName, argsPath }) => {
      const name = ofUv ?? ofPip ?? packageName;
      return {
        message: `there is no package ${name} in ${registryOf(program)}, ` +
          "or you have no access to it",
        fix: isPython(program)
          ? `Correct the name in ${argsPath}: https://pypi.org/search/?q=${name} finds packages`
          : `Correct the name in ${argsPath}: \`npm search ${name.replace(/^@[^/]+\//, "")}\` ` +
            "finds packages; for a private package, log in first (npm login)",
      };
    },
  },
  {
    pattern:
      /could not determine executable to run|does not provide any executables|executable named `(\S+)` is not provided|sh: (?:\d+: |line \d+: )?(\S+?): (?:command )?not found/,
    kind: "no-executable",
    describe: ([, ofUv, ofShell], { program, packageName, argsPath }) => {
      const missing = ofUv ?? ofShell;
      const example = isPython(program)
        ? '["--from", "PACKAGE", "PROGRAM"]'
        : '["-y", "--package=PACKAGE", "PROGRAM"]';
      return {
        message: missing === undefined
          ? `the package ${packageName} has no program to run`
          : `the package has no program "${missing}"`,
        fix:
          `Make sure that ${argsPath} names an MCP server and not a library; if its program has ` +
          `a different name from the package, write ${example}`,
      };
    },
  },
  {
    pattern: /current Python version \(([\d.]+)\) does not satisfy Python([<>=!~\d.,]+)/,
    kind: "wrong-runtime",
    describe: ([, actual, required = ""], { packageName, argsPath, args }) => {
      const minimum = /\d+\.\d+/.exec(required)?.[0] ?? "3.12";
      return {
        message: `${packageName} needs Python ${required}, but was started with Python ${actual}`,
        fix: args.includes("--python")
          ? `Write ${minimum} after "--python" in ${argsPath}`
          : `Add "--python", "${minimum}" at the start of ${argsPath}`,
      };
    },
  },
  {
    pattern: /No interpreter found for (Python \S+)/,
    kind: "wrong-runtime",
    describe: ([, pythonVersion], { argsPath }) => ({
      message: `${pythonVersion} is not installed and cannot be downloaded`,
      fix: `Install it, or choose another version after "--python" in ${argsPath}: ` +
        "`uv python list` shows the versions",
    }),
  },
];

/** Output of the runtimes of servers, such as Node.js and Python. The first match wins. */
const RUNTIME_FAILURES: readonly FailurePattern[] = [
  {
    // The folder appears in the path of the missing file, or of the file that imports it.
    pattern:
      /Cannot find (?:module|package) [^]*?((?:~|[A-Za-z]:)?[\\/](?:[^\n'"]*?[\\/])?_npx[\\/][0-9a-f]+)(?=[\\/])/,
    kind: "cache-incomplete",
    describe: ([, folder = ""], { packageName, downloadCommand }) => ({
      message:
        `the npm cache of ${packageName} is incomplete, because an earlier download was interrupted`,
      fix: `Delete the folder ${folder}` +
        (downloadCommand === undefined ? "" : `, then run this once: ${downloadCommand}`),
    }),
  },
  {
    pattern: /env: ['‘"]?([\w.+-]+)(?:\\r|\r)/,
    kind: "carriage-return",
    describe: ([, interpreter], { command }) => ({
      message: `${command} is a script with Windows line endings, so the system looks for ` +
        `"${interpreter}\\r"`,
      fix: lineEndingsFix(command),
    }),
  },
  {
    pattern: /env: ['‘"]?([\w.+-]+)['’"]?: No such file/,
    kind: "interpreter-not-found",
    describe: ([, interpreter], { command }) => ({
      message: `${command} is a script for ${interpreter}, which is not on the server's PATH`,
      fix: `Install ${interpreter}, or add its folder to PATH in "env" of the server's entry`,
    }),
  },
  {
    pattern:
      /required: \{ node: '([^']+)'[^}]*\},?\s*(?:npm warn EBADENGINE\s*)?current: \{ node: '([^']+)'/i,
    kind: "wrong-runtime",
    describe: ([, required, actual], { packageName }) =>
      describeWrongNode(packageName, required, actual),
  },
  {
    pattern: /requires? Node(?:\.js)?(?: version)? ?v?((?:>=?|\^|~)? ?v?[\d.]+\S*)/i,
    kind: "wrong-runtime",
    describe: ([, required], { packageName }) => describeWrongNode(packageName, required),
  },
  {
    pattern:
      /Cannot find module '([^'\n]+)'|can't open file '([^'\n]+)'|Module not found "(?:file:\/\/)?([^"\n]+)"/,
    kind: "file-not-found",
    describe: ([, ofNode, ofPython, ofDeno], { program, argsPath, isSandboxed }) => ({
      message: `${program} did not find ${ofNode ?? ofPython ?? ofDeno}`,
      fix: isSandboxed
        ? `Correct the path in ${argsPath}, and write it in full: the sandbox shows only absolute paths of ` +
          'the entry, and its "cwd". If the path is right, build the server or install what it imports'
        : `Correct the path in ${argsPath}; a relative path starts from the entry's "cwd", or from where ` +
          "the gateway was started. If the path is right, build the server or install what it imports",
    }),
  },
  {
    pattern: /No module named '?([\w.]+)/,
    kind: "module-not-found",
    describe: ([, module], { program, argsPath }) => ({
      message: `${program} has no module ${module}`,
      fix: `Install it (${program} -m pip install PACKAGE), or write the path of the Python ` +
        "that has it, such as /path/to/.venv/bin/python, into " +
        argsPath.replace(/args$/, "command"),
    }),
  },
];

/**
 * Finds the cause of a failure in the stderr of a local server.
 *
 * @param stderr The end of its stderr, which may be quoted.
 * @param server Its name, its command, and whether it runs in a sandbox.
 * @returns `undefined` if no known cause matches.
 */
export function findLocalCause(
  stderr: string,
  { name, connection, isSandboxed = false }: {
    readonly name: string;
    readonly connection: StdioConfig;
    readonly isSandboxed?: boolean;
  },
): LocalCause | undefined {
  const output = unquoteLines(stderr);
  const command = [connection.command, ...connection.args];
  const run = readPackageRun(command);
  const context: PatternContext = {
    command: connection.command,
    program: run?.runner ?? programName(connection.command),
    packageName: run?.spec ?? "its package",
    ...(run === undefined ? {} : { downloadCommand: buildDownloadCommand(run) }),
    argsPath: `${formatPath(["mcpServers", name])}.args`,
    args: connection.args,
    isSandboxed,
  };
  const patterns = downloadsProgram(command)
    ? [...RUNNER_FAILURES, ...RUNTIME_FAILURES]
    : RUNTIME_FAILURES;
  for (const { pattern, kind, describe } of patterns) {
    const groups = pattern.exec(output);
    if (groups === null) continue;
    return { kind, ...describe(groups, context), line: lineAt(output, groups.index) };
  }
  return undefined;
}

function lineAt(text: string, index: number): string {
  const end = text.indexOf("\n", index);
  return text.slice(text.lastIndexOf("\n", index - 1) + 1, end < 0 ? text.length : end).trim();
}

/**
 * Returns a command that downloads the package of an entry and exits, for a person to run. It does
 * not start the server, which would run forever with its input open.
 *
 * @returns `undefined` if there is no such command.
 */
export function downloadCommandOf(connection: ConnectionConfig): string | undefined {
  const program = getStdioConfig(connection);
  if (program === undefined) return undefined;
  const run = readPackageRun([program.command, ...program.args]);
  return run === undefined ? undefined : buildDownloadCommand(run);
}

/** Returns a command that installs a package and runs another program, which exits immediately. */
function buildDownloadCommand({ runner, spec }: PackageRun): string {
  const name = quoteWord(spec);
  switch (runner) {
    case "npx":
    case "npm":
      return `npx -y -p ${name} -- node --version`;
    case "pnpx":
    case "pnpm":
      return `pnpm --package=${name} dlx node --version`;
    case "yarn":
      return `yarn dlx -p ${name} node --version`;
    case "bunx":
    case "bun":
      return `bunx -p ${name} node --version`;
    case "pipx":
      return `pipx run --spec ${name} python --version`;
    default:
      return `uvx --from ${name} python --version`;
  }
}

function quoteWord(word: string): string {
  return /^[\w@%+=:,./~^-]+$/.test(word) ? word : `"${word}"`;
}

/**
 * Variables that make package runners fail fast: npm retries an unreachable registry for more than
 * a minute and prints nothing meanwhile.
 *
 * @param withinMs Time that the server has to start, in milliseconds.
 */
export function failFastVariables(withinMs: number): Readonly<Record<string, string>> {
  return {
    npm_config_fetch_retries: "1",
    npm_config_fetch_retry_mintimeout: "250",
    npm_config_fetch_timeout: String(Math.floor(withinMs / 2)),
    UV_HTTP_RETRIES: "1",
  };
}

/** Describes how to fix a script with Windows line endings. */
export function lineEndingsFix(path: string): string {
  return `Save ${path} with Unix line endings (LF), for example: perl -pi -e 's/\\r$//' ${path}`;
}

function registryFix(program: string): string {
  const variable = isPython(program) ? "UV_DEFAULT_INDEX" : "npm_config_registry";
  return "Check the network. Behind a proxy, set HTTPS_PROXY where the gateway runs; for a private " +
    `registry, set ${variable} in "env" of the server's entry`;
}

function describeWrongNode(packageName: string, required?: string, actual?: string) {
  const actualClause = actual === undefined ? "" : `, but was started with Node.js ${actual}`;
  return {
    message: `${packageName} needs Node.js ${required ?? ""}${actualClause}`,
    fix: "Install that version of Node.js, and make sure that it comes first on the PATH of the " +
      'gateway, or of the server\'s entry ("env")',
  };
}

function isPython(program: string): boolean {
  return /^(uvx|uv|pipx|pip)$/.test(program);
}

function registryOf(program: string): string {
  return isPython(program) ? "PyPI" : "the npm registry";
}
