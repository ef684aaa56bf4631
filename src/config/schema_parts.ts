/**
 * Functions that create the parts of both schemas. The message of every zod issue describes the
 * expected value in plain words; `createProblems` completes it to a sentence. `brief` is the
 * description in the JSON Schema.
 */
import * as z from "zod/mini";
import type { JsonValue } from "./json_value.ts";

/** Adds a description for the JSON Schema. Unlike `z.describe`, it does not copy the schema. */
export function addDescription<T extends z.ZodMiniType>(schema: T, description: string): T {
  z.globalRegistry.add(schema, { description });
  return schema;
}

/** The description of a list, or of an object with any keys. */
interface SchemaDescription {
  /** Names the items or values, such as `servers`. */
  readonly plural: string;
  readonly brief: string;
}

const name = z.string();

/** Creates a schema for any string. */
export function stringSchema(brief: string): z.ZodMiniString<string> {
  return addDescription(z.string("a string"), brief);
}

/** Creates a schema for a string that passes a test; `kind` describes the expected type. */
export function stringSchemaWithTest(
  test: (value: string) => boolean,
  { expected, brief, kind = expected }: {
    readonly expected: string;
    readonly brief: string;
    readonly kind?: string;
  },
): z.ZodMiniString<string> {
  return addDescription(z.string(kind).check(z.refine(test, expected)), brief);
}

/** Creates a schema for one of several words. */
export function enumSchema<const T extends readonly string[]>(values: T, brief: string) {
  const expected = `one of ${values.map((value) => JSON.stringify(value)).join(", ")}`;
  return addDescription(z.enum(values, expected), brief);
}

/** Creates a schema for a boolean. */
export function booleanSchema(brief: string): z.ZodMiniBoolean<boolean> {
  return addDescription(z.boolean("true or false"), brief);
}

/** Creates a schema for any number. */
export function numberSchema(brief: string): z.ZodMiniNumber<number> {
  return addDescription(z.number("a number"), brief);
}

/** Creates a schema for any JSON value. */
export function anySchema(brief: string): z.ZodMiniType<JsonValue> {
  return addDescription(z.unknown(), brief) as z.ZodMiniType<JsonValue>;
}

/** Creates a schema for an integer in a range, both ends included. */
export function integerSchema([min, max]: readonly [min: number, max: number], brief: string) {
  const expected = `a whole number from ${min} to ${max}`;
  // Without `abort`, a number that is far out of range would be reported twice.
  return addDescription(
    z.int({ error: expected, abort: true }).check(z.gte(min, expected), z.lte(max, expected)),
    brief,
  );
}

/** Creates a schema for a list. */
export function listSchema<T extends z.core.SomeType>(
  item: T,
  { plural, brief }: SchemaDescription,
) {
  return addDescription(z.array(item, `a list of ${plural}`), brief);
}

/** Creates a schema for an object with any keys. */
export function recordSchema<T extends z.core.SomeType>(
  value: T,
  { plural, brief }: SchemaDescription,
) {
  return addDescription(z.record(name, value, `an object of ${plural} by name`), brief);
}

/**
 * Creates a schema for an object with these keys only. The message for another key lists the keys.
 */
export function objectSchema<T extends z.core.$ZodShape>(shape: T, brief: string) {
  const error: z.core.$ZodErrorMap = (issue) =>
    issue.code === "unrecognized_keys" ? Object.keys(shape).join(" ") : "an object";
  return addDescription(z.strictObject(shape, { error }), brief);
}

/** Minimum tokens of a result: a smaller limit would leave no room for the head, the tail and the hint of a cut result. */
const MIN_RESULT_TOKENS = 200;

/** The schema of `max_result_tokens`, which both files have. */
export const maxResultTokens = z.optional(
  integerSchema(
    [MIN_RESULT_TOKENS, 2 ** 31 - 1],
    "Tokens of a tool's result; a larger one is cut, and the whole is kept for `read_result`.",
  ),
);
