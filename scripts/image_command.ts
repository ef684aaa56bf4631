/**
 * Prints the command `agent-mcp-gateway` of the container image: a script that starts the bundle
 * with the permissions of the gateway, and leaves its place to it, so that signals arrive.
 *
 * @module
 */

import { permissionFlags } from "./permissions.ts";

/**
 * The text of the command.
 *
 * @param bundlePath Where the bundle is in the image.
 */
export function imageCommand(bundlePath: string): string {
  // Settings of a folder that the gateway happens to run in are none of its own.
  const words = ["run", "--no-config", "--no-lock", ...permissionFlags(), bundlePath];
  const odd = words.find((word) => !/^[\w./,:=-]+$/.test(word));
  if (odd !== undefined) throw new Error(`A shell would not take ${odd} as it is`);
  return `#!/bin/sh\nexec deno ${words.join(" ")} "$@"\n`;
}

if (import.meta.main) {
  const [bundlePath = ""] = Deno.args;
  await new Blob([imageCommand(bundlePath)]).stream().pipeTo(Deno.stdout.writable);
}
