import assert from "node:assert/strict";
import { elementTexts, JsonText, textAt } from "../../src/jsonrpc/mod.ts";
import { isTooComplex } from "../../src/jsonrpc/scan.ts";

Deno.test("[protocol.pass-through] a key is compared by its value, not by its spelling", () => {
  assert.equal(textAt('{"a\\nb":1}', "a\nb"), "1");
  assert.equal(textAt('{"a\\nb":1}', "a\\nb"), undefined);
  assert.equal(textAt('{"a\\\\nb":1}', "a\\nb"), "1");
  assert.equal(textAt('{"\\u0061":1,"a":2}', "a"), "2");
  assert.equal(textAt('{"a":1,"\\u0061":2}', "a"), "2");
  assert.equal(textAt('{"ab":1,"a":2}', "a"), "2");
});

Deno.test("[protocol.pass-through] a value that is not an object has no members", () => {
  for (const json of ['"a"', "5", "null", "true", "[1]", "[]", "{}", '[{"a":1}]']) {
    assert.equal(textAt(json, "a"), undefined);
    assert.equal(textAt(`{"b":${json}}`, "b", "a"), undefined);
  }
});

Deno.test("[protocol.pass-through] a value that is not an array has no elements", () => {
  for (const json of ['{"a":1}', '{"a":[1]}', '"[1]"', "5", "null", "", " "]) {
    assert.deepEqual(elementTexts(json), []);
  }
  assert.deepEqual(elementTexts(" [ ] "), []);
  assert.deepEqual(elementTexts('\t[ 1 ,"]" , {"a":[2]},[ ],null\n]'), [
    "1",
    '"]"',
    '{"a":[2]}',
    "[ ]",
    "null",
  ]);
});

Deno.test("[protocol.pass-through] line breaks between the tokens of a JSON text become spaces", () => {
  assert.equal(new JsonText('{\r\n"a":\n1\r}').json, '{  "a": 1 }');
  assert.equal(new JsonText('{"a":"\u2028"}').json, '{"a":"\u2028"}');
});

const MIB = 1024 * 1024;
/** Makes a text so long that it can be too complex: shorter texts are not checked. */
const LONG_STRING = `"${"x".repeat(MIB)}"`;

Deno.test("[protocol.too-complex] a text is too complex with more than 1,000 levels or 4,000,000 objects and arrays; strings do not count", () => {
  const nestedArrays = (depth: number) => `${"[".repeat(depth)}${LONG_STRING}${"]".repeat(depth)}`;
  assert.equal(isTooComplex(nestedArrays(1000)), false);
  assert.equal(isTooComplex(nestedArrays(1001)), true);
  assert.equal(isTooComplex(`[${LONG_STRING}${',{"a":[]}'.repeat(1000)}]`), false);
  assert.equal(isTooComplex(`["${"[".repeat(2 * MIB)}"]`), false);
  assert.equal(isTooComplex(`["\\"${"[{".repeat(MIB)}"]`), false);
  // Each object is closed before the next one, so that only their number counts.
  assert.equal(isTooComplex(`[${"{},".repeat(3_999_999)}1]`), false);
  assert.equal(isTooComplex(`[${"{},".repeat(4_000_000)}1]`), true);
});

Deno.test("[protocol.too-complex] a text is too complex with 600,000 distinct keys; repeated keys and other strings do not count", () => {
  const createList = (createElement: (index: number) => string) => {
    return `[${LONG_STRING},${
      Array.from({ length: 600_000 }, (_, index) => createElement(index)).join(",")
    }]`;
  };
  assert.equal(isTooComplex(createList((index) => `{"key${index}" : 1}`)), true);
  assert.equal(isTooComplex(createList((index) => `{"key${index % 1000}":1}`)), false);
  assert.equal(isTooComplex(createList((index) => `"key${index}"`)), false);
});

Deno.test("[protocol.too-complex] the check takes linear time for any text", () => {
  const texts = ["[", '"', "\\", '"\\', '\\"', "[]", '"",', "a"].map((part) =>
    part.repeat(Math.ceil(4 * MIB / part.length))
  );
  for (const text of texts) {
    const startMs = performance.now();
    isTooComplex(text);
    isTooComplex(`["${text}`);
    const durationMs = performance.now() - startMs;
    // Linear time is at most a tenth of a second, and quadratic time is hours.
    assert.ok(durationMs < 5000, `${text.slice(0, 4)}: ${durationMs} ms`);
  }
});
