import assert from "node:assert/strict";
import { join } from "node:path";
import { serverEntry, type TestServer } from "../../scripts/test_servers.ts";
import { GATEWAY_COMMAND, gatewayCommandLine, ROOT } from "../e2e/gateway_command.ts";
import { Program } from "../e2e/program.ts";
import { Setup } from "../e2e/setup.ts";

/** Exit code and output of a script. */
export interface ScriptOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The servers, by the pattern of the packages that they stand for; the first that fits counts. */
const SERVERS: readonly (readonly [pattern: string, server: TestServer])[] = [
  ["@modelcontextprotocol/server-everything*", "everything"],
  ["@modelcontextprotocol/server-filesystem*", "filesystem"],
  ["@modelcontextprotocol/server-memory@2026.1.26", "memory-earlier"],
  ["@modelcontextprotocol/server-memory*", "memory"],
];

/**
 * A fresh home folder, in which the scripts of a page run one after another as in one terminal:
 * variables and the working folder are kept from one script to the next. `agent-mcp-gateway` is the
 * gateway in the form of `GATEWAY_COMMAND`. `npx` starts only Deno, the gateway and the servers that
 * the tests have installed, and downloads nothing. Bind the shell with `await using`.
 */
export class PageShell implements AsyncDisposable {
  readonly setup: Setup;
  readonly #stateFile: string;
  #hasWrittenPrograms = false;

  /** Creates the folders; `files` has contents by path, relative to the home folder. */
  constructor(files: Readonly<Record<string, unknown>> = {}) {
    const filesInHome = Object.entries(files).map(([name, content]) => {
      return [join("../home", name), content];
    });
    this.setup = new Setup({
      servers: false,
      rules: false,
      files: Object.fromEntries(filesInHome),
    });
    this.#stateFile = join(this.setup.home, "../state");
    const { env, home } = this.setup;
    env["PATH"] = `${join(home, "../bin")}:${env["PATH"] ?? ""}`;
  }

  /** The user's configuration folder, which `init` writes to. */
  get configurationFolder(): string {
    return join(this.setup.home, ".config/agent-mcp-gateway");
  }

  /** Writes one of the gateway's two files. */
  writeGatewayFile(
    name: ".mcp.json" | ".mcp-gateway-rules.json" | ".mcp-gateway-tests.json",
    text: string,
  ): void {
    Deno.mkdirSync(this.configurationFolder, { recursive: true });
    Deno.writeTextFileSync(join(this.configurationFolder, name), text);
  }

  /** Writes each of the gateway's two files that does not exist, without entries. */
  writeMissingFiles(): void {
    const files = [[".mcp.json", "mcpServers"], [".mcp-gateway-rules.json", "agents"]] as const;
    const existingNames = listNames(this.configurationFolder);
    for (const [name, key] of files) {
      if (!existingNames.includes(name)) this.writeGatewayFile(name, JSON.stringify({ [key]: {} }));
    }
  }

  /** Runs a script to its end, with the variables and working folder of the last script. */
  async run(script: string): Promise<ScriptOutput> {
    const prologue = `state=${quote(this.#stateFile)}
      if [ -f "$state" ]; then . "$state"; cd "$LAST_FOLDER"; fi
      trap 'code=$?; LAST_FOLDER=$PWD; export LAST_FOLDER; export -p >"$state"; exit $code' EXIT
      set -e\n`;
    return await this.runProgram("bash", ["-c", prologue + script]);
  }

  /** Runs a script in the root folder of the repository, to its end. */
  async runInClone(script: string): Promise<ScriptOutput> {
    return await this.run(`(cd ${quote(ROOT)}\n${script})`);
  }

  /** Runs a program to its end, without input. */
  async runProgram(command: string, args: readonly string[]): Promise<ScriptOutput> {
    await this.#writePrograms();
    const { workingFolder: cwd, env } = this.setup;
    const program = new Program({ command, args, cwd, env });
    try {
      await program.closeInput();
      const { code } = await program.waitForEnd(60_000);
      return { code, stdout: program.lines.join("\n"), stderr: program.stderr };
    } finally {
      program.sendSignal("SIGKILL");
    }
  }

  /** Checks that no process is left, and removes the folders. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.setup.close();
  }

  async #writePrograms(): Promise<void> {
    if (this.#hasWrittenPrograms) return;
    this.#hasWrittenPrograms = true;
    const gateway = await gatewayCommandLine(GATEWAY_COMMAND);
    const cases = SERVERS.map(([pattern, server]) => {
      return `${pattern}) exec node ${quote(serverEntry(server))} "$@";;`;
    });
    this.#writeProgram("agent-mcp-gateway", `exec ${gateway.map(quote).join(" ")} "$@"`);
    this.#writeProgram("deno", `exec ${quote(Deno.execPath())} "$@"`);
    this.#writeProgram(
      "npx",
      `test "$1" = -y && shift; package=$1; shift; case $package in
        deno@*) exec deno "$@";;
        agent-mcp-gateway) exec agent-mcp-gateway "$@";;
        ${cases.join("\n")}
      esac
      echo "the tests have no $package" >&2; exit 1`,
    );
  }

  #writeProgram(name: string, script: string): void {
    const bin = join(this.setup.home, "../bin");
    Deno.mkdirSync(bin, { recursive: true });
    Deno.writeTextFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
}

/** Lists the names in a folder; none if it does not exist. */
function listNames(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Returns the lines of a text, with all that differs between runs (numbers, blanks, paths) replaced. */
export function normalizeLines(text: string, { home }: { readonly home: string }): string[] {
  return text.replaceAll(home, "/home/you").replaceAll(ROOT, "/path/to/agent-mcp-gateway/")
    .split("\n").map((line) => line.replace(/\d[\d.,]*/g, "0").replace(/\s+/g, " ").trim())
    .filter((line) => line !== "");
}

/**
 * Checks that each line that a page shows was printed, in the same order. A line `…` stands for omitted lines, and `…`
 * at the end of a line for the rest of that line.
 */
export function assertShown(shown: string, { stdout, stderr }: ScriptOutput, home: string): void {
  const printed = normalizeLines(`${stderr}\n${stdout}`, { home });
  let nextIndex = 0;
  for (const line of normalizeLines(shown, { home })) {
    if (line === "…") continue;
    const foundIndex = line.endsWith("…")
      ? printed.findIndex((printedLine, index) =>
        index >= nextIndex && printedLine.startsWith(line.slice(0, -1))
      )
      : printed.indexOf(line, nextIndex);
    assert.ok(foundIndex >= 0, `not printed: ${line}\nprinted:\n${printed.join("\n")}`);
    nextIndex = foundIndex + 1;
  }
}
