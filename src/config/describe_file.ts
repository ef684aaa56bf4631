import type { JsonSchema } from "./json_schema.ts";

/**
 * The JSON Schema of one of the two files, with descriptions and examples, for editors.
 *
 * @param file The servers file or the rules file.
 */
export async function describeFile(file: "servers" | "rules"): Promise<JsonSchema> {
  // Serving must not load any of it.
  const { makeJsonSchema } = await import("./json_schema.ts");
  return makeJsonSchema(file);
}
