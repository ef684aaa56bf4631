import * as z from "zod/mini";
import { casesSchema } from "./cases_schema.ts";
import { CASES_DETAILS, RULES_DETAILS, SERVERS_DETAILS } from "./json_schema_details.ts";
import { rulesSchema } from "./rules_schema.ts";
import { serversSchema } from "./servers_schema.ts";
import { isRecord } from "../json.ts";

/** A JSON Schema, or a part of one. */
export type JsonSchema = { [key: string]: unknown };

/** The schema of each file, and the details that zod cannot express. */
const FILES = {
  servers: { schema: serversSchema, details: SERVERS_DETAILS },
  rules: { schema: rulesSchema, details: RULES_DETAILS },
  tests: { schema: casesSchema, details: CASES_DETAILS },
} as const;

/**
 * Generates the JSON Schema of a file from the schema that the gateway checks it with. The target
 * is draft 7, which editors support best.
 *
 * @see {@link https://json-schema.org/draft-07}
 */
export function createJsonSchema(file: keyof typeof FILES): JsonSchema {
  const { schema, details } = FILES[file];
  const generatedSchema = z.toJSONSchema(schema, { io: "input", target: "draft-7" }) as JsonSchema;
  return addDetails(generatedSchema, "", details);
}

/**
 * Adds details to a schema and its parts: examples, and keywords for checks that zod cannot write as JSON
 * Schema, because they are functions.
 */
function addDetails(
  schema: JsonSchema,
  path: string,
  details: Readonly<Record<string, JsonSchema>>,
): JsonSchema {
  const addToPart = (value: unknown, part: string): unknown => {
    return isSchema(value) ? addDetails(value, `${path}${part}`, details) : value;
  };
  // An example of the whole need not match each alternative.
  const addToAlternative = (alternative: unknown): unknown => {
    if (!isSchema(alternative)) return alternative;
    const { examples: _, ...keywords } = details[path] ?? {};
    return addDetails(alternative, path, { ...details, [path]: keywords });
  };
  const { properties, additionalProperties, items, anyOf, propertyNames, ...otherKeywords } =
    schema;
  const allowsAnyName = isSchema(propertyNames) &&
    JSON.stringify(propertyNames) === '{"type":"string"}';
  return {
    ...otherKeywords,
    // Leave out `propertyNames` that allows any name.
    ...(propertyNames === undefined || allowsAnyName ? {} : { propertyNames }),
    ...(details[path] ?? {}),
    ...(isSchema(properties)
      ? {
        properties: Object.fromEntries(
          Object.entries(properties).map(([key, value]) => {
            return [key, addToPart(value, path === "" ? key : `.${key}`)];
          }),
        ),
      }
      : {}),
    ...(Array.isArray(anyOf) ? { anyOf: anyOf.map(addToAlternative) } : {}),
    ...(items === undefined ? {} : { items: addToPart(items, "[]") }),
    ...(additionalProperties === undefined
      ? {}
      : { additionalProperties: addToPart(additionalProperties, ".*") }),
  };
}

function isSchema(value: unknown): value is JsonSchema {
  return isRecord(value);
}
