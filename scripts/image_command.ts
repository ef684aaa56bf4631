/**
 * Prints the command `agent-mcp-gateway` of the container image: a script that runs the bundle with
 * the permissions of the gateway, by `exec`, so that the gateway receives the signals.
 *
 * @module
 */

import { permissionFlags } from "./permissions.ts";

/**
 * Returns the text of the command.
 *
 * @param bundlePath Path of the bundle in the image.
 */
export function imageCommand(bundlePath: string): string {
  // A `deno.json` in the current folder must not affect the gateway.
  const words = ["run", "--no-config", "--no-lock", ...permissionFlags(), bundlePath];
  const unsafe = words.find((word) => !/^[\w./,:=-]+$/.test(word));
  if (unsafe !== undefined) throw new Error(`Cannot write ${unsafe} into a shell script unquoted`);
  // Deno reads its sockets after each step of work, and not only after 61 steps.
  const eventInterval = 'export DENO_TOKIO_EVENT_INTERVAL="${DENO_TOKIO_EVENT_INTERVAL:-1}"';
  // The heap grows to twice what is in use before garbage is collected, and not to four times.
  const heapGrowth = 'export DENO_V8_FLAGS="${DENO_V8_FLAGS:---heap-growing-percent=100}"';
  return `#!/bin/sh\n${eventInterval}\n${heapGrowth}\nexec deno ${words.join(" ")} "$@"\n`;
}

if (import.meta.main) {
  const [bundlePath = ""] = Deno.args;
  await new Blob([imageCommand(bundlePath)]).stream().pipeTo(Deno.stdout.writable);
}
