import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { Budget } from "../../src/budget.ts";
import { ByteBuffer } from "../../src/jsonrpc/mod.ts";

const MIB = 1024 * 1024;

/** Returns `size` bytes, each of which depends on its position. */
function pattern(size: number, start = 0): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => (start + index) % 251);
}

Deno.test("[protocol.framing] a buffer keeps its bytes while it grows, and counts the memory that it takes", () => {
  const memory = new Budget(100 * MIB);
  const buffer = new ByteBuffer({ maxBytes: 8 * MIB, memory });
  const expected = pattern(3 * MIB);
  for (let size = 1, start = 0; start < expected.length; start += size, size *= 3) {
    assert.equal(buffer.append(expected.subarray(start, start + size)), true);
    assert.equal(memory.used, buffer.capacity);
  }
  assert.deepEqual(Buffer.compare(buffer.bytes, expected), 0);
  assert.ok(buffer.capacity <= expected.length + MIB, String(buffer.capacity));
  buffer.clear();
  assert.equal(buffer.append(expected.subarray(7, 10)), true);
  assert.deepEqual([...buffer.bytes], [...expected.subarray(7, 10)]);
  buffer.release();
  assert.deepEqual([memory.used, buffer.capacity, buffer.size], [0, 0, 0]);
  assert.equal(buffer.append(expected), true);
  assert.deepEqual(Buffer.compare(buffer.bytes, expected), 0);
});

Deno.test("[protocol.framing] a buffer takes no bytes beyond its maximum or its memory, and keeps the bytes before them", () => {
  const small = new ByteBuffer({ maxBytes: 10 });
  assert.deepEqual([small.append(pattern(10)), small.append(pattern(1))], [true, false]);
  assert.deepEqual([...small.bytes], [...pattern(10)]);
  const memory = new Budget(4 * MIB);
  const held = memory.share("agent a");
  held.add(MIB / 2);
  const buffer = new ByteBuffer({ maxBytes: 8 * MIB, memory: held });
  assert.equal(buffer.append(pattern(MIB / 4)), true);
  assert.equal(buffer.append(pattern(MIB)), false);
  assert.equal(buffer.size, MIB / 4);
  buffer.release();
  assert.equal(memory.used, MIB / 2);
});
