/**
 * Preloaded into the gateway's process: throws an uncaught exception on SIGUSR2, which ends the
 * gateway as a bug of its own would.
 */
Deno.addSignalListener("SIGUSR2", () => {
  throw new Error("An exception that nobody catches");
});
