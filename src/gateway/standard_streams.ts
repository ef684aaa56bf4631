/**
 * Standard input and output as a source and a sink of bytes. Web streams are not used, because loading them
 * takes 3 ms at startup, while a client waits for its handshake.
 */
import type { ByteSink, ByteSource } from "../jsonrpc/mod.ts";

/** Maximum size of one read, in bytes. */
const READ_BYTES = 64 * 1024;

/**
 * Standard input. `cancel` resolves a pending `read` as done; the system call that it started is not
 * cancelled.
 */
export const standardInput: ByteSource = {
  getReader() {
    const buffer = new Uint8Array(READ_BYTES);
    let stop = (): void => {};
    let isStopped = false;
    return {
      read: () =>
        new Promise((resolve, reject) => {
          stop = () => resolve({ done: true, value: undefined });
          if (isStopped) return stop();
          Deno.stdin.read(buffer).then((count) => {
            if (count === null) stop();
            else resolve({ done: false, value: buffer.subarray(0, count) });
          }, reject);
        }),
      cancel() {
        isStopped = true;
        stop();
        return Promise.resolve();
      },
    };
  },
};

/** Standard output. */
export const standardOutput: ByteSink = {
  getWriter: () => ({
    async write(bytes) {
      for (let offset = 0; offset < bytes.length;) {
        offset += await Deno.stdout.write(bytes.subarray(offset));
      }
    },
    async close() {
      Deno.stdout.close();
    },
  }),
};
