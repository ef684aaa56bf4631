import assert from "node:assert/strict";
import { compiledConcepts, findTerms } from "../../../src/gateway/tools/finding/concepts.ts";
import { CONCEPTS } from "../../../src/gateway/tools/finding/concepts.ts";
import { REPHRASINGS } from "../../../src/gateway/tools/finding/rephrasings.ts";
import { correctWord, Vocabulary } from "../../../src/gateway/tools/finding/spelling.ts";
import { splitWords, stemWord } from "../../../src/gateway/tools/finding/words.ts";

Deno.test("[finding.fields] names are split at capital letters and at every sign", () => {
  for (
    const [text, words] of [
      ["getUserByID", ["get", "user", "by", "id"]],
      ["API-post-search", ["api", "post", "search"]],
      ["browser_take.screenshot", ["browser", "take", "screenshot"]],
      ["HTMLPage2 pdf", ["html", "page2", "pdf"]],
      ["the page's title, isn't it?", ["the", "page", "title", "isn", "it"]],
      ["Käse öffnen", ["käse", "öffnen"]],
      ["検索する files", ["検", "索", "す", "る", "files"]],
      ["a".repeat(41), []],
      ["", []],
    ] as const
  ) assert.deepEqual(splitWords(text), words, text);
});

Deno.test("[finding.stems] the forms of a word have one stem", () => {
  for (
    const forms of [
      "create creates created creating creation creator",
      "delete deleted deleting deletion deletes",
      "navigate navigating navigation",
      "query queries querying queried",
      "repository repositories repo repos",
      "directory directories dir",
      "capture captured capturing captures",
      "write wrote written writing writes",
      "run runs running ran",
      "validate validating validation validates",
      "compress compressed compression",
      "slow slowly",
      "index indexes indices",
      "process processes processing",
    ]
  ) {
    const stems = new Set(forms.split(" ").map(stemWord));
    assert.equal(stems.size, 1, [...stems].join(" "));
  }
  for (const [one, other] of [["document", "documentation"], ["file", "fill"], ["new", "now"]]) {
    assert.notEqual(stemWord(one ?? ""), stemWord(other ?? ""));
  }
});

Deno.test("[finding.synonyms] each concept has words for each other, and its phrases are found in texts", () => {
  for (const line of CONCEPTS) {
    const sides = line.split(" > ");
    assert.ok(sides.length <= 2, line);
    const items = sides.flatMap((side) => side.split(", "));
    assert.ok(items.length >= 2, line);
    for (const item of items) assert.match(item, /^[a-z0-9'-]+(?: [a-z0-9'-]+)*$/, line);
  }
  for (const line of REPHRASINGS) {
    assert.match(line, /^[a-z ]+(?:, [a-z ]+)* = [a-z ]+$/);
  }
  const { related, rephrasings } = compiledConcepts();
  assert.deepEqual(rephrasings.get("mkdir"), ["create", "directory"]);
  assert.ok(related.get(stemWord("screenshot"))?.has(stemWord("picture")));
  assert.ok(related.get(stemWord("picture"))?.has(stemWord("screenshot")));
  assert.ok(related.get("mkdir")?.has("directori"));
  assert.equal(related.get("directori")?.has("mkdir") ?? false, false);
  assert.deepEqual(findTerms(["merge", "a", "pull", "request"]).map(({ term }) => term), [
    "merg",
    "a",
    "pull request",
  ]);
  const words = ["what", "is", "in", "this", "folder", "here"];
  assert.deepEqual(findTerms(words).map(({ term }) => term), ["what is in folder", "here"]);
});

Deno.test("[finding.typos] a typo is corrected to the nearest words", () => {
  const words = new Vocabulary(
    new Map(
      ["screenshot", "search", "directory", "page", "pages", "file", "navigate", "lint"].map((
        word,
      ) => [word, stemWord(word)]),
    ),
  );
  const correct = (word: string, has = (_stem: string) => true) =>
    correctWord(word, [[words, has]]);
  for (
    const [typo, corrected] of [
      ["screnshot", ["screenshot"]],
      ["scrensot", ["screenshot"]],
      ["serch", ["search"]],
      ["direcotry", ["directori"]],
      ["naviagte", ["navig"]],
      ["lnit", ["lint"]],
      ["pgae", ["page"]],
      // Too short, too far, or a number.
      ["pag", []],
      ["mile", []],
      ["whatever", []],
      ["file2", []],
    ] as const
  ) assert.deepEqual(correct(typo), corrected, typo);
  assert.deepEqual(correct("serch", (stem) => stem !== "search"), []);
});
