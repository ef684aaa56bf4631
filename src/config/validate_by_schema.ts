import type { JsonSchema } from "./json_schema.ts";
import { isObject, type JsonObject, type JsonValue } from "./json_value.ts";

type Test = (value: JsonValue) => boolean;

/** For each supported JSON Schema keyword, a function that creates its test from its argument. */
const KEYWORD_TESTS = new Map<string, (argument: never) => Test>(Object.entries(
  {
    type: (type: string) => (value) => isOfType(type, value),
    enum: (words: JsonValue[]) => (value) => words.includes(value),
    minimum: (min: number) => (value) => typeof value !== "number" || value >= min,
    maximum: (max: number) => (value) => typeof value !== "number" || value <= max,
    minItems: (min: number) => (value) => !Array.isArray(value) || value.length >= min,
    minProperties: (min: number) => (value) => !isObject(value) || Object.keys(value).length >= min,
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
  } satisfies Record<string, (argument: never) => Test>,
));

/** Keywords for the parts of a value; `validateParts` applies them. */
const PART_KEYWORDS = ["anyOf", "properties", "additionalProperties", "items", "default"];

/** Keywords without a test: annotations, and combinations of keys that `checkEntries` checks. */
const IGNORED_KEYWORDS = [
  ...["$schema", "title", "description", "examples", "allowComments", "allowTrailingCommas"],
  ...["oneOf", "if", "then"],
];

/** A cache of the tests of each schema, because one schema validates many values. */
const testsBySchema = new WeakMap<JsonSchema, readonly Test[]>();

/**
 * Validates a value by a JSON Schema that was generated from a zod schema.
 *
 * @returns The value that zod would return, with defaults filled in. Undefined if the value is
 * invalid, or if the schema has an unsupported keyword, such as `$comment`; then zod has to
 * validate the value.
 */
export function validateBySchema(schema: JsonSchema, value: JsonValue): JsonValue | undefined {
  let tests = testsBySchema.get(schema);
  if (tests === undefined) testsBySchema.set(schema, tests = createTests(schema));
  return tests.every((test) => test(value)) ? validateParts(schema, value) : undefined;
}

function createTests(schema: JsonSchema): Test[] {
  return Object.entries(schema)
    .filter(([keyword]) => !PART_KEYWORDS.includes(keyword) && !IGNORED_KEYWORDS.includes(keyword))
    .map(([keyword, argument]) => KEYWORD_TESTS.get(keyword)?.(argument as never) ?? (() => false));
}

function isOfType(type: string, value: JsonValue): boolean {
  if (type === "integer") return Number.isSafeInteger(value);
  if (type === "array") return Array.isArray(value);
  if (type === "object") return isObject(value);
  if (type === "number") return Number.isFinite(value);
  return (type === "string" || type === "boolean") && typeof value === type;
}

function validateParts(schema: JsonSchema, value: JsonValue): JsonValue | undefined {
  const { anyOf, items, properties, additionalProperties: otherMembers } = schema;
  if (Array.isArray(anyOf)) {
    for (const alternative of anyOf) {
      const result = validateBySchema(alternative, value);
      if (result !== undefined) return result;
    }
    return undefined;
  }
  if (Array.isArray(value) && items !== undefined) {
    const result: JsonValue[] = [];
    for (const item of value) {
      const validItem = validateBySchema(items as JsonSchema, item);
      if (validItem === undefined) return undefined;
      result.push(validItem);
    }
    return result;
  }
  const isRecord = properties !== undefined || otherMembers !== undefined;
  if (!isRecord || !isObject(value)) return value;
  return validateObject((properties ?? {}) as Record<string, JsonSchema>, otherMembers, value);
}

function validateObject(
  properties: Readonly<Record<string, JsonSchema>>,
  otherMembers: unknown,
  value: JsonObject,
): JsonObject | undefined {
  const result: Record<string, JsonValue> = {};
  for (const [key, schema] of Object.entries(properties)) {
    const member = key in value ? value[key] : schema["default"] as JsonValue | undefined;
    if (member === undefined) continue;
    const validMember = validateBySchema(schema, member);
    if (validMember === undefined) return undefined;
    result[key] = validMember;
  }
  for (const [key, member] of Object.entries(value)) {
    if (Object.hasOwn(properties, key)) continue;
    const validMember = otherMembers === false
      ? undefined
      : validateBySchema((otherMembers ?? {}) as JsonSchema, member);
    if (validMember === undefined) return undefined;
    result[key] = validMember;
  }
  return result;
}
