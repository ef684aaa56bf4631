import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type AccessRequest,
  compilePolicy,
  type Decision,
  type GrantLists,
} from "../../src/policy/mod.ts";
import { hasEscapedKey, type ReadJson, readJson } from "../../src/exact_json.ts";
import { foldCase } from "../../src/text.ts";
import type { ArgumentTest, ConditionalEntry, ToolEntry } from "../../src/tool_entry.ts";
import { holdsByContract, withSource } from "../policy/judge_by_contract.ts";
import { spellJson } from "../policy/spell_json.ts";
import { runs } from "./runs.ts";

const anyKey = fc.constantFrom("a", "b", "path", "__proto__", "0", "a/b", "~");
const anyNumber = fc.constantFrom(0, 1, -1, 0.5, 100, 9007199254740991, 0.1, -2.5);
const anyText = fc.oneof(
  fc.constantFrom("", "a", "ab", "A", "/srv/x", "/srv", "/srv/x/../y", "x", "/srv/x/", "//srv/x"),
  fc.string({ maxLength: 4, unit: fc.constantFrom("a", "b", "/", ".", "\u00e9", "\ud83d\ude00") }),
);
const anyValue = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    anyText,
    anyNumber,
    fc.constantFrom(null, true, false),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(anyKey, tie("value"), { maxKeys: 2, noNullPrototype: true }),
  ),
})).value;
const anyPattern = fc.constantFrom("a*", "?", "*", "/srv*", "*b", "A?", "");
const anyWholeTest: fc.Arbitrary<Required<ArgumentTest>> = fc.record({
  equals: anyValue,
  oneOf: fc.array(anyValue, { minLength: 1, maxLength: 3 }),
  like: fc.array(anyPattern, { minLength: 1, maxLength: 2 }),
  ilike: fc.array(anyPattern, { minLength: 1, maxLength: 2 }),
  within: fc.array(fc.constantFrom("/srv", "/srv/x", "/"), { minLength: 1, maxLength: 2 }),
  host: fc.constant(["example.com"]),
  min: anyNumber,
  max: anyNumber,
  maxLength: fc.constantFrom(0, 1, 2, 5),
  exists: fc.boolean(),
});
const TEST_KEYS: readonly (keyof ArgumentTest)[] = [
  ...["equals", "oneOf", "like", "ilike", "within", "min", "max", "maxLength", "exists"] as const,
];
/** One or two tests of the same argument. */
const anyTest: fc.Arbitrary<ArgumentTest> = fc.tuple(
  anyWholeTest,
  fc.subarray([...TEST_KEYS], { minLength: 1, maxLength: 2 }),
).map(([test, keys]) => Object.fromEntries(keys.map((key) => [key, test[key]])));
const anyName = fc.oneof(
  anyKey.filter((key) => !key.startsWith("/")),
  fc.constantFrom("/a", "/a/b", "/a/0", "/path/a", "/a~1b", "/~0", "/a/path/b"),
);
const anyUsualName = fc.constantFrom("a", "path", "b");
const anyWhen = fc.array(fc.tuple(fc.oneof(anyUsualName, anyName), anyTest), {
  minLength: 1,
  maxLength: 2,
})
  .map((tests) => new Map(tests));

const anyJson = fc.tuple(
  fc.tuple(
    fc.record({ a: anyValue, path: anyText, b: fc.oneof(anyNumber, anyText) }, {
      requiredKeys: [],
    }),
    fc.dictionary(anyKey, anyValue, { maxKeys: 2, noNullPrototype: true }),
  ).map(([usual, others]) => ({ ...others, ...usual })),
  fc.infiniteStream(fc.nat({ max: 1000 })),
).map(([args, stream]) => spellJson(args, () => stream.next().value ?? 0));

const requestOf = (json: string, tool = "t"): AccessRequest => ({
  kind: "tool",
  server: "s",
  tool,
  args: () => ({ json, value: JSON.parse(json) }),
  listed: () => ({}),
});

