import assert from "node:assert/strict";
import { elementTexts, JsonText, textAt, withValue } from "../../src/jsonrpc/mod.ts";
import { measureParseCost } from "../../src/jsonrpc/parse_cost.ts";
import { cpuMs } from "../cpu_time.ts";

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

Deno.test("[protocol.pass-through] values among long runs of blanks and digits are found as among short ones", () => {
  for (const length of [0, 1, 31, 32, 33, 64, 1000]) {
    const blanks = " \n\t\r".repeat(length).slice(0, length);
    const digits = `1${"2".repeat(length)}`;
    const values = [
      digits,
      `-0.${digits}e-1`,
      `[${digits}${blanks},${blanks}"]"]`,
      `{"c":${digits}}`,
    ];
    for (const value of values) {
      const json = ["", "{", '"a"', ":", "{", '"b"', ":", value, "}", "}", ""].join(blanks);
      assert.equal(textAt(json, "a", "b"), value, JSON.stringify(json));
      assert.equal(textAt(json, "a", "c"), undefined);
      const list = ["", "[", value, ",", value, "]", ""].join(blanks);
      assert.deepEqual(elementTexts(list), [value, value], JSON.stringify(list));
    }
  }
});

const MIB = 1024 * 1024;
/** Makes a text so long that it can be too complex. */
const LONG_STRING = `"${"x".repeat(MIB)}"`;

function isTooComplex(text: string): boolean {
  return measureParseCost(text, true).isTooComplex;
}

/** Creates a long list of elements, and returns whether it is too complex. */
function isListTooComplex(length: number, createElement: (index: number) => string): boolean {
  const elements = Array.from({ length }, (_, index) => createElement(index));
  return isTooComplex(`[${LONG_STRING},${elements.join(",")}]`);
}

Deno.test("[protocol.too-complex] a text above 256 KiB is too complex with more than 1,000 levels; brackets in strings do not count", () => {
  const nestedArrays = (depth: number) => `${"[".repeat(depth)}${LONG_STRING}${"]".repeat(depth)}`;
  assert.equal(isTooComplex(nestedArrays(1000)), false);
  assert.equal(isTooComplex(nestedArrays(1001)), true);
  assert.equal(isTooComplex("[".repeat(256 * 1024)), false);
  assert.equal(isTooComplex("[".repeat(256 * 1024 + 1)), true);
  assert.equal(isTooComplex(`[${LONG_STRING}${',{"a":[]}'.repeat(1000)}]`), false);
  assert.equal(isTooComplex(`["${"[".repeat(2 * MIB)}"]`), false);
  assert.equal(isTooComplex(`["\\"${"[{".repeat(MIB)}"]`), false);
});

Deno.test("[protocol.too-complex] a text is too complex with 400,000 objects, 1,700,000 numbers, or 40,000 different keys", () => {
  assert.equal(isListTooComplex(360_000, () => "{}"), false);
  assert.equal(isListTooComplex(400_000, () => "{}"), true);
  assert.equal(isListTooComplex(1_500_000, () => "1"), false);
  assert.equal(isListTooComplex(1_700_000, () => "1"), true);
  assert.equal(isListTooComplex(35_000, (index) => `{"key${index}" : 1}`), false);
  assert.equal(isListTooComplex(40_000, (index) => `{"key${index}" : 1}`), true);
  assert.equal(isListTooComplex(200_000, (index) => `{"key${index % 1000}":1}`), false);
});

Deno.test("[protocol.too-complex] a text is too complex with 7,000,000 escapes", () => {
  assert.equal(isTooComplex(`"${'\\"'.repeat(6_500_000)}"`), false);
  assert.equal(isTooComplex(`"${'\\"'.repeat(7_000_000)}"`), true);
});

Deno.test("[protocol.too-complex] a list of 100,000 objects with five members, 10 MB long, is not too complex", () => {
  const createRow = (index: number) =>
    `{"id":${index},"name":"Some name ${index}","email":"user${index}@example.com",` +
    `"isActive":true,"score":${index * 1.5}}`;
  assert.equal(isListTooComplex(100_000, createRow), false);
});

Deno.test("[protocol.too-complex] parsing the longest text that is not too complex takes less than a second", () => {
  const createElements: readonly ((index: number) => string)[] = [
    () => "{}",
    (index) => `{"key${index}":1}`,
  ];
  for (const createElement of createElements) {
    let longest = "";
    for (let length = 25_000; length < 4_000_000; length *= 1.5) {
      const text = `[${Array.from({ length }, (_, index) => createElement(index)).join(",")}]`;
      if (isTooComplex(text)) break;
      longest = text;
    }
    const startMs = cpuMs();
    JSON.parse(longest);
    const durationMs = cpuMs() - startMs;
    assert.ok(
      durationMs < 1000,
      `${longest.slice(0, 20)}, ${longest.length} long: ${durationMs} ms`,
    );
  }
});

Deno.test("[protocol.too-complex] the check takes linear time for any text", () => {
  const texts = ["[", '"', "\\", '"\\', '\\"', "[]", '"",', "a"].map((part) =>
    part.repeat(Math.ceil(4 * MIB / part.length))
  );
  for (const text of texts) {
    const startMs = cpuMs();
    isTooComplex(text);
    isTooComplex(`["${text}`);
    const durationMs = cpuMs() - startMs;
    // Linear time is at most a tenth of a second, and quadratic time is hours.
    assert.ok(durationMs < 5000, `${text.slice(0, 4)}: ${durationMs} ms`);
  }
});

Deno.test("scan: a value is replaced, and all other text stays", () => {
  const replace = (json: string) => withValue(json, { key: "name", value: '"b"' });
  assert.equal(
    replace('{"n":1.50, "name" : "a","x":{"name":"a"}}'),
    '{"n":1.50, "name" : "b","x":{"name":"a"}}',
  );
  assert.equal(replace('{"name":"x","\\u006eame":["a"]}'), '{"name":"x","\\u006eame":"b"}');
  assert.equal(replace('{"x":{"name":"a"}}'), undefined);
  assert.equal(replace('["name"]'), undefined);
});
