/**
 * Preloaded into the gateway's process: on SIGUSR2 it frees all unused memory and prints on stderr
 * how much is left. Otherwise the memory of a process depends more on the time of the last garbage
 * collection than on its use. Needs `DENO_V8_FLAGS=--expose-gc`.
 */
const { gc } = globalThis as { gc?: () => void };
let count = 0;

Deno.addSignalListener("SIGUSR2", () => {
  gc?.();
  // Buffers are freed by the second collection, in a tick of its own.
  setTimeout(() => {
    gc?.();
    const { rss, heapUsed, external } = Deno.memoryUsage();
    const line = JSON.stringify({ memory: ++count, rss, held: heapUsed + external });
    Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
  }, 100);
});
