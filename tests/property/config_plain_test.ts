import assert from "node:assert/strict";
import fc from "fast-check";
import { parseDocument } from "../../src/config/document.ts";
import { readPlainJson } from "../../src/config/plain_json.ts";
import { runs } from "./runs.ts";

const anyPiece = fc.constantFrom(
  ...[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\n",
    " ",
    "// x\n",
    "/* x */",
    '"',
    "\\",
    '"a"',
    '"a":',
    '"b":',
  ],
  ...[
    '"\\u0061":',
    '"7":',
    '"__proto__":',
    '"a\\":"',
    "{}",
    "[]",
    "-0",
    "1e400",
    "true",
    "nul",
    "\ufeff",
  ],
);
const anyKey = fc.oneof(
  fc.constantFrom("a", "b", "__proto__", "constructor", "7", "\0", ""),
  fc.string(),
);
const { tree: anyTree } = fc.letrec((tie) => ({
  tree: fc.oneof({ maxDepth: 5 }, fc.jsonValue({ maxDepth: 0 }), tie("list"), tie("object")),
  list: fc.array(tie("tree"), { maxLength: 4 }),
  object: fc.dictionary(anyKey, tie("tree"), { maxKeys: 5 }),
}));
const anyText = fc.oneof(
  anyTree.map((value) => JSON.stringify(value)),
  anyTree.map((value) => JSON.stringify(value, null, 2)),
  // Possibly a duplicate key.
  anyTree.map((value) => JSON.stringify(value).replace("{", '{"a":[{}],')),
  fc.array(anyPiece, { maxLength: 20 }).map((list) => list.join("")),
);

Deno.test("[config.strict-json] readPlainJson gives the same value as the parser with positions, or none", () => {
  let plainCount = 0;
  fc.assert(
    fc.property(anyText, (text) => {
      const value = readPlainJson(text);
      if (value === undefined) return;
      plainCount++;
      const { document, problems } = parseDocument("x.json", text);
      assert.deepEqual(problems, []);
      assert.deepEqual(document?.value, value);
      // The order must be the same too.
      assert.equal(JSON.stringify(document?.value), JSON.stringify(value));
    }),
    { numRuns: runs(666) },
  );
  assert.ok(plainCount > runs(100), `${plainCount} texts`);
});

Deno.test("[config.strict-json] readPlainJson gives no value for text that needs the parser with positions", () => {
  const deep = "[".repeat(65) + "]".repeat(65);
  for (
    const text of [
      ...["", "{", "// x\n{}", "{} /* x */", "[1,]", "{'a': 1}", '{"a": 1, "a": 2}', deep],
      ...['[{"a": 1, "\\u0061": 2}]', '{"b": {}, "7": {}}', '{"__proto__": {}}', "[".repeat(1e6)],
    ]
  ) assert.equal(readPlainJson(text), undefined, text.slice(0, 100));
  assert.deepEqual(readPlainJson(deep.slice(1, -1)), JSON.parse(deep.slice(1, -1)));
  const long = `["${"x\\n".repeat(4e6)}"]`;
  assert.deepEqual(readPlainJson(long), JSON.parse(long));
});

Deno.test("[config.strict-json] a key with an escape is not confused with an earlier key", () => {
  // After the first text, JSON.parse of V8 15.0 reads the key of the second text as that of the first.
  const first = '{"zc": 1, "a\\\\": 1}';
  const second = '{"zc": 1, "a\\u0061": 1}';
  for (const text of [first, second, first, second]) {
    const { document } = parseDocument("x.json", text);
    assert.deepEqual(Object.keys(document?.value ?? {}), ["zc", text === first ? "a\\" : "aa"]);
    assert.equal(readPlainJson(text), undefined);
  }
});
