import { describeFile } from "../config/mod.ts";
import type { Outputs } from "./terminal.ts";

/** One of the two configuration files. */
export type SchemaName = "servers" | "rules";

/**
 * Prints the JSON Schema of a configuration file.
 *
 * @param name Which file.
 * @param outputs Where to print.
 * @returns The exit code.
 */
export async function schema(name: SchemaName, { stdout }: Outputs): Promise<number> {
  stdout.write(`${JSON.stringify(await describeFile(name), null, 2)}\n`);
  return 0;
}
