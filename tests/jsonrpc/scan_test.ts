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

Deno.test("[protocol.pass-through] a value that is not an array has no elements, and the scan ends", () => {
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

Deno.test("[protocol.pass-through] a text to pass on is on one line", () => {
  assert.equal(new JsonText('{\r\n"a":\n1\r}').json, '{  "a": 1 }');
  assert.equal(new JsonText('{"a":"\u2028"}').json, '{"a":"\u2028"}');
});

const MB = 1024 * 1024;
const padding = `"${"x".repeat(MB)}"`;

Deno.test("[protocol.too-complex] depth and objects are counted outside strings", () => {
  const deep = (depth: number) => `${"[".repeat(depth)}${padding}${"]".repeat(depth)}`;
  assert.equal(isTooComplex(deep(1000)), false);
  assert.equal(isTooComplex(deep(1001)), true);
  assert.equal(isTooComplex(`[${padding}${',{"a":[]}'.repeat(1000)}]`), false);
  assert.equal(isTooComplex(`["${"[".repeat(2 * MB)}"]`), false);
  assert.equal(isTooComplex(`["\\"${"[{".repeat(MB)}"]`), false);
  // Each object is closed before the next one, so that only their number counts.
  assert.equal(isTooComplex(`[${"{},".repeat(3_999_999)}1]`), false);
  assert.equal(isTooComplex(`[${"{},".repeat(4_000_000)}1]`), true);
});

Deno.test("[protocol.too-complex] distinct keys are counted; equal keys and other strings are not", () => {
  const list = (form: (index: number) => string) => {
    return `[${padding},${Array.from({ length: 600_000 }, (_, index) => form(index)).join(",")}]`;
  };
  assert.equal(isTooComplex(list((index) => `{"key${index}" : 1}`)), true);
  assert.equal(isTooComplex(list((index) => `{"key${index % 1000}":1}`)), false);
  assert.equal(isTooComplex(list((index) => `"key${index}"`)), false);
});

Deno.test("[protocol.too-complex] counting is fast for any text", () => {
  const texts = ["[", '"', "\\", '"\\', '\\"', "[]", '"",', "a"].map((part) =>
    part.repeat(Math.ceil(4 * MB / part.length))
  );
  for (const text of texts) {
    const start = performance.now();
    isTooComplex(text);
    isTooComplex(`["${text}`);
    const took = performance.now() - start;
    // A tenth of a second at most if it is linear; hours if it is not.
    assert.ok(took < 5000, `${text.slice(0, 4)}: ${took} ms`);
  }
});
