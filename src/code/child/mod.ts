/**
 * The process in which code runs, without any permission. It reads JSON-RPC messages from standard input and writes its
 * own to standard output, one per line; `../sandbox_process.ts` is the other side. Imports the leaves and `jsonrpc`.
 *
 * @module
 */

import { LineSplitter, MAX_MESSAGE_BYTES } from "../../jsonrpc/mod.ts";
import {
  MAX_ARGUMENT_LENGTH,
  MAX_CALLS,
  MAX_HEAP_MIB,
  MAX_LOG_LENGTH,
  MAX_PENDING_CALLS,
  MAX_RESIDENT_MIB,
  MAX_RETURNED_LENGTH,
  MEMORY_EXIT_CODE,
} from "../../code_sandbox.ts";
import { writeRealmText } from "./realm_program.ts";
import { createRealmValues, type RealmLimits } from "./realm_values.ts";
import { stripTypes } from "./typescript.ts";
import { type HostMessage, startHost } from "./host_program.ts";

/** Interval at which the resident memory is checked, in milliseconds. */
const MEMORY_CHECK_MS = 50;

const MAX_RESIDENT_BYTES = MAX_RESIDENT_MIB * 1024 * 1024;

/** Size of the buffer for reads, in bytes. */
const READ_BYTES = 64 * 1024;

// The host of the realm removes the global `Deno`.
const { exit, stdin } = Deno;

const REALM_LIMITS: RealmLimits = {
  maxCalls: MAX_CALLS,
  maxPendingCalls: MAX_PENDING_CALLS,
  maxLogLength: MAX_LOG_LENGTH,
  maxArgumentLength: MAX_ARGUMENT_LENGTH,
  maxReturnedLength: MAX_RETURNED_LENGTH,
};

const PERMISSIONS = ["read", "write", "env", "net", "run", "sys", "ffi", "import"] as const;

/** Options of the process. */
export interface SandboxOptions {
  /** Whether it watches its own memory. */
  readonly watchesMemory: boolean;
}

/**
 * Runs code that arrives on standard input, and exits when the input has ended.
 *
 * @param options Whether this process watches its own memory.
 */
export async function runSandbox(options: SandboxOptions): Promise<never> {
  if (!dropPermissions()) return exit(1);
  const send = Deno.build.standalone
    ? await startRealmInWorker(options)
    : await startRealm(options);
  const decoder = new TextDecoder();
  const splitter = new LineSplitter(MAX_MESSAGE_BYTES, {
    line: (line) => send(["line", decoder.decode(line)]),
    dropped: () => exit(1),
  });
  // Deno takes 5 ms to load its streams.
  const buffer = new Uint8Array(READ_BYTES);
  for (;;) {
    const count = await stdin.read(buffer);
    if (count === null) return exit(0);
    await splitter.push(buffer.subarray(0, count));
  }
}

/** Gives up all permissions, which a compiled program has from its start; returns whether none is left. */
function dropPermissions(): boolean {
  for (const name of PERMISSIONS) {
    // Deno's types lack `import`.
    Deno.permissions.revokeSync({ name } as Deno.PermissionDescriptor);
  }
  return PERMISSIONS.every((name) => {
    const { state, partial } = Deno.permissions.querySync({ name } as Deno.PermissionDescriptor);
    return state !== "granted" && partial !== true;
  });
}

/** Sends a message to the realm of the code. */
type Send = (message: HostMessage) => void;

/**
 * Creates the realm of the code on this thread. If needed, a worker watches the memory, because code may keep this thread
 * busy. If the code ran in a worker instead, each answer would have to wait for another thread.
 */
async function startRealm({ watchesMemory }: SandboxOptions): Promise<Send> {
  const vm = await import("node:vm");
  if (watchesMemory) {
    const text = `(${watchMemory})(${MAX_RESIDENT_BYTES},${MEMORY_CHECK_MS})`;
    new Worker(dataUrl(text), { type: "module" });
  }
  const send = startHost(vm, {
    realmText: writeRealm(),
    requestStrip: (code) => void stripTypes(code).then(send),
  });
  return send;
}

/** Reports too much memory to the gateway, which then kills the process. A worker may run the text of this function. */
function watchMemory(maxBytes: number, intervalMs: number): void {
  setInterval(() => {
    if (Deno.memoryUsage().rss <= maxBytes) return;
    Deno.stderr.writeSync(new TextEncoder().encode("out of memory\n"));
  }, intervalMs);
}

/** Creates the realm of the code in a worker with a limited heap: a compiled program takes no flag that limits it. */
async function startRealmInWorker({ watchesMemory }: SandboxOptions): Promise<Send> {
  if (watchesMemory) watchMemory(MAX_RESIDENT_BYTES, MEMORY_CHECK_MS);
  const { Worker } = await import("node:worker_threads");
  const text = `import vm from "node:vm";const askToStrip=postMessage.bind(globalThis);` +
    `const listen=addEventListener.bind(globalThis,"message");` +
    `const send=(${startHost})(vm,{realmText:${
      JSON.stringify(writeRealm())
    },requestStrip:askToStrip});` +
    `listen(({data})=>send(data))`;
  const worker = new Worker(dataUrl(text), {
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
  });
  const send: Send = (message) => worker.postMessage(message);
  worker.on("message", (code) => void stripTypes(code).then(send));
  worker.on("error", ({ code }: Error & { readonly code?: string }) => {
    exit(code === "ERR_WORKER_OUT_OF_MEMORY" ? MEMORY_EXIT_CODE : 1);
  });
  return send;
}

function writeRealm(): string {
  return writeRealmText(String(createRealmValues), JSON.stringify(REALM_LIMITS));
}

function dataUrl(text: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(text)}`);
}
