import rulesSchema from "../../config/rules.schema.json" with { type: "json" };
import serversSchema from "../../config/servers.schema.json" with { type: "json" };
import { accept } from "./accept.ts";
import { checkEntries } from "./check_entries.ts";
import { checkRules } from "./check_rules.ts";
import type { Document } from "./document.ts";
import type { CheckedFile, FileChecks } from "./file_checks.ts";
import type { JsonSchema } from "./json_schema.ts";
import { parsePlain } from "./plain_json.ts";

/**
 * Tells good files from others, and no more: a problem means that `fullChecks` have to look. Zod is
 * left out: the JSON Schemas that were made from its schemas are enough, and 8 ms quicker to load.
 */
export const plainChecks: FileChecks = {
  parse: parsePlain,
  checkServers: (document) => check(serversSchema, document, checkEntries),
  checkRules: (document) => check(rulesSchema, document, checkRules),
};

function check<T>(
  schema: JsonSchema,
  document: Document,
  checkBeyond: typeof checkRules,
): CheckedFile<T> {
  const value = accept(schema, document.value);
  if (value === undefined) {
    return { problems: [document.problem([], "not surely as it should be")] };
  }
  // What the schema accepts is what zod would have made: tests/property/config_accept_test.ts.
  return { file: value as T, problems: checkBeyond(document) };
}
