/**
 * Preloaded into the gateway's process: throws an uncaught exception on SIGUSR2. A bug in the
 * gateway ends it in the same way.
 */
Deno.addSignalListener("SIGUSR2", () => {
  throw new Error("An exception that nobody catches");
});
