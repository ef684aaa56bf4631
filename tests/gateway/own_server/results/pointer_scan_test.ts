import assert from "node:assert/strict";
import fc from "fast-check";
import { PointerScan } from "../../../../src/gateway/own_server/results/pointer_scan.ts";

/** Reads a document in pieces; returns the text at a path, `undefined` if there is none, or the error. */
function textAt(json: string, path: readonly string[], pieceLength = 3): string | undefined {
  const scan = new PointerScan(path);
  for (let at = 0; at < json.length; at += pieceLength) scan.read(json.slice(at, at + pieceLength));
  const range = scan.end();
  return range && json.slice(range.start, range.end);
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let found = value;
  for (const key of path) {
    const isContainer = typeof found === "object" && found !== null;
    if (!isContainer || !Object.hasOwn(found as object, key) || key === "length") return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}

Deno.test("[results.read-path] each value is found as JSON.parse finds it", () => {
  const key = fc.constantFrom("a", "b", "", "0", "1", '"', "\\", "é", "a/b");
  const document = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, false, 0, -0.5, 1e300, "", "a", '"]}\\', "\n😀"),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(key, tie("value"), { maxKeys: 3 }),
    ),
  })).value;
  const options = fc.record({
    value: document,
    path: fc.array(key, { maxLength: 4 }),
    indent: fc.constantFrom(0, 1),
    pieceLength: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(fc.property(options, ({ value, path, indent, pieceLength }) => {
    const json = JSON.stringify(value, null, indent);
    const expected = valueAt(JSON.parse(json), path);
    const found = textAt(json, path, pieceLength);
    if (expected === undefined) assert.equal(found, undefined);
    else assert.deepEqual(JSON.parse(found ?? ""), expected);
  }));
});

Deno.test("[results.read-path] the last of duplicate keys wins, and keys may have escapes", () => {
  assert.equal(textAt('{"a":{"b":1},"a":{"b":2},"c":{"b":3}}', ["a", "b"]), "2");
  assert.equal(textAt('{"a":{"b":1},"a":[]}', ["a", "b"]), undefined);
  assert.equal(textAt('{"\\u0061\\/":[10, 20 ]}', ["a/", "1"]), "20");
  assert.equal(textAt("[1,[2,[3]]]", ["1", "01"]), undefined);
  assert.equal(textAt(' {"a" : "x" } ', []), '{"a" : "x" }');
});

Deno.test("[results.read-path] a text that is not JSON is an error, as for JSON.parse", () => {
  const texts = [
    ...'|{|[|[1,]|{,}|{"a"}|{"a":}|{"a":1,}|1 2|tru|01|"|"\\x"|"\\u12g4"|[1}|{"a":1]|,|]'.split(
      "|",
    ),
    '"a\nb"',
    "plain text",
  ];
  for (const text of texts) {
    assert.throws(() => JSON.parse(text), text);
    assert.throws(() => textAt(text, []), { name: "InvalidJson" }, text);
  }
  assert.throws(() => textAt("[".repeat(20_000), []), { name: "InvalidJson" });
});

Deno.test("[results.read-path] random changes of a document are refused exactly when JSON.parse refuses them", () => {
  const json = '{"a":[1,-2.5e3,true,null,"x\\n\\u00e9"],"b":{"c":{}},"d":[]}';
  const change = fc.record({
    at: fc.nat(json.length - 1),
    text: fc.constantFrom("", ",", "}", "]", '"', ":", "0", "\\", " ", "-", "e"),
  });
  fc.assert(
    fc.property(change, ({ at, text }) => {
      const changed = json.slice(0, at) + text + json.slice(at + 1);
      let isValid = true;
      try {
        JSON.parse(changed);
      } catch {
        isValid = false;
      }
      if (isValid) assert.equal(textAt(changed, []), changed.trim());
      else assert.throws(() => textAt(changed, []), { name: "InvalidJson" }, changed);
    }),
    { numRuns: 2000 },
  );
});
