import assert from "node:assert/strict";
import fc from "fast-check";
import { toCharacters } from "../../src/wildcards/characters.ts";
import { compilePattern } from "../../src/policy/mod.ts";
import { compileWildcards } from "../../src/wildcards/pattern.ts";
import { runs } from "./runs.ts";

/** Whether a name matches a pattern by the definition of wildcards, character by character. */
function matchesByDefinition(pattern: string, name: string): boolean {
  const characters = Array.from(name);
  // reached[n]: whether the pattern so far matches the first n characters.
  let reached = [true, ...characters.map(() => false)];
  for (const part of Array.from(pattern)) {
    const previous = reached;
    reached = previous.map((_, length) =>
      part === "*"
        ? previous.slice(0, length + 1).includes(true)
        : length > 0 && previous[length - 1] === true &&
          (part === "?" || part === characters[length - 1])
    );
  }
  return reached[characters.length] === true;
}

const units = ["a", "b", "A", ".", "\u00e9", "\ufffd", "\u{1f600}", "\ud83d", "\ude00"];
const anyName = fc.string({ unit: fc.constantFrom(...units), maxLength: 12 });
const anyPattern = fc.string({
  unit: fc.constantFrom("*", "?", "a", "*", ...units),
  maxLength: 10,
});

Deno.test("[rules.patterns] a compiled pattern agrees with the definition of wildcards", () => {
  fc.assert(
    fc.property(anyPattern, anyName, (pattern, name) => {
      assert.equal(compilePattern(pattern).matches(name), matchesByDefinition(pattern, name));
    }),
    { numRuns: runs(1000) },
  );
});

/** Returns all texts of at most `maxLength` units. */
function createTexts(units: readonly string[], maxLength: number): string[] {
  if (maxLength === 0) return [""];
  const shorter = createTexts(units, maxLength - 1);
  const longest = shorter.filter((text) => text.length === maxLength - 1);
  return [...shorter, ...longest.flatMap((text) => units.map((unit) => text + unit))];
}

Deno.test("[rules.patterns] all short patterns agree with the definition on all short names", () => {
  const names = createTexts(["a", "b"], 6);
  for (const pattern of createTexts(["a", "b", "?", "*"], 4)) {
    const { matches } = compilePattern(pattern);
    const mismatches = names.filter((name) => matches(name) !== matchesByDefinition(pattern, name));
    assert.deepEqual(mismatches, [], pattern);
  }
});

Deno.test("[rules.patterns] a segment is found even after partial matches of the segment", () => {
  const segment = fc.string({
    unit: fc.constantFrom("a", "b", "a", "?"),
    minLength: 1,
    maxLength: 8,
  });
  const beginnings = fc.array(fc.nat(8), { maxLength: 8 });
  fc.assert(
    fc.property(segment, segment, beginnings, fc.boolean(), (first, second, lengths, isA) => {
      const name = lengths.map((length) => first.slice(0, length)).join("")
        .replaceAll("?", isA ? "a" : "b");
      for (const pattern of [`*${first}*`, `*${first}*${second}*`, `*${first}*${second}`]) {
        assert.equal(
          compilePattern(pattern).matches(name),
          matchesByDefinition(pattern, name),
          `${pattern} and ${name}`,
        );
      }
    }),
    { numRuns: runs(750) },
  );
});

Deno.test("[rules.patterns] a pattern matches names that are made by filling in its wildcards", () => {
  const filledParts = fc.array(
    fc.oneof(
      fc.constantFrom(...units.slice(0, 7)).map((unit) => [unit, unit]),
      fc.constantFrom(...units.slice(0, 7)).map((unit) => ["?", unit]),
      fc.string({ unit: fc.constantFrom(...units.slice(0, 7)) }).map((run) => ["*", run]),
    ),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(filledParts, (parts) => {
      const pattern = parts.map(([patternPart]) => patternPart).join("");
      const name = parts.map(([, namePart]) => namePart).join("");
      assert.ok(compilePattern(pattern).matches(name));
    }),
    { numRuns: runs(250) },
  );
});

Deno.test("[rules.patterns] a pattern is explicit exactly when it has neither * nor ?", () => {
  fc.assert(
    fc.property(anyPattern, (pattern) => {
      assert.equal(compilePattern(pattern).isExplicit, !/[*?]/.test(pattern));
    }),
  );
});

/** Returns the number of characters that the pattern's matching reads from the name. */
function countReads(pattern: string, name: string): number {
  let reads = 0;
  const characters = toCharacters(name);
  compileWildcards(pattern)({
    length: characters.length,
    charCodeAt: (at) => {
      reads++;
      return characters.charCodeAt(at);
    },
  });
  return reads;
}

Deno.test("[rules.patterns-linear] each character of a name is read at most once, besides those before the first and after the last star", () => {
  const hostilePatterns = [
    "*".repeat(10_000),
    "*a".repeat(10_000),
    "*a".repeat(10_000) + "b",
    "*a".repeat(1_000) + "*b*",
    "*aa*aaa*aaaa*b*",
    `*${"a".repeat(5_000)}b*`,
    `*b${"a".repeat(5_000)}*`,
    `*${"ab".repeat(2_500)}*c*`,
    "?*".repeat(10_000),
    "*?".repeat(5_000) + "*b",
    `*${"?a".repeat(2_500)}b*`,
    `*${"a?".repeat(2_500)}*?b*c*`,
  ];
  for (const pattern of hostilePatterns) {
    for (const length of [20_000, 40_000]) {
      for (const unit of ["a", "ab"]) {
        const name = unit.repeat(length / unit.length);
        const reads = countReads(pattern, name);
        assert.ok(reads <= length, `${pattern.slice(0, 20)}: ${reads} reads of ${length}`);
      }
    }
  }
});
