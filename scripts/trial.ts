/**
 * Starts a program to find out which functions it calls at start.
 *
 * @module
 */

import { join } from "node:path";
import type { ProgramFunction } from "./early_functions.ts";
import { DEPTH_VARIABLE, listSettings } from "../src/config/mod.ts";
import { permissionFlags } from "./permissions.ts";

/** The arguments, files and input of a trial run of a program. */
export interface Trial {
  readonly args: readonly string[];
  /** The files in the working folder, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** The text on standard input, which ends when the program has printed something. */
  readonly input: string;
}

/** A start of the gateway, up to the handshake. */
export const SERVE_TRIAL: Trial = {
  args: [
    ...["--mcp-config", "mcp.json", "--rules", "rules.json", "--audit-log", "audit.jsonl"],
    ...["--transport", "stdio", "--init-strategy", "lazy", "--agent", "a"],
  ],
  files: {
    "mcp.json": '{"mcpServers": {"a": {"command": "/x", "args": ["-y"], "env": {"A": "b"}}}}',
    "rules.json": '{"agents": {"a": {"allow": {"servers": ["*"], "tools": {"a": ["*"]}}}}}',
  },
  input: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",' +
    '"capabilities":{},"clientInfo":{"name":"trial","version":"1"}}}\n',
};

/** A process in which code runs. */
export const SANDBOX_TRIAL: Trial = {
  args: [],
  files: {},
  input: '{"jsonrpc":"2.0","id":1,"method":"run","params":{"code":"return 1"}}\n',
};

/** Maximum duration of a trial, in milliseconds. */
const TRIAL_MS = 30_000;

/** Variables that change how the gateway starts: settings, the depth of nested gateways, and colors. */
const CLEARED_VARIABLES = new Set([
  ...listSettings().map(({ variable }) => variable),
  ...[DEPTH_VARIABLE, "NO_COLOR", "FORCE_COLOR"],
]);

/**
 * Writes a program and the trial's files to a folder, and runs the program there.
 *
 * @returns The program's standard output, and its functions.
 */
export async function runTrial(
  programText: string,
  folder: string,
  { args, files, input }: Trial,
): Promise<{ stdout: string; functions: ProgramFunction[] }> {
  const [program, coverage] = [join(folder, "program.js"), join(folder, "coverage")];
  await Deno.writeTextFile(program, programText);
  for (const [name, content] of Object.entries(files)) {
    await Deno.writeTextFile(join(folder, name), content);
  }
  const variables = Object.entries(Deno.env.toObject());
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...permissionFlags(), "--no-config", `--coverage=${coverage}`, program, ...args],
    cwd: folder,
    // The bundle must not depend on the environment of its build.
    env: {
      ...Object.fromEntries(variables.filter(([name]) => !CLEARED_VARIABLES.has(name))),
      OTEL_DENO: "false",
    },
    clearEnv: true,
    signal: AbortSignal.timeout(TRIAL_MS),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  // A failed write is ignored: a program that ends before it reads reports the reason on stderr.
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  const stderr = new Response(child.stderr).text();
  let stdout = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    // The program has answered; it ends with its input.
    if (stdout === "") await writer.close().catch(() => {});
    stdout += text;
  }
  // A program that printed nothing has ended already.
  if (stdout === "") await writer.close().catch(() => {});
  const { success } = await child.status;
  if (!success) throw new Error(`The program does not start:\n${await stderr}`);
  const functions: ProgramFunction[] = [];
  for await (const { name } of Deno.readDir(coverage)) {
    const file: Coverage = JSON.parse(await Deno.readTextFile(join(coverage, name)));
    // The first function is the whole file.
    for (const { ranges: [range] } of file.functions.slice(1)) {
      if (range === undefined) continue;
      const { startOffset: start, endOffset: end, count } = range;
      functions.push({ start, end, isCalled: count > 0 });
    }
  }
  await Deno.remove(coverage, { recursive: true });
  return { stdout, functions };
}

/** The output of `deno run --coverage` for a file. */
interface Coverage {
  readonly functions: readonly {
    readonly ranges: readonly {
      readonly startOffset: number;
      readonly endOffset: number;
      readonly count: number;
    }[];
  }[];
}