interface Entries {
  readonly allow?: ToolEntry[];
  readonly deny?: ToolEntry[];
  readonly ask?: ToolEntry[];
}

function decide(grants: Entries, request: AccessRequest): Decision {
  const listOf = (entries: ToolEntry[] | undefined): GrantLists =>
    entries === undefined ? {} : { tools: new Map([["s", entries]]) };
  const agent = {
    allow: { servers: ["*"], ...listOf(grants.allow) },
    deny: listOf(grants.deny),
    ask: listOf(grants.ask),
  };
  return compilePolicy({ agents: new Map([["a", agent]]), denyOverrides: false }).decide(
    "a",
    request,
  );
}

Deno.test("[rules.conditions] [rules.ask-conditions] conditions hold as in an implementation of the contract, in any spelling of the arguments", () => {
  let heldCount = 0;
  let count = 0;
  fc.assert(
    fc.property(anyWhen, anyJson, (when, json) => {
      const request = requestOf(json);
      const entry: ConditionalEntry = { tool: "t", when };
      const [allowed, denied, asked] = withSource(json, () => [
        holdsByContract(when, "allow", json),
        holdsByContract(when, "deny", json),
        holdsByContract(when, "ask", json),
      ]) as [boolean, boolean, boolean];
      assert.equal(decide({ allow: [entry] }, request).effect, allowed ? "allow" : "deny", json);
      assert.equal(decide({ deny: [entry] }, request).effect, denied ? "deny" : "allow", json);
      assert.equal(decide({ ask: [entry] }, request).effect, asked ? "ask" : "allow", json);
      count++;
      if (allowed) heldCount++;
      // A call that an `allow` lets through is stopped by a `deny` with the same condition.
      if (allowed) assert.ok(denied);
    }),
    { numRuns: runs(1000) },
  );
  assert.ok(heldCount > count / 50, `${heldCount} of ${count} conditions held`);
});

const anyEntry: fc.Arbitrary<ToolEntry> = fc.oneof(
  fc.constantFrom("t", "*", "t*", "u"),
  fc.record({
    tool: fc.constantFrom("t", "*", "t*", "u"),
    when: anyWhen,
    hint: fc.constantFrom("read_only", "destructive", "open_world"),
  }, { requiredKeys: ["tool"] }) as fc.Arbitrary<ConditionalEntry>,
);
const anyEntries = fc.array(anyEntry, { maxLength: 4 });
const anyLists = fc.record({ allow: anyEntries, deny: anyEntries, ask: anyEntries });
const isAllowed = ({ effect }: Decision): boolean => effect === "allow";

/** Removes the annotation of an entry, one of its tests, or all conditions. */
function withoutCondition(entry: ToolEntry, at: number): ToolEntry {
  if (typeof entry === "string") return entry;
  const { tool, hint, when = new Map() } = entry;
  const [removed, ...tests] = [...when].map((_, index, all) => all.at((index + at) % all.length));
  switch (at % 3) {
    case 0:
      return tool;
    case 1:
      return { tool, ...(when.size > 0 && { when }) };
    default:
      return {
        tool,
        ...(hint !== undefined && { hint }),
        ...(removed !== undefined && tests.length > 0 && { when: new Map(tests as never[]) }),
      };
  }
}

const ids = { deny: "[rules.conditions-never-widen]", ask: "[rules.ask-never-widens]" };

