import { PassThrough } from "node:stream";
import { dirname, join } from "node:path";
import type { InitFlags } from "../../src/cli/init/mod.ts";
import { init, type InitOptions } from "../../src/cli/init/run.ts";
import type { Machine } from "../../src/cli/init/clients.ts";
import { thisDisk } from "../../src/cli/init/disk.ts";
import { waitUntil, withTimeout } from "../e2e/wait.ts";
import type { Printed } from "./audit_support.ts";

/** Keys to press once a question is shown. */
export type Answer = readonly [question: RegExp, keys: string];

/** Keys of a terminal. */
export const KEYS = { enter: "\r", space: " ", down: "\x1b[B", interrupt: "\x03", end: "\x04" };

/** Time at which every `init` of a scene runs. */
export const NOW = new Date(2026, 0, 31, 8, 5, 9);

/** Suffix of a backup that is made at `NOW`. */
export const BACKUP = ".backup-20260131-080509";

/** Variables of a machine. */
export function environment(values: Readonly<Record<string, string>> = {}): Machine["env"] {
  return { get: (name) => values[name], toObject: () => ({ ...values }) };
}

/** Servers without their descriptions. */
export function undescribed(
  servers: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(servers).map(([name, { description: _, ...entry }]) => [name, entry]),
  );
}

/** A home folder and a working folder with files of clients. Bind it with `using`. */
export class Scene implements Disposable {
  readonly #root = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "init_" }));
  readonly home = join(this.#root, "home");
  readonly cwd = join(this.#root, "work");

  /** Makes the files: texts, or values to write as JSON, by path from the home folder. */
  constructor(files: Readonly<Record<string, unknown>> = {}) {
    Deno.mkdirSync(this.home);
    Deno.mkdirSync(this.cwd);
    for (const [name, content] of Object.entries(files)) this.write(name, content);
  }

  /** Absolute path of a file, from the home folder. */
  at(name: string): string {
    return join(this.home, name);
  }

  /** A file of the gateway's own folder. */
  own(name: string): string {
    return this.at(`.config/agent-mcp-gateway/${name}`);
  }

  write(name: string, content: unknown): void {
    const path = this.at(name);
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeTextFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  }

  /** Removes a file or a folder. */
  remove(name: string): void {
    Deno.removeSync(this.at(name), { recursive: true });
  }

  read(name: string): string {
    return Deno.readTextFileSync(this.at(name));
  }

  /** Every file below the home and the working folder, with its content. */
  files(): Record<string, string> {
    return Object.fromEntries(
      filesBelow(this.#root).map((path) => {
        return [path.slice(this.#root.length + 1), Deno.readTextFileSync(path)];
      }),
    );
  }

  /** The options of `init` in this scene. */
  options(more: Partial<InitOptions & { env: Record<string, string> }> = {}): InitOptions {
    const { env = {}, ...rest } = more;
    return {
      machine: { os: "linux", home: this.home, cwd: this.cwd, env: environment(env) },
      disk: thisDisk,
      run: {
        launcher: undefined,
        standalone: true,
        execPath: "/opt/agent-mcp-gateway",
        mainModule: "file:///opt/main.ts",
        windows: false,
      },
      program: { executable: "/opt/agent-mcp-gateway" },
      now: NOW,
      ...rest,
    };
  }

  /** Runs `init` without a terminal. */
  async run(
    flags: Partial<InitFlags>,
    more: Parameters<Scene["options"]>[0] = {},
  ): Promise<Printed> {
    const printed = { stdout: "", stderr: "" };
    const code = await init({ from: undefined, yes: false, here: false, undo: false, ...flags }, {
      stdout: { write: (text) => void (printed.stdout += text) },
      stderr: { write: (text) => void (printed.stderr += text) },
    }, this.options(more));
    return { code, ...printed };
  }

  /** Runs `init` at a terminal, and answers each question when it is asked. */
  async ask(
    answers: readonly Answer[],
    flags: Partial<InitFlags> = {},
    more: Parameters<Scene["options"]>[0] = {},
  ): Promise<Printed & { readonly screen: string }> {
    const [input, output] = [new PassThrough(), new PassThrough()];
    let shown = "";
    let screen = "";
    output.on("data", (chunk: Uint8Array) => {
      shown += new TextDecoder().decode(chunk);
      screen += new TextDecoder().decode(chunk);
    });
    const run = this.run(flags, { ...more, terminal: { input, output } });
    for (const [question, keys] of answers) {
      await waitUntil(`the question ${question}`, () => question.test(shown)).catch((error) => {
        throw new Error(`${error.message}; shown is ${shown}`);
      });
      shown = "";
      // One key at a time, as a person presses them.
      for (const key of keys.split(/(?=\p{C})|(?<=\p{C})(?!\[)/u)) {
        input.write(key);
        await new Promise((resolve) => setTimeout(resolve));
      }
    }
    const printed = await withTimeout("the end of init", run);
    return { ...printed, screen };
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#root, { recursive: true });
  }
}

function filesBelow(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    return isDirectory ? filesBelow(path) : [path];
  }).sort();
}
