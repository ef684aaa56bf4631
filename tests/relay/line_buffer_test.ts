import assert from "node:assert/strict";
import fc from "fast-check";
import { LineBuffer, splitLines } from "../../src/relay/line_buffer.ts";

Deno.test("[shared.lines] bytes are passed on in whole lines, unchanged, however they arrive", () => {
  const lines = fc.array(fc.string({ unit: fc.constantFrom("a", "\r", "ü", " ") }), {
    maxLength: 8,
  });
  fc.assert(fc.property(lines, fc.array(fc.integer({ min: 1, max: 9 })), (lines, sizes) => {
    const bytes = new TextEncoder().encode(lines.join("\n"));
    const buffer = new LineBuffer();
    const passed: string[] = [];
    for (let [at, turn] = [0, 0]; at < bytes.length; turn++) {
      const size = sizes[turn % Math.max(sizes.length, 1)] ?? 3;
      // The chunk is overwritten after the call, as a read buffer is.
      const chunk = bytes.slice(at, at + size);
      for (const block of buffer.push(chunk)) {
        assert.ok(block.isWhole);
        assert.equal(block.bytes.at(-1), 10);
        passed.push(...[...splitLines(block.bytes)].map((line) => new TextDecoder().decode(line)));
      }
      chunk.fill(0);
      at += size;
    }
    const rest = buffer.takeLast();
    if (rest !== undefined) passed.push(new TextDecoder().decode(rest));
    assert.equal(passed.join(""), lines.join("\n"));
    assert.ok(passed.slice(0, -1).every((line) => line.indexOf("\n") === line.length - 1));
  }));
});

Deno.test("[shared.lines] a line of more than 80 MiB is passed on in parts, and the next one as a whole", () => {
  const buffer = new LineBuffer();
  const chunk = new Uint8Array(1024 * 1024).fill(97);
  let size = 0;
  for (let count = 0; count < 100; count++) {
    for (const { bytes, isWhole } of buffer.push(chunk)) {
      assert.equal(isWhole, false);
      size += bytes.length;
    }
  }
  assert.equal(buffer.isInLongLine, true);
  const blocks = [...buffer.push(new TextEncoder().encode("end\nnext\n"))]
    .map(({ bytes, isWhole }) => [new TextDecoder().decode(bytes), isWhole]);
  assert.deepEqual(blocks, [["end\n", false], ["next\n", true]]);
  assert.equal(size, 100 * chunk.length);
});
