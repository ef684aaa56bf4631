import type { ConfigProblem } from "../errors.ts";
import type * as z from "zod/mini";
import { checkEntries } from "./check_entries.ts";
import { checkRules as checkRulesBeyondSchema } from "./check_rules.ts";
import { type Document, parseDocument } from "./document.ts";
import { createProblems } from "./schema_problems.ts";
import type { CheckedFile, FileChecks } from "./file_checks.ts";
import { findForeignFormat, findSwappedFile } from "./other_clients.ts";
import { rulesSchema } from "./rules_schema.ts";
import { serversSchema } from "./servers_schema.ts";

/** Finds every problem and its position. A start with valid files does not load this module. */
export const diagnosticChecks: FileChecks = {
  parse: parseDocument,
  checkServers(document) {
    // For another client's file, the schema would only report that `mcpServers` is missing.
    const problem = findSwappedFile("servers", document) ?? findForeignFormat(document);
    if (problem !== undefined) return { problems: [problem] };
    return check(serversSchema, document, checkEntries);
  },
  checkRules(document) {
    const swapped = findSwappedFile("rules", document);
    if (swapped !== undefined) return { problems: [swapped] };
    return check(rulesSchema, document, checkRulesBeyondSchema);
  },
};

function check<T extends z.ZodMiniType>(
  schema: T,
  document: Document,
  checkBeyondSchema: (document: Document) => ConfigProblem[],
): CheckedFile<z.infer<T>> {
  const { data, error } = parse(schema, document.value);
  if (error instanceof RangeError) {
    const message = "this file has too many errors to list them";
    return { problems: [document.createProblem([], message)] };
  }
  const problems = [
    ...createProblems(document, error?.issues ?? []),
    ...checkBeyondSchema(document),
  ];
  return { ...(data === undefined ? {} : { file: data }), problems };
}

/** Parses a value; the error is a `RangeError` if zod finds more issues than fit on the stack. */
function parse<T extends z.ZodMiniType>(
  schema: T,
  value: unknown,
): { readonly data?: z.infer<T>; readonly error?: z.core.$ZodError | RangeError } {
  try {
    return schema.safeParse(value);
  } catch (error) {
    if (error instanceof RangeError) return { error };
    throw error;
  }
}
