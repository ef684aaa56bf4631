import { PassThrough } from "node:stream";
import { dirname, join } from "node:path";
import type { InitFlags } from "../../src/cli/init/mod.ts";
import { init, type InitOptions } from "../../src/cli/init/run.ts";
import type { Machine } from "../../src/cli/init/clients.ts";
import { thisDisk } from "../../src/cli/init/disk.ts";
import { waitUntil, withTimeout } from "../e2e/wait.ts";
import type { CommandOutput } from "./run_audit_commands.ts";

/** Keys to press once a question is shown. */
export type Answer = readonly [question: RegExp, keys: string];

/** Keys as a terminal sends them. */
export const KEYS = { enter: "\r", space: " ", down: "\x1b[B", interrupt: "\x03", ctrlD: "\x04" };

/** The time at which `init` runs. */
export const NOW = new Date(2026, 0, 31, 8, 5, 9);

/** Suffix of the backups that `init` makes at `NOW`. */
export const BACKUP_SUFFIX = ".backup-20260131-080509";

/** Creates the environment of a machine from variables. */
export function createEnvironment(values: Readonly<Record<string, string>> = {}): Machine["env"] {
  return { get: (name) => values[name], toObject: () => ({ ...values }) };
}

/** Returns server entries without their descriptions. */
export function removeDescriptions(
  servers: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(servers).map(([name, { description: _, ...entry }]) => [name, entry]),
  );
}

/** A temporary home folder and working folder, in which `init` runs. Bind it with `using`. */
export class InitFixture implements Disposable {
  readonly #root = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "init_" }));
  readonly home = join(this.#root, "home");
  readonly cwd = join(this.#root, "work");

  /** @param files Files to write: texts or JSON values, by path from the home folder. */
  constructor(files: Readonly<Record<string, unknown>> = {}) {
    Deno.mkdirSync(this.home);
    Deno.mkdirSync(this.cwd);
    for (const [name, content] of Object.entries(files)) this.write(name, content);
  }

  /** Returns the absolute path of a file in the home folder. */
  pathOf(name: string): string {
    return join(this.home, name);
  }

  /** Returns the path of a file in the gateway's configuration folder. */
  gatewayPath(name: string): string {
    return this.pathOf(`.config/agent-mcp-gateway/${name}`);
  }

  write(name: string, content: unknown): void {
    const path = this.pathOf(name);
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeTextFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  }

  /** Removes a file or a folder. */
  remove(name: string): void {
    Deno.removeSync(this.pathOf(name), { recursive: true });
  }

  read(name: string): string {
    return Deno.readTextFileSync(this.pathOf(name));
  }

  /** Reads all files below the home and the working folder, by path. */
  readFiles(): Record<string, string> {
    return Object.fromEntries(
      listFiles(this.#root).map((path) => {
        return [path.slice(this.#root.length + 1), Deno.readTextFileSync(path)];
      }),
    );
  }

  /** Creates the options of `init` for these folders. */
  createOptions(
    overrides: Partial<InitOptions & { env: Record<string, string> }> = {},
  ): InitOptions {
    const { env = {}, ...options } = overrides;
    return {
      machine: { os: "linux", home: this.home, cwd: this.cwd, env: createEnvironment(env) },
      disk: thisDisk,
      launch: {
        launcher: undefined,
        standalone: true,
        execPath: "/opt/agent-mcp-gateway",
        mainModule: "file:///opt/main.ts",
        windows: false,
      },
      program: { executable: "/opt/agent-mcp-gateway" },
      now: NOW,
      ...options,
    };
  }

  /** Runs `init` without a terminal. */
  async run(
    flags: Partial<InitFlags>,
    overrides: Parameters<InitFixture["createOptions"]>[0] = {},
  ): Promise<CommandOutput> {
    const output = { stdout: "", stderr: "" };
    const code = await init({
      from: undefined,
      yes: false,
      here: false,
      shared: false,
      undo: false,
      ...flags,
    }, {
      stdout: { write: (text) => void (output.stdout += text) },
      stderr: { write: (text) => void (output.stderr += text) },
    }, this.createOptions(overrides));
    return { code, ...output };
  }

  /** Runs `init` at a terminal, and answers each question when it is asked. */
  async runAtTerminal(
    answers: readonly Answer[],
    flags: Partial<InitFlags> = {},
    overrides: Parameters<InitFixture["createOptions"]>[0] = {},
  ): Promise<CommandOutput & { readonly screen: string }> {
    const [input, output] = [new PassThrough(), new PassThrough()];
    let newOutput = "";
    let screen = "";
    output.on("data", (chunk: Uint8Array) => {
      const text = new TextDecoder().decode(chunk);
      newOutput += text;
      screen += text;
    });
    const run = this.run(flags, { ...overrides, terminal: { input, output } });
    for (const [question, keys] of answers) {
      await waitUntil(`the question ${question}`, () => question.test(newOutput)).catch((error) => {
        throw new Error(`${error.message}; new output: ${newOutput}`);
      });
      newOutput = "";
      // Keys are written one at a time, as a person presses them; an escape sequence is one key.
      for (const key of keys.split(/(?=\p{C})|(?<=\p{C})(?!\[)/u)) {
        input.write(key);
        await new Promise((resolve) => setTimeout(resolve));
      }
    }
    const result = await withTimeout("the end of init", run);
    return { ...result, screen };
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#root, { recursive: true });
  }
}

function listFiles(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    return isDirectory ? listFiles(path) : [path];
  }).sort();
}
