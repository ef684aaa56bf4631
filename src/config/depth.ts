import { ConfigError } from "../errors.ts";
import type { Environment } from "./environment.ts";

/** The variable that tells a gateway how many gateways are above it. */
export const DEPTH_VARIABLE = "GATEWAY_DEPTH";

/** A gateway started at this depth refuses to start: such a chain is taken for a loop. */
export const MAX_DEPTH = 3;

/**
 * How many gateways are above this one; 0 where the variable is absent or empty.
 *
 * @throws {ConfigError} The variable is not a whole number: guessing 0 could hide a loop.
 */
export function readDepth(env: Environment): number {
  const text = env.get(DEPTH_VARIABLE) ?? "";
  if (/^\d{0,6}$/.test(text)) return Number(text);
  throw new ConfigError([{
    file: "",
    line: 0,
    column: 0,
    path: DEPTH_VARIABLE,
    message: "expected a whole number; this variable is the gateway's own, unset it",
  }]);
}
