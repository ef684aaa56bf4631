import type { JsonSchema } from "./json_schema.ts";

/**
 * Returns the JSON Schema of the servers file or the rules file, with descriptions and examples,
 * for editors.
 */
export async function createFileSchema(file: "servers" | "rules"): Promise<JsonSchema> {
  // A gateway that serves must not load zod.
  const { createJsonSchema } = await import("./json_schema.ts");
  return createJsonSchema(file);
}
