import type { JsonSchema } from "./json_schema.ts";
import { isObject, type JsonObject, type JsonValue } from "./json_value.ts";

type Test = (value: JsonValue) => boolean;

/** The test that each supported JSON Schema keyword makes. */
const KEYWORD_TESTS = new Map<string, (asked: never) => Test>(Object.entries(
  {
    type: (type: string) => (value) => isOfType(type, value),
    enum: (words: JsonValue[]) => (value) => words.includes(value),
    minimum: (min: number) => (value) => typeof value !== "number" || value >= min,
    maximum: (max: number) => (value) => typeof value !== "number" || value <= max,
    minLength: (min: number) => (value) => typeof value !== "string" || value.length >= min,
    pattern: (pattern: string) => {
      const shape = new RegExp(pattern, "u");
      return (value) => typeof value !== "string" || shape.test(value);
    },
    required: (names: string[]) => (value) =>
      !isObject(value) || names.every((name) => Object.hasOwn(value, name)),
    propertyNames: (names: JsonSchema) => (value) =>
      !isObject(value) ||
      Object.keys(value).every((name) => validateBySchema(names, name) !== undefined),
  } satisfies Record<string, (asked: never) => Test>,
));

/** Keywords about the parts of a value; `make` applies them. */
const PART_KEYWORDS = ["anyOf", "properties", "additionalProperties", "items", "default"];

/** Keywords that test nothing here: annotations, and key combinations, which `checkEntries` checks. */
const IGNORED_KEYWORDS = [
  ...["$schema", "title", "description", "examples", "allowComments", "allowTrailingCommas"],
  ...["oneOf", "if", "then"],
];

/** Cached tests by schema, because one schema checks many values. */
const testsBySchema = new WeakMap<JsonSchema, readonly Test[]>();

/**
 * Validates a value by a JSON Schema that was generated from a zod schema.
 *
 * @returns The value that zod would return, defaults filled in. Undefined if zod has to decide: the
 * value is wrong, or the schema has a keyword that is unknown here, such as `$comment`.
 */
export function validateBySchema(schema: JsonSchema, value: JsonValue): JsonValue | undefined {
  let tests = testsBySchema.get(schema);
  if (tests === undefined) testsBySchema.set(schema, tests = createTests(schema));
  return tests.every((test) => test(value)) ? validateParts(schema, value) : undefined;
}

function createTests(schema: JsonSchema): Test[] {
  return Object.entries(schema)
    .filter(([word]) => !PART_KEYWORDS.includes(word) && !IGNORED_KEYWORDS.includes(word))
    .map(([word, asked]) => KEYWORD_TESTS.get(word)?.(asked as never) ?? (() => false));
}

function isOfType(type: string, value: JsonValue): boolean {
  if (type === "integer") return Number.isSafeInteger(value);
  if (type === "array") return Array.isArray(value);
  if (type === "object") return isObject(value);
  return (type === "string" || type === "boolean") && typeof value === type;
}

function validateParts(schema: JsonSchema, value: JsonValue): JsonValue | undefined {
  const { anyOf, items, properties, additionalProperties: others } = schema;
  if (Array.isArray(anyOf)) {
    for (const one of anyOf) {
      const made = validateBySchema(one, value);
      if (made !== undefined) return made;
    }
    return undefined;
  }
  if (Array.isArray(value) && items !== undefined) {
    const made: JsonValue[] = [];
    for (const item of value) {
      const one = validateBySchema(items as JsonSchema, item);
      if (one === undefined) return undefined;
      made.push(one);
    }
    return made;
  }
  const isRecord = properties !== undefined || others !== undefined;
  if (!isRecord || !isObject(value)) return value;
  return validateObject((properties ?? {}) as Record<string, JsonSchema>, others, value);
}

function validateObject(
  properties: Readonly<Record<string, JsonSchema>>,
  others: unknown,
  value: JsonObject,
): JsonObject | undefined {
  const made: Record<string, JsonValue> = {};
  for (const [key, schema] of Object.entries(properties)) {
    const given = key in value ? value[key] : schema["default"] as JsonValue | undefined;
    if (given === undefined) continue;
    const one = validateBySchema(schema, given);
    if (one === undefined) return undefined;
    made[key] = one;
  }
  for (const [key, member] of Object.entries(value)) {
    if (Object.hasOwn(properties, key)) continue;
    const one = others === false
      ? undefined
      : validateBySchema((others ?? {}) as JsonSchema, member);
    if (one === undefined) return undefined;
    made[key] = one;
  }
  return made;
}
