/**
 * The shapes that both schemas are made of. The message of every zod issue is what was expected, in
 * plain words; `explainIssues` makes sentences of them.
 */
import * as z from "zod/mini";

/** Keeps a description for the JSON Schema; unlike `z.describe` it makes no copy of the schema. */
export function described<T extends z.ZodMiniType>(schema: T, description: string): T {
  z.globalRegistry.add(schema, { description });
  return schema;
}

const name = z.string();

/** Text of any kind. */
export function text(brief: string): z.ZodMiniString<string> {
  return described(z.string("a string"), brief);
}

/** Text that passes a test, with words for what passes, and for the kind of value. */
export function textThat(
  test: (value: string) => boolean,
  expected: string,
  brief: string,
  kind: string = expected,
): z.ZodMiniString<string> {
  return described(z.string(kind).check(z.refine(test, expected)), brief);
}

/** One of a few words. */
export function oneOf<const T extends readonly string[]>(values: T, brief: string) {
  const expected = `one of ${values.map((value) => JSON.stringify(value)).join(", ")}`;
  return described(z.enum(values, expected), brief);
}

/** True or false. */
export function yesOrNo(brief: string): z.ZodMiniBoolean<boolean> {
  return described(z.boolean("true or false"), brief);
}

/** A whole number in a range. */
export function wholeNumber(least: number, most: number, brief: string) {
  const expected = `a whole number from ${least} to ${most}`;
  // Otherwise a number that is far out of range would be told twice.
  return described(
    z.int({ error: expected, abort: true }).check(z.gte(least, expected), z.lte(most, expected)),
    brief,
  );
}

/** A list; the plural names its items. */
export function listOf<T extends z.core.SomeType>(item: T, plural: string, brief: string) {
  return described(z.array(item, `a list of ${plural}`), brief);
}

/** Values by free names; the plural names the values. */
export function recordOf<T extends z.core.SomeType>(value: T, plural: string, brief: string) {
  return described(z.record(name, value, `an object of ${plural} by name`), brief);
}

/** An object with exactly these keys. For an unknown key the message lists the known ones. */
export function strict<T extends z.core.$ZodShape>(shape: T, brief: string) {
  const error: z.core.$ZodErrorMap = (issue) =>
    issue.code === "unrecognized_keys" ? Object.keys(shape).join(" ") : "an object";
  return described(z.strictObject(shape, { error }), brief);
}
