/**
 * Tries a program out, to learn what it calls when it starts.
 *
 * @module
 */

import { join } from "node:path";
import type { ProgramFunction } from "./early_functions.ts";
import { permissionFlags } from "./permissions.ts";

/** How a program is tried out. */
export interface Trial {
  /** What it is given. */
  readonly args: readonly string[];
  /** Files of the folder that it runs in, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** What it reads from standard input. */
  readonly input: string;
}

/** A start of the gateway, up to the handshake. */
export const SERVE: Trial = {
  args: [
    ...["--mcp-config", "mcp.json", "--rules", "rules.json", "--audit-log", "audit.jsonl"],
    ...["--transport", "stdio", "--init-strategy", "lazy"],
  ],
  files: {
    "mcp.json": '{"mcpServers": {"a": {"command": "x", "args": ["y"], "env": {"A": "b"}}}}',
    "rules.json": '{"agents": {"a": {"allow": {"servers": ["*"], "tools": {"a": ["*"]}}}}}',
  },
  input: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",' +
    '"capabilities":{},"clientInfo":{"name":"trial","version":"1"}}}\n',
};

/** What a program says, and which of its functions it calls for that. */
export async function runTrial(
  text: string,
  folder: string,
  { args, input }: Trial,
): Promise<{ said: string; functions: ProgramFunction[] }> {
  const [program, coverage] = [join(folder, "program.js"), join(folder, "coverage")];
  await Deno.writeTextFile(program, text);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...permissionFlags(), "--no-config", `--coverage=${coverage}`, program, ...args],
    cwd: folder,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { stdout } = await child.output();
  const functions: ProgramFunction[] = [];
  for await (const { name } of Deno.readDir(coverage)) {
    const file: Coverage = JSON.parse(await Deno.readTextFile(join(coverage, name)));
    // The first one is the file itself.
    for (const { ranges: [range] } of file.functions.slice(1)) {
      if (range === undefined) continue;
      const { startOffset: start, endOffset: end, count } = range;
      functions.push({ start, end, isCalled: count > 0 });
    }
  }
  await Deno.remove(coverage, { recursive: true });
  return { said: new TextDecoder().decode(stdout), functions };
}

/** What `deno run --coverage` writes of a file. */
interface Coverage {
  readonly functions: readonly {
    readonly ranges: readonly {
      readonly startOffset: number;
      readonly endOffset: number;
      readonly count: number;
    }[];
  }[];
}
