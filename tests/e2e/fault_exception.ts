/**
 * Loaded before the gateway, in its process: throws an exception that nobody catches when the
 * process gets SIGUSR2. That is how a bug of ours ends the gateway, wherever it is.
 */
Deno.addSignalListener("SIGUSR2", () => {
  throw new Error("An exception that nobody catches");
});
