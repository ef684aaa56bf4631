/**
 * Loaded before the gateway, in its process: gives back all memory that is not held when the process
 * gets SIGUSR2, and says on stderr what is left. Without that the memory of a process says more about
 * when its engine last tidied up than about what it holds. Needs `DENO_V8_FLAGS=--expose-gc`.
 */
const { gc } = globalThis as { gc?: () => void };
let count = 0;

Deno.addSignalListener("SIGUSR2", () => {
  gc?.();
  // Buffers are given back by the second time, in a turn of its own.
  setTimeout(() => {
    gc?.();
    const { rss, heapUsed, external } = Deno.memoryUsage();
    const line = JSON.stringify({ memory: ++count, rss, held: heapUsed + external });
    Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
  }, 100);
});
