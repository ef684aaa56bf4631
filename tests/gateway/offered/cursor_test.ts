import assert from "node:assert/strict";
import { readCursor, writeCursor } from "../../../src/gateway/offered/cursor.ts";
import { CallerError } from "../../../src/errors.ts";

const POSITION = { server: "käse/😀", serverIndex: 3, item: "x://\u0000", itemIndex: 9999 };

function expectRefusal(read: () => unknown): void {
  assert.throws(
    read,
    (error) => error instanceof CallerError && error.code === "INVALID_ARGUMENTS",
  );
}

Deno.test("[offered.cursors] a cursor leads to the position that it was written for", () => {
  const cursor = writeCursor("resources", POSITION);
  assert.match(cursor, /^[\w-]+$/);
  assert.deepEqual(readCursor("resources", cursor), POSITION);
  const long = { ...POSITION, item: "\u{10ffff}".repeat(2048) };
  assert.deepEqual(readCursor("prompts", writeCursor("prompts", long)), long);
});

Deno.test("[offered.cursors] a cursor of another list, or of another program, is refused", () => {
  expectRefusal(() => readCursor("templates", writeCursor("resources", POSITION)));
  const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).toBase64();
  const foreign = [
    "",
    "2",
    "no base64!",
    "x".repeat(100_000),
    encode(null),
    encode([]),
    encode({ 0: 1 }),
    encode([2, "resources", "a", 0, "b", 0]),
    encode([1, "resources", "a", -1, "b", 0]),
    encode([1, "resources", "a", 0, "b", 1.5]),
    encode([1, "resources", "a", 0, 7, 0]),
    new Uint8Array([0xff, 0xfe]).toBase64(),
  ];
  for (const cursor of foreign) expectRefusal(() => readCursor("resources", cursor));
});