for (const effect of ["deny", "ask"] as const) {
  Deno.test(`${ids[effect]} adding an entry of ${effect} with conditions, or removing one of them, never allows more`, () => {
    let narrowedCount = 0;
    fc.assert(
      fc.property(anyLists, anyEntry, fc.nat(), anyJson, (lists, added, at, json) => {
        const request = requestOf(json);
        const entries = lists[effect];
        const index = at % (entries.length + 1);
        const decideWith = (changed: ToolEntry[]) =>
          decide({ ...lists, [effect]: changed }, request);
        const before = decide(lists, request);
        const withEntry = decideWith(entries.toSpliced(index, 0, added));
        if (isAllowed(withEntry)) assert.ok(isAllowed(before));
        const stricter = decideWith(entries.toSpliced(index, 0, withoutCondition(added, at)));
        if (isAllowed(stricter)) assert.ok(isAllowed(withEntry));
        // A call that a deny has stopped is not asked about because of more denials.
        if (effect === "deny" && withEntry.effect === "deny") {
          assert.equal(stricter.effect, "deny");
        }
        if (isAllowed(withEntry) && !isAllowed(stricter)) narrowedCount++;
      }),
      { numRuns: runs(1000) },
    );
    assert.ok(narrowedCount > runs(3), `${narrowedCount} removals denied more`);
  });
}

Deno.test("[rules.conditions-depend] a decision without arguments depends on them exactly if arguments can change it", () => {
  fc.assert(
    fc.property(
      anyLists,
      fc.array(anyJson, { minLength: 1, maxLength: 5 }),
      (lists, texts) => {
        const { args: _, ...request } = requestOf("{}") as AccessRequest & { kind: "tool" };
        const { effect, conditions = [] } = decide(lists, request);
        if (effect === "allow") assert.deepEqual(conditions, []);
        if (effect === "depends") return assert.ok(conditions.length > 0);
        for (const json of texts) assert.equal(decide(lists, requestOf(json)).effect, effect);
      },
    ),
    { numRuns: runs(666) },
  );
});

function readExactly(json: string): ReadJson {
  const read = readJson(json);
  assert.ok(read !== undefined, json);
  return read;
}

Deno.test("[rules.conditions-sent] keys and values are read exactly, whatever V8 has read before", () => {
  fc.assert(
    fc.property(anyJson, (json) => {
      const { value, hasDuplicateKeys } = readExactly(json);
      assert.equal(hasDuplicateKeys, false);
      if (!hasEscapedKey(json)) {
        assert.equal(JSON.stringify(value), JSON.stringify(JSON.parse(json)));
      }
    }),
    { numRuns: runs(1000) },
  );
  for (
    const json of [
      '{"a":1,"\\u0061":2}',
      '[{"b":{"a\\u0062":1,"ab":2}}]',
      '{"a\\"":1,"a\\u0022":1}',
    ]
  ) {
    assert.equal(readExactly(json).hasDuplicateKeys, true, json);
    assert.equal(hasEscapedKey(json), true, json);
  }
  for (const json of ['{"a":"\\u0061"}', '["\\\\",{"a":"\\":"}]', "5", '"\\""']) {
    assert.equal(hasEscapedKey(json), false, json);
    assert.deepEqual(
      JSON.stringify(readExactly(json).value),
      JSON.stringify(JSON.parse(json)),
      json,
    );
  }
});

Deno.test("[rules.conditions-texts] letters are equal whatever their case by Unicode's simple case folding", () => {
  const letters = new Map<string, string[]>();
  for (let code = 0; code < 0x1_0000; code++) {
    // The other blocks have no letters with case, but many characters.
    if ((code >= 0x2e00 && code < 0xa640) || (code >= 0xac00 && code < 0xfb00)) continue;
    const letter = String.fromCodePoint(code);
    const folded = foldCase(letter);
    assert.equal([...folded].length, 1);
    letters.set(folded, [...letters.get(folded) ?? [], letter]);
    for (const other of [letter.toUpperCase(), letter.toLowerCase()]) {
      const isSame = other.length === 1 &&
        new RegExp(`^\\u{${code.toString(16)}}$`, "iu").test(other);
      if (isSame) assert.equal(foldCase(other), folded, letter);
    }
  }
  for (const group of letters.values()) {
    const [first = ""] = group;
    const same = new RegExp(`^\\u{${first.codePointAt(0)?.toString(16)}}$`, "iu");
    for (const letter of group) assert.ok(same.test(letter), `${first} ${letter}`);
  }
});
