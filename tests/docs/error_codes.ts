import { join } from "node:path";
import { ROOT } from "../e2e/gateway_command.ts";

/** The codes of `ErrorCode` in src/errors.ts, read from the source because a type has no value at run time. */
export const ERROR_CODES: readonly string[] = readCodes();

function readCodes(): string[] {
  const source = Deno.readTextFileSync(join(ROOT, "src/errors.ts"));
  const [, union = ""] = /export type ErrorCode =([^;]*);/.exec(source) ?? [];
  return [...union.matchAll(/"([A-Z_]+)"/g)].map(([, code = ""]) => code);
}
