import { fileURLToPath } from "node:url";
import fc from "fast-check";

const CORPUS_FOLDER = new URL("./corpus/", import.meta.url);

/** Maximum number of changes of one corpus entry. */
const MAX_CHANGES = 12;

/** Reads the kept inputs of a target. */
export function readCorpus(target: string): Uint8Array<ArrayBuffer>[] {
  const folder = new URL(`${target}/`, CORPUS_FOLDER);
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort()
    .map((name) => Deno.readFileSync(new URL(name, folder)));
}

/**
 * Keeps an input that broke a target, so that every later run begins with it.
 *
 * @returns The path of the new file.
 */
export async function keepInput(target: string, input: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", input)).toHex();
  const url = new URL(`${target}/broken-${hash.slice(0, 12)}`, CORPUS_FOLDER);
  Deno.writeFileSync(url, input);
  return fileURLToPath(url);
}

/** Bytes that are borders for some parser. */
const BORDER_BYTES = [
  0,
  9,
  10,
  13,
  32,
  34,
  39,
  42,
  44,
  58,
  63,
  92,
  123,
  125,
  0x7f,
  0x80,
  0xc0,
  0xff,
];

/** One change of an input; positions are taken modulo its length. */
type Change =
  | { readonly kind: "set"; readonly at: number; readonly byte: number }
  | { readonly kind: "insert"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "delete"; readonly at: number; readonly count: number }
  | {
    readonly kind: "repeat";
    readonly at: number;
    readonly count: number;
    readonly times: number;
  };

/**
 * Generates inputs: entries of the corpus with some changes.
 *
 * @param words Texts that mean something to the target, which changes insert.
 */
export function anyInput(
  corpus: readonly Uint8Array[],
  words: readonly string[],
): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  const anyPosition = fc.nat(0xffff);
  const anyByte = fc.oneof(fc.constantFrom(...BORDER_BYTES), fc.nat(255));
  const anyWord = fc.oneof(
    fc.constantFrom(...words.map((word) => encoder.encode(word))),
    fc.uint8Array({ minLength: 1, maxLength: 8 }),
    fc.constantFrom(...corpus),
  );
  const anyChange: fc.Arbitrary<Change> = fc.oneof(
    fc.record({ kind: fc.constant("set" as const), at: anyPosition, byte: anyByte }),
    fc.record({ kind: fc.constant("insert" as const), at: anyPosition, bytes: anyWord }),
    fc.record({
      kind: fc.constant("delete" as const),
      at: anyPosition,
      count: fc.integer({ min: 1, max: 64 }),
    }),
    fc.record({
      kind: fc.constant("repeat" as const),
      at: anyPosition,
      count: fc.integer({ min: 1, max: 16 }),
      times: fc.integer({ min: 2, max: 200 }),
    }),
  );
  return fc.tuple(fc.constantFrom(...corpus), fc.array(anyChange, { maxLength: MAX_CHANGES }))
    .map(([start, changes]) => changes.reduce(applyChange, new Uint8Array(start)));
}

function applyChange(input: Uint8Array<ArrayBuffer>, change: Change): Uint8Array<ArrayBuffer> {
  const at = change.at % (input.length + 1);
  const before = input.subarray(0, at);
  const after = input.subarray(at);
  switch (change.kind) {
    case "set":
      return join(before, new Uint8Array([change.byte]), after.subarray(1));
    case "insert":
      return join(before, change.bytes, after);
    case "delete":
      return join(before, after.subarray(change.count));
    case "repeat": {
      const part = after.subarray(0, change.count);
      return join(before, ...Array.from({ length: change.times }, () => part), after);
    }
  }
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
