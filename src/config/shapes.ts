/**
 * The shapes that both schemas are made of. They are our own, because a validation library is
 * several times as much code, and every start would pay for loading it: 8 ms of 53 for zod.
 */
import type { JsonSchema } from "./json_schema.ts";
import { isObject, type JsonValue } from "./json_value.ts";
import type { Read, Reader, Shape } from "./shape.ts";

/** A key that may be absent. */
type Optional<T> = Shape<T> & { readonly absent: "skip" };

type Fields = { readonly [key: string]: Shape<unknown> };

/** The object that fields make; a key that may be absent is optional in it. */
type ReadFields<F extends Fields> =
  & { readonly [K in keyof F as F[K] extends Optional<unknown> ? never : K]: Read<F[K]> }
  & { readonly [K in keyof F as F[K] extends Optional<unknown> ? K : never]?: Read<F[K]> };

/** An object with known keys. */
type ObjectShape<F extends Fields> = Shape<ReadFields<F>> & {
  /** The keys that it knows. */
  readonly keys: readonly string[];
};

/** Text of any kind. */
export function text(brief: string): Shape<string> {
  return ofKind<string>("", "a string", brief);
}

/** Text that passes a test, with words for what passes, and for the kind of value. */
export function textThat(
  test: (value: string) => boolean,
  expected: string,
  brief: string,
  kind: string = expected,
): Shape<string> {
  const any = ofKind<string>("", kind, brief);
  return {
    schema: any.schema,
    read(value, reader) {
      const read = any.read(value, reader);
      if (typeof value === "string" && !test(value)) reader.report("test", expected);
      return read;
    },
  };
}

/** One of a few words. */
export function oneOf<const W extends string>(values: readonly W[], brief: string): Shape<W> {
  const expected = `one of ${values.map((value) => JSON.stringify(value)).join(", ")}`;
  return {
    schema: { type: "string", enum: values, description: brief },
    read(value, reader) {
      if (!values.includes(value as W)) reader.report("word", expected, values);
      return value as W;
    },
  };
}

/** True or false. */
export function yesOrNo(brief: string): Shape<boolean> {
  return ofKind<boolean>(false, "true or false", brief);
}

/** A whole number in a range. */
export function wholeNumber(least: number, most: number, brief: string): Shape<number> {
  const expected = `a whole number from ${least} to ${most}`;
  return {
    schema: { type: "integer", minimum: least, maximum: most, description: brief },
    read(value, reader) {
      if (typeof value !== "number") reader.report("kind", expected);
      else if (!Number.isInteger(value) || value < least || value > most) {
        reader.report("number", expected);
      }
      return value as number;
    },
  };
}

/** A list; the plural names its items. */
export function listOf<T>(item: Shape<T>, plural: string, brief: string): Shape<readonly T[]> {
  const expected = `a list of ${plural}`;
  return {
    schema: { type: "array", items: item.schema, description: brief },
    read(value, reader) {
      if (Array.isArray(value)) return value.map((one, at) => reader.readAt(at, item, one));
      reader.report("kind", expected);
      return [];
    },
  };
}

/** Values by free names; the plural names the values. */
export function recordOf<T>(
  item: Shape<T>,
  plural: string,
  brief: string,
  more: JsonSchema = {},
): Shape<Readonly<Record<string, T>>> {
  const expected = `an object of ${plural} by name`;
  return {
    schema: { type: "object", additionalProperties: item.schema, description: brief, ...more },
    read(value, reader) {
      const read: Record<string, T> = Object.create(null);
      if (!isObject(value)) reader.report("kind", expected);
      else for (const key of Object.keys(value)) read[key] = reader.readAt(key, item, value[key]);
      return read;
    },
  };
}

/** An object with exactly these keys. */
export function strict<F extends Fields>(fields: F, brief: string): ObjectShape<F> {
  return object(fields, brief, true);
}

/** An object that may have other keys besides, which are ignored. */
export function loose<F extends Fields>(fields: F, brief: string): ObjectShape<F> {
  return object(fields, brief, false);
}

/** Text of one shape or an object of another, with words for both. */
export function textOr<T>(
  text: Shape<string>,
  object: Shape<T>,
  expected: string,
): Shape<string | T> {
  return {
    schema: { anyOf: [text.schema, object.schema] },
    read(value, reader): string | T {
      if (isObject(value)) return object.read(value, reader);
      if (typeof value !== "string") reader.report("kind", expected);
      return typeof value === "string" ? text.read(value, reader) : "";
    },
  };
}

/** A key that may be absent. */
export function optional<T>(shape: Shape<T>): Optional<T> {
  return { ...shape, absent: "skip" };
}

/** A key that, where absent, counts as if this stood there. */
export function withDefault<T>(shape: Shape<T>, value: JsonValue): Shape<T> {
  return {
    schema: { default: value, ...shape.schema },
    absent: "read",
    read: (given, reader) => shape.read(given === undefined ? value : given, reader),
  };
}

function ofKind<T extends string | boolean>(
  example: T,
  expected: string,
  brief: string,
): Shape<T> {
  const type = typeof example;
  return {
    schema: { type, description: brief },
    read(value, reader) {
      const kind = typeof value;
      if (kind !== type) reader.report("kind", expected);
      return value as T;
    },
  };
}

function object<F extends Fields>(
  fields: F,
  brief: string,
  isStrict: boolean,
): ObjectShape<F> {
  const all = Object.entries(fields);
  const keys = Object.keys(fields);
  const required = all.filter(([, { absent }]) => absent === undefined).map(([key]) => key);
  const read = (value: JsonValue | undefined, reader: Reader): ReadFields<F> => {
    const made: Record<string, unknown> = {};
    if (!isObject(value)) {
      reader.report("kind", "an object");
      return made as ReadFields<F>;
    }
    for (const [key, shape] of all) {
      if (value[key] === undefined && shape.absent === "skip") continue;
      made[key] = reader.readAt(key, shape, value[key]);
    }
    if (isStrict) {
      for (const key of Object.keys(value)) {
        if (!Object.hasOwn(fields, key)) reader.reportKey(key, keys);
      }
    }
    return made as ReadFields<F>;
  };
  const schema = {
    type: "object",
    properties: Object.fromEntries(all.map(([key, shape]) => [key, shape.schema])),
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: isStrict ? false : {},
    description: brief,
  };
  return { schema, keys, read };
}
