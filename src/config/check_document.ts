import type { ConfigProblem } from "../errors.ts";
import type * as z from "zod/mini";
import type { Document } from "./document.ts";
import type { CheckedFile } from "./file_checks.ts";
import { createProblems } from "./schema_problems.ts";

/** Checks a document by a schema of zod, and by the rules beyond it; finds every problem and its position. */
export function checkDocument<T extends z.ZodMiniType>(
  document: Document,
  { schema, checkBeyondSchema }: {
    readonly schema: T;
    readonly checkBeyondSchema: (document: Document) => ConfigProblem[];
  },
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
