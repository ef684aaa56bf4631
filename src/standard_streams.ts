/**
 * Standard input and output as a source and a sink of bytes. Web streams are not used, because loading them
 * takes 3 ms at startup, while a client waits for its handshake. A leaf: imports other leaves only.
 *
 * @module
 */
import { type ByteReader, writeAll } from "./bytes.ts";

/** Maximum size of one read, in bytes. */
const READ_BYTES = 64 * 1024;

/**
 * Standard input. `cancel` resolves a pending `read` as done; the system call that it started is not
 * cancelled.
 */
export const standardInput: { getReader(): ByteReader } = {
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

/** The writer of standard output. */
export interface StandardOutputWriter {
  /** Writes bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** Closes standard output. */
  close(): Promise<void>;
}

/** Standard output. */
export const standardOutput: { getWriter(): StandardOutputWriter } = {
  getWriter: () => ({
    write: (bytes) => writeAll(bytes, (part) => Deno.stdout.write(part)),
    async close() {
      Deno.stdout.close();
    },
  }),
};
