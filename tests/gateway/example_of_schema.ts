import { fieldsOf, isRecord } from "../../src/json.ts";

/** Returns a value that a JSON Schema allows, for the schemas of the recorded tools. */
export function exampleOf(
  schema: unknown,
  options: { readonly withOptional: boolean; readonly root?: unknown },
): unknown {
  const { withOptional, root = schema } = options;
  const example = (part: unknown): unknown => exampleOf(part, { withOptional, root });
  if (!isRecord(schema)) return "anything";
  if ("const" in schema) return schema["const"];
  if (Array.isArray(schema["enum"])) return schema["enum"][0];
  if (typeof schema["$ref"] === "string") return example(resolve(schema["$ref"], root));
  const [alternative] = [schema["anyOf"], schema["oneOf"], schema["allOf"]]
    .flatMap((parts) => Array.isArray(parts) ? parts : []);
  const isTyped = isRecord(schema["properties"]) || "type" in schema;
  if (alternative !== undefined && !isTyped) return example(alternative);
  const [type] = [schema["type"]].flat();
  switch (type) {
    case "string":
      return "a text";
    case "integer":
    case "number":
      return 1;
    case "boolean":
      return true;
    case "null":
      return null;
    case "array":
      return "items" in schema ? [example(schema["items"])] : [];
  }
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  const properties = Object.entries(fieldsOf(schema["properties"]))
    .filter(([name]) => withOptional || required.includes(name));
  return Object.fromEntries(properties.map(([name, part]) => [name, example(part)]));
}

function resolve(reference: string, root: unknown): unknown {
  const keys = reference.replace(/^#\/?/, "").split("/").filter((key) => key !== "");
  return keys.reduce<unknown>((part, key) => fieldsOf(part)[key], root);
}
