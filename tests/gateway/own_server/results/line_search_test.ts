import assert from "node:assert/strict";
import fc from "fast-check";
import {
  LineSearch,
  LONG_LINE_LENGTH,
  type MatchingLine,
} from "../../../../src/gateway/own_server/results/line_search.ts";

interface Search {
  readonly text: string;
  readonly needle: string;
  readonly pieceLength: number;
}

function find({ text, needle, pieceLength }: Search): readonly MatchingLine[] {
  const search = new LineSearch(needle, { offset: 0, limit: Infinity });
  for (let at = 0; at < text.length; at += pieceLength) {
    search.read(text.slice(at, at + pieceLength));
  }
  assert.equal(search.count, search.lines.length);
  return search.lines;
}

/** Finds the same without pieces. */
function findAll({ text, needle }: Search): MatchingLine[] {
  const found: MatchingLine[] = [];
  let start = 0;
  for (const [line, content] of text.split("\n").entries()) {
    let part = -1;
    for (let at = content.indexOf(needle); at >= 0; at = content.indexOf(needle, at + 1)) {
      const ownPart = Math.floor(at / LONG_LINE_LENGTH);
      if (ownPart > part) found.push({ line, start, at: start + at });
      part = ownPart;
    }
    start += content.length + 1;
  }
  return found;
}

Deno.test("[results.read-grep] the lines that hold a text are found in any pieces", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "\n"), maxLength: 60 });
  const needle = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 3 });
  const pieceLength = fc.integer({ min: 1, max: 20 });
  fc.assert(
    fc.property(fc.record({ text, needle, pieceLength }), (search) => {
      assert.deepEqual(find(search), findAll(search));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("[results.read-grep] a long line counts once for each 1,000 characters that hold the text", () => {
  const lengths = fc.array(fc.integer({ min: 0, max: 2500 }), { maxLength: 8 });
  const separator = fc.constantFrom("needle", "needle\n", "\n");
  const pieceLength = fc.integer({ min: 1, max: 3000 });
  fc.assert(
    fc.property(lengths, separator, pieceLength, (parts, separator, pieceLength) => {
      const text = parts.map((length) => "-".repeat(length)).join(separator);
      const search = { text, needle: "needle", pieceLength };
      assert.deepEqual(find(search), findAll(search));
    }),
    { numRuns: 500 },
  );
});

Deno.test("[results.read-grep] lines are skipped up to the offset, and counted beyond the limit", () => {
  const search = new LineSearch("x", { offset: 1, limit: 2 });
  search.read("x\nx\n-\nx\nx");
  assert.deepEqual(search.lines.map(({ line }) => line), [1, 3]);
  assert.equal(search.count, 4);
});
