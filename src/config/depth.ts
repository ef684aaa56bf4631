import { ConfigError, problemWithoutPosition } from "../errors.ts";
import type { Environment } from "./environment.ts";

/** The environment variable with the nesting depth: the number of gateways above this process. */
export const DEPTH_VARIABLE = "GATEWAY_DEPTH";

/**
 * The environment variable with the marks of a server's process, one from each gateway above it. Child processes
 * inherit it, even if they leave the server's process group.
 */
export const MARK_VARIABLE = "GATEWAY_PROCESS_MARK";

/** A gateway refuses to start at this depth: such a chain is probably a loop. */
export const MAX_DEPTH = 3;

/**
 * Reads the nesting depth; 0 if the variable is absent or empty.
 *
 * @throws {ConfigError} if the variable is not a whole number: guessing 0 could hide a loop.
 */
export function readDepth(env: Environment): number {
  const text = env.get(DEPTH_VARIABLE) ?? "";
  if (/^\d{0,6}$/.test(text)) return Number(text);
  const message = "expected a whole number; the gateway sets this variable itself, so unset it";
  throw new ConfigError([problemWithoutPosition(message, { path: DEPTH_VARIABLE })]);
}
