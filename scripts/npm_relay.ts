/**
 * The program of a relay alone: a process that runs nothing else needs a third of the memory without the rest of the
 * gateway's file. The npm package has it as a file of its own.
 *
 * @module
 */
import { programModule, runRelay } from "../src/relay/mod.ts";

void runRelay(Deno.args).then(async (exitCode) => {
  if (exitCode !== undefined) Deno.exit(exitCode);
  // The command line is for the gateway itself.
  await import(programModule());
});
