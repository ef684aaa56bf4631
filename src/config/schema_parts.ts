/**
 * Building blocks of both schemas. The message of every zod issue describes the expected value in
 * plain words; `explainIssues` makes sentences of them. `brief` is the description in the JSON
 * Schema.
 */
import * as z from "zod/mini";

/** Adds a description for the JSON Schema. Unlike `z.describe`, it does not copy the schema. */
export function addDescription<T extends z.ZodMiniType>(schema: T, description: string): T {
  z.globalRegistry.add(schema, { description });
  return schema;
}

/** Describes a list or an object with free keys. */
interface SchemaDescription {
  /** Names the items or values, such as `servers`. */
  readonly plural: string;
  readonly brief: string;
}

const name = z.string();

/** Any string. */
export function stringSchema(brief: string): z.ZodMiniString<string> {
  return addDescription(z.string("a string"), brief);
}

/** A string that passes a test; `kind` describes the expected value if it is not a string. */
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

/** One of a few words. */
export function enumSchema<const T extends readonly string[]>(values: T, brief: string) {
  const expected = `one of ${values.map((value) => JSON.stringify(value)).join(", ")}`;
  return addDescription(z.enum(values, expected), brief);
}

/** True or false. */
export function booleanSchema(brief: string): z.ZodMiniBoolean<boolean> {
  return addDescription(z.boolean("true or false"), brief);
}

/** A whole number in a range, both ends included. */
export function integerSchema([min, max]: readonly [min: number, max: number], brief: string) {
  const expected = `a whole number from ${min} to ${max}`;
  // Without `abort`, a number that is far out of range would be reported twice.
  return addDescription(
    z.int({ error: expected, abort: true }).check(z.gte(min, expected), z.lte(max, expected)),
    brief,
  );
}

/** A list. */
export function listSchema<T extends z.core.SomeType>(
  item: T,
  { plural, brief }: SchemaDescription,
) {
  return addDescription(z.array(item, `a list of ${plural}`), brief);
}

/** An object with free keys. */
export function recordSchema<T extends z.core.SomeType>(
  value: T,
  { plural, brief }: SchemaDescription,
) {
  return addDescription(z.record(name, value, `an object of ${plural} by name`), brief);
}

/** An object with these keys only. For an unknown key, the message lists the known ones. */
export function objectSchema<T extends z.core.$ZodShape>(shape: T, brief: string) {
  const error: z.core.$ZodErrorMap = (issue) =>
    issue.code === "unrecognized_keys" ? Object.keys(shape).join(" ") : "an object";
  return addDescription(z.strictObject(shape, { error }), brief);
}
