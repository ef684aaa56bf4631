/**
 * The program's version. A leaf: imports nothing of the project but its `deno.json`.
 *
 * @module
 */
import configuration from "../deno.json" with { type: "json" };

/** The program's version. */
export const VERSION: string = configuration.version;
