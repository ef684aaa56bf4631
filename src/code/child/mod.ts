/**
 * The process in which code runs, without any permission. It reads messages of JSON-RPC from standard input and writes
 * others to standard output, one per line; `../sandbox_process.ts` is the other side. Imports the leaves and `jsonrpc`.
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
import { type WorkerMessage, workerProgram } from "./worker_program.ts";

/** Interval at which the resident memory is checked, in milliseconds. */
const MEMORY_CHECK_MS = 50;

const REALM_LIMITS: RealmLimits = {
  maxCalls: MAX_CALLS,
  maxPendingCalls: MAX_PENDING_CALLS,
  maxLogLength: MAX_LOG_LENGTH,
  maxArgumentLength: MAX_ARGUMENT_LENGTH,
  maxReturnedLength: MAX_RETURNED_LENGTH,
};

const PERMISSIONS = ["read", "write", "env", "net", "run", "sys", "ffi", "import"] as const;

/**
 * Runs code that arrives on standard input.
 *
 * @returns The exit code, when the input has ended.
 */
export async function runSandbox(): Promise<number> {
  if (!dropPermissions()) return 1;
  setInterval(() => {
    if (Deno.memoryUsage().rss > MAX_RESIDENT_MIB * 1024 * 1024) Deno.exit(MEMORY_EXIT_CODE);
  }, MEMORY_CHECK_MS);
  const send = await startWorker();
  const decoder = new TextDecoder();
  const splitter = new LineSplitter(MAX_MESSAGE_BYTES, {
    line: (line) => send(["line", decoder.decode(line)]),
    dropped: () => Deno.exit(1),
  });
  for await (const chunk of Deno.stdin.readable) await splitter.push(chunk);
  return 0;
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

/** Sends a message to the worker. */
type Send = (message: WorkerMessage) => void;

/** Starts the worker. */
async function startWorker(): Promise<Send> {
  const realmText = writeRealmText(String(createRealmValues), JSON.stringify(REALM_LIMITS));
  const text = `import vm from "node:vm";(${workerProgram})(vm,${JSON.stringify(realmText)})`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(text)}`);
  return Deno.build.standalone ? await startNodeWorker(url) : startWebWorker(url);
}

/** Starts a worker whose heap the flag `--max-old-space-size` limits. A worker of Node would start 100 ms later. */
function startWebWorker(url: URL): Send {
  const worker = new Worker(url, { type: "module" });
  const send: Send = (message) => worker.postMessage(message);
  worker.addEventListener("message", ({ data }) => void stripTypes(data).then(send));
  worker.addEventListener("error", () => Deno.exit(1));
  return send;
}

/** Starts a worker with a limit of its own: a compiled program takes no flags. */
async function startNodeWorker(url: URL): Promise<Send> {
  const { Worker: NodeWorker } = await import("node:worker_threads");
  const worker = new NodeWorker(url, { resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB } });
  const send: Send = (message) => worker.postMessage(message);
  worker.on("message", (code) => void stripTypes(code).then(send));
  worker.on("error", ({ code }: Error & { readonly code?: string }) => {
    Deno.exit(code === "ERR_WORKER_OUT_OF_MEMORY" ? MEMORY_EXIT_CODE : 1);
  });
  return send;
}
