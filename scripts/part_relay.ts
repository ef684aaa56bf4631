/**
 * The program of a relay, without the rest of the gateway, as a file of the npm package. A relay takes less memory if its
 * file has nothing else.
 *
 * @module
 */
import { programModule } from "../src/program_files.ts";
import { runRelay } from "../src/relay/mod.ts";

void runRelay(Deno.args).then(async (exitCode) => {
  if (exitCode !== undefined) Deno.exit(exitCode);
  // The command line is for the gateway itself.
  await import(programModule());
});
