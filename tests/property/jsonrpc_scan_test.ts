import assert from "node:assert/strict";
import fc from "fast-check";
import { elementTexts, textAt } from "../../src/jsonrpc/mod.ts";
import { runs } from "./runs.ts";

const anySpace = fc.string({ unit: fc.constantFrom(" ", "\t", "\n", "\r"), maxLength: 2 });

/** Writes a string as JSON, with each character literal or escaped. */
function writeString(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(text, fc.array(fc.boolean(), { minLength: 8, maxLength: 8 })).map(
    ([text, escaped]) => {
      const parts = text.split("").map((unit, index) =>
        escaped[index % 8] === true
          ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
          : JSON.stringify(unit).slice(1, -1)
      );
      return `"${parts.join("")}"`;
    },
  );
}

// No key is a lone backslash. After such a key, V8 15.0 reads any key of one escaped character as that key:
// after `JSON.parse('{"a":0,"\\\\":0}')`, the result of `JSON.parse('{"a":0,"\\n":0}')` has the key `\`.
const KEYS = ["a", "b", "id", "params", "__proto__", "constructor", "", '"', "\\n", "\\u0061", "}"];
const anyKey = writeString(fc.constantFrom(...KEYS, "\u00e9", "\ud800", "\n", '\\"'));
const anyString = writeString(
  fc.string({
    unit: fc.constantFrom("a", '"', "\\", "{", "]", ",", ":", "\n", "😀"),
    maxLength: 8,
  }),
);
const anyNumber = fc.constantFrom("0", "-0", "1.50", "1E+2", "12345678901234567890", "-1e-9");

const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(anyNumber, anyString, fc.constantFrom("true", "false", "null")),
    tie("array") as fc.Arbitrary<string>,
    tie("object") as fc.Arbitrary<string>,
  ),
  spaced: fc.tuple(anySpace, tie("value"), anySpace).map((parts) => parts.join("")),
  array: fc.array(tie("spaced"), { maxLength: 4 }).map((parts) => `[${parts.join(",")}]`),
  member: fc.tuple(anySpace, anyKey, anySpace, tie("spaced")).map(([before, key, after, value]) =>
    `${before}${key}${after}:${value}`
  ),
  object: fc.array(tie("member"), { maxLength: 5 }).map((parts) => `{${parts.join(",")}}`),
}));
const anyJson = fc.tuple(anySpace, anyValue as fc.Arbitrary<string>, anySpace).map((parts) =>
  parts.join("")
);

/** Checks the texts of a value and of all values inside it, and that absent keys have no text. */
function checkTexts(json: string, path: readonly string[], value: unknown): void {
  const valueText = textAt(json, ...path);
  assert.ok(valueText !== undefined);
  if (path.length > 0) assert.equal(valueText, valueText.trim());
  assert.deepEqual(JSON.parse(valueText), value);
  if (Array.isArray(value)) {
    const texts = elementTexts(valueText);
    assert.deepEqual(texts.map((text) => JSON.parse(text)), value);
    assert.deepEqual(texts, texts.map((text) => text.trim()));
  } else assert.deepEqual(elementTexts(valueText), []);
  const members = new Map(
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.entries(value)
      : [],
  );
  for (const key of new Set([...KEYS, "toString", ...members.keys()])) {
    if (members.has(key)) checkTexts(json, [...path, key], members.get(key));
    else assert.equal(textAt(json, ...path, key), undefined);
  }
}

Deno.test("[protocol.pass-through] the text at any path is the text of the value that JSON.parse reads at that path", () => {
  fc.assert(fc.property(anyJson, (json) => checkTexts(json, [], JSON.parse(json))), {
    numRuns: runs(1000),
  });
});

Deno.test("[protocol.pass-through] elementTexts returns the texts from which an array was written", () => {
  fc.assert(
    fc.property(fc.array(anyJson), (elements) => {
      const texts = elementTexts(`[${elements.join(",")}]`);
      assert.deepEqual(texts, elements.map((element) => element.trim()));
    }),
    { numRuns: runs(250) },
  );
});
