import type { JsonSchema } from "./json_schema.ts";

/**
 * Returns the JSON Schema of the servers file, the rules file or the file of cases for `test`, with
 * descriptions and examples, for editors.
 */
export async function createFileSchema(file: "servers" | "rules" | "tests"): Promise<JsonSchema> {
  // A gateway that serves must not load zod.
  const { createJsonSchema } = await import("./json_schema.ts");
  return createJsonSchema(file);
}
