/**
 * Preloaded into the gateway's process: on SIGUSR2 it collects garbage, and then prints the memory
 * of the process to stderr. Without the collection, the figures would depend mostly on when the last one
 * happened. Needs `DENO_V8_FLAGS=--expose-gc`.
 */
const { gc } = globalThis as { gc?: () => void };
let count = 0;

Deno.addSignalListener("SIGUSR2", () => {
  gc?.();
  // Only a second collection, in a later tick, frees the buffers.
  setTimeout(() => {
    gc?.();
    const { rss, heapUsed, external } = Deno.memoryUsage();
    const line = JSON.stringify({ memory: ++count, rss, used: heapUsed + external });
    Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
  }, 100);
});
