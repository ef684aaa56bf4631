/**
 * The files of a bundled program: the program itself, and beside it smaller files, each for a process that needs only one
 * part of it. A leaf: imports nothing of the project.
 *
 * @module
 */

/** The ends of the names of the smaller files: a relay to a shared gateway, and the process in which code runs. */
const PART_ENDS = { relay: "-relay.js", code: "-code.js" };

/** Returns the address of the program's main file. */
export function programModule(): string {
  const main = Deno.mainModule;
  const { relay } = PART_ENDS;
  return main.endsWith(relay) ? `${main.slice(0, -relay.length)}.js` : main;
}

/** Returns the address of the file for the process in which code runs: the program's main file if there is no other. */
export function codeModule(): string {
  const program = programModule();
  const part = program.replace(/\.js$/, PART_ENDS.code);
  try {
    return Deno.statSync(new URL(part)).isFile ? part : program;
  } catch {
    // The file does not exist, or the gateway may not read its folder.
    return program;
  }
}
