/**
 * Preloaded into the gateway's process: on SIGUSR2 it throws an uncaught exception, as a bug in the
 * gateway would, which ends the gateway.
 */
Deno.addSignalListener("SIGUSR2", () => {
  throw new Error("An exception that nobody catches");
});
