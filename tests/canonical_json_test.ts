import assert from "node:assert/strict";
import fc from "fast-check";
import { canonicalJson } from "../src/canonical_json.ts";

/** The example of RFC 8785, sections 3.2.2 to 3.2.4. */
const RFC_EXAMPLE = `{
  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
  "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
  "literals": [null, true, false]
}`;

Deno.test("the example of RFC 8785 has its canonical form", () => {
  assert.equal(
    canonicalJson(JSON.parse(RFC_EXAMPLE)),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
      '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
});

Deno.test("keys are sorted by UTF-16 code units, as in RFC 8785", () => {
  const value = JSON.parse(
    '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh",' +
      '"1":"One","\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O"}',
  );
  assert.deepEqual(Object.values(JSON.parse(canonicalJson(value))), [
    // `JSON.parse` moves a key that is an index to the front.
    "One",
    "Carriage Return",
    "Control",
    "Latin Small Letter O",
    "Euro Sign",
    "Emoji: Grinning Face",
    "Hebrew Letter Dalet With Dagesh",
  ]);
  assert.ok(canonicalJson(value).startsWith('{"\\r":"Carriage Return","1":"One",'));
});

Deno.test("numbers are written as in appendix B of RFC 8785", () => {
  const numbers: [bits: bigint, text: string][] = [
    [0x0000000000000000n, "0"],
    [0x8000000000000000n, "0"],
    [0x0000000000000001n, "5e-324"],
    [0x8000000000000001n, "-5e-324"],
    [0x7fefffffffffffffn, "1.7976931348623157e+308"],
    [0x4340000000000000n, "9007199254740992"],
    [0xc340000000000000n, "-9007199254740992"],
    [0x4430000000000000n, "295147905179352830000"],
    [0x44b52d02c7e14af5n, "9.999999999999997e+22"],
    [0x44b52d02c7e14af6n, "1e+23"],
    [0x444b1ae4d6e2ef4en, "999999999999999700000"],
    [0x444b1ae4d6e2ef4fn, "999999999999999900000"],
    [0x444b1ae4d6e2ef50n, "1e+21"],
    [0x3eb0c6f7a0b5ed8cn, "9.999999999999997e-7"],
    [0x3eb0c6f7a0b5ed8dn, "0.000001"],
    [0x41b3de4355555553n, "333333333.3333332"],
    [0x41b3de4355555555n, "333333333.3333333"],
    [0xbecbf647612f3696n, "-0.0000033333333333333333"],
    [0x43143ff3c1cb0959n, "1424953923781206.2"],
  ];
  const view = new DataView(new ArrayBuffer(8));
  for (const [bits, text] of numbers) {
    view.setBigUint64(0, bits);
    assert.equal(canonicalJson(view.getFloat64(0)), text);
  }
});

Deno.test("a value without a canonical form is refused", () => {
  for (const json of ["1e999", '["\\ud800"]', '{"\\udc00":1}', '{"a":[-1e400]}']) {
    assert.throws(() => canonicalJson(JSON.parse(json)), RangeError, json);
  }
});

Deno.test("a deep value has a canonical form", () => {
  const depth = 100_000;
  const json = '{"a":['.repeat(depth) + "]}".repeat(depth);
  assert.equal(canonicalJson(JSON.parse(json)), json);
});

const anyKey = fc.oneof(fc.constantFrom("__proto__", "constructor", "", "10", "2"), fc.string());
const anyValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, true, false, 0, -1.5, 1e21),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string({ unit: "grapheme" }),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.array(fc.tuple(anyKey, tie("value")), { maxLength: 4 }).map((entries) => {
      return JSON.parse(
        `{${entries.map((entry) => entry.map((part) => JSON.stringify(part)).join(":")).join()}}`,
      );
    }),
  ),
})).value;

/** Returns an equal value whose objects have their keys in another order. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).reverse();
  const texts = members.map(([key, member]) => {
    return `${JSON.stringify(key)}: ${JSON.stringify(reordered(member))}`;
  });
  return JSON.parse(`{ ${texts.join(" , ")} }`);
}

Deno.test("the canonical form is that of an equal value, and only of it", () => {
  fc.assert(fc.property(anyValue, anyValue, (one, two) => {
    const json = canonicalJson(one);
    // Negative zero is written as zero.
    const copy = JSON.parse(JSON.stringify(one));
    assert.deepEqual(JSON.parse(json), copy);
    assert.equal(canonicalJson(JSON.parse(json)), json);
    assert.equal(canonicalJson(reordered(copy)), json);
    const areEqual = isEqual(copy, JSON.parse(JSON.stringify(two)));
    assert.equal(canonicalJson(two) === json, areEqual);
  }));
});

function isEqual(one: unknown, two: unknown): boolean {
  try {
    assert.deepEqual(one, two);
    return true;
  } catch {
    return false;
  }
}
