import type { JsonSchema } from "./json_schema.ts";
import type { JsonValue } from "./json_value.ts";

/** What is wrong with a value. */
export interface Issue {
  /** Where it stands; keys are encoded by `encodeKey`. */
  readonly path: readonly (string | number)[];
  /** What was expected, in words that follow "expected". */
  readonly expected: string;
  /**
   * What does not fit: the `kind` of the value; a `number`, which is no secret where one belongs;
   * the `word`; the text, by a `test`; or an unknown `key`.
   */
  readonly why: "kind" | "number" | "word" | "test" | "key";
  /** The words or keys that would fit. */
  readonly known: readonly string[];
}

/** What a value must be like, and what to make of it. */
export interface Shape<T> {
  /** The same in the words of JSON Schema, as far as those go. */
  readonly schema: JsonSchema;
  /** Reads a value; undefined for an absent one. What it gives after an issue is not to be used. */
  read(value: JsonValue | undefined, reader: Reader): T;
  /** What an object does where the key is absent, other than to report that it is missing. */
  readonly absent?: "skip" | "read";
}

/** What is read by a shape. */
export type Read<S> = S extends Shape<infer T> ? T : never;

/** Collects what is wrong while a value is read. */
export class Reader {
  /** What was found so far. */
  readonly issues: Issue[] = [];
  readonly #path: (string | number)[] = [];

  /** Reads what stands at a key or position of the value that is being read. */
  readAt<T>(part: string | number, shape: Shape<T>, value: JsonValue | undefined): T {
    this.#path.push(part);
    const read = shape.read(value, this);
    this.#path.pop();
    return read;
  }

  /** Notes what is wrong with the value that is being read. */
  report(why: Issue["why"], expected: string, known: readonly string[] = []): void {
    this.issues.push({ path: [...this.#path], why, expected, known });
  }

  /** Notes a key that the object that is being read must not have. */
  reportKey(key: string, known: readonly string[]): void {
    this.issues.push({ path: [...this.#path, key], why: "key", expected: "", known });
  }
}

/** Reads a whole value; there is nothing to use where there are issues. */
export function readShape<T>(
  shape: Shape<T>,
  value: JsonValue,
): { readonly data?: T; readonly issues: readonly Issue[] } {
  const reader = new Reader();
  const data = shape.read(value, reader);
  const { issues } = reader;
  return issues.length > 0 ? { issues } : { data, issues };
}
