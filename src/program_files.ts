/**
 * The files of a bundled program: the program itself, and files beside it, each with a part of it. A leaf: imports
 * nothing of the project.
 *
 * @module
 */

/**
 * The ends of the names of the parts' files, in place of `.js`: the chunks that are loaded later, and the programs of
 * smaller processes.
 */
export const PART_ENDS = { chunks: "-chunks.txt", relay: "-relay.js", sandbox: "-sandbox.js" };

/** Returns the address of the program's main file. */
export function programModule(): string {
  const main = Deno.mainModule;
  const { relay } = PART_ENDS;
  return main.endsWith(relay) ? `${main.slice(0, -relay.length)}.js` : main;
}

/** Returns the path or address of a part of a program, beside the program's own. */
export function partOf(program: string, part: keyof typeof PART_ENDS): string {
  return program.replace(/\.js$/, PART_ENDS[part]);
}

/** Returns the address of the file that a process runs to execute code: the main file if there is no file for it. */
export function sandboxModule(): string {
  return partModule("sandbox") ?? programModule();
}

/** Returns the addresses of the parts that the gateway reads while it runs. */
export function listReadParts(): string[] {
  return [partModule("chunks"), partModule("sandbox")].filter((part) => part !== undefined);
}

/** Returns the address of a part's file; `undefined` if it does not exist or cannot be read. */
function partModule(part: keyof typeof PART_ENDS): string | undefined {
  const program = programModule();
  if (!program.endsWith(".js")) return undefined;
  const address = partOf(program, part);
  try {
    return Deno.statSync(new URL(address)).isFile ? address : undefined;
  } catch {
    return undefined;
  }
}
