import assert from "node:assert/strict";
import fc from "fast-check";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { type DescribedTool, signatureOf, summaryOf } from "../../src/gateway/tools/signature.ts";
import { readToolLists } from "../fixtures/tool_lists/mod.ts";
import { cpuMs } from "../cpu_time.ts";

const ELLIPSIS = "\u2026";
/** A summary has at most 100 estimated tokens; an estimate may be wrong by 5 %. */
const MAX_COUNTED_TOKENS = 105;
const LONG_TEXT = "It explains at great length what nobody needs to know beforehand. ".repeat(
  20,
);

Deno.test("[tools.signatures-60-percent] signatures and summaries save 60 % of the tokens of each public server's tools, and 75 % in total", () => {
  let totalFullTokens = 0;
  let totalShortTokens = 0;
  for (const { server, tools } of readToolLists()) {
    const fullTokens = countTokens(JSON.stringify(tools));
    const shortTokens = countTokens(JSON.stringify(tools.map(shorten)));
    assert.ok(shortTokens <= 0.4 * fullTokens, `${server}: ${shortTokens} of ${fullTokens}`);
    totalFullTokens += fullTokens;
    totalShortTokens += shortTokens;
  }
  assert.ok(
    totalShortTokens <= 0.25 * totalFullTokens,
    `${totalShortTokens} of ${totalFullTokens}`,
  );
});

Deno.test("a short description is shown whole, on one line", () => {
  const description = "  Lists files.\n\nHidden ones\tincluded;\r\n- sorted\n";
  assert.equal(
    summaryOf({ name: "ls", description }),
    "Lists files. Hidden ones included; - sorted",
  );
});

Deno.test("a long description is cut after a sentence, and ends with an ellipsis", () => {
  const description = `Lists files, e.g. those of version 1.2 too. Fast! ${LONG_TEXT}`;
  const summary = summaryOf({ name: "ls", description });
  assert.ok(summary.startsWith("Lists files, e.g. those of version 1.2 too. Fast! It explains"));
  assert.ok(summary.endsWith(`beforehand. ${ELLIPSIS}`), summary);
  assert.ok(countTokens(summary) <= MAX_COUNTED_TOKENS, summary);
});

Deno.test("a cut summary does not end with a heading, a list number or half a sentence", () => {
  for (const heading of ["## Usage", "**Note:**", "How to use it:", "1."]) {
    const description = `Lists files.\n\n${heading}\n${LONG_TEXT.replaceAll(".", ",")}`;
    assert.equal(summaryOf({ name: "ls", description }), `Lists files. ${ELLIPSIS}`);
  }
});

Deno.test("a first sentence that is too long is cut after a word, or after a character if it has no spaces", () => {
  const summaryOfWords = summaryOf({ name: "ls", description: LONG_TEXT.replaceAll(".", "") });
  assert.match(summaryOfWords, /^It explains .*[a-z]\u2026$/);
  assert.ok(countTokens(summaryOfWords) <= MAX_COUNTED_TOKENS, summaryOfWords);

  for (const character of ["\u6587", "\u{1f433}"]) {
    const summary = summaryOf({ name: "ls", description: character.repeat(500) });
    assert.ok(summary.isWellFormed() && summary.endsWith(character + ELLIPSIS));
    assert.ok(countTokens(summary) < 200);
  }
});

Deno.test("a tool with a large definition may have a longer summary", () => {
  const properties = Object.fromEntries(
    Array.from({ length: 30 }, (_, i) => [`option_${i}`, {
      type: "object",
      description: `What option ${i} does, and when to use it.`,
    }]),
  );
  const description = "It explains what somebody may need to know. ".repeat(8).trim();
  const inputSchema = { type: "object", properties };
  assert.ok(summaryOf({ name: "f", description }).endsWith(ELLIPSIS));
  assert.equal(summaryOf({ name: "f", description, inputSchema }), description);
});

Deno.test("the summary of any tool is short and on one line", () => {
  assert.equal(summaryOf({}), "");
  assert.equal(summaryOf({ description: 7 }), "");
  let inputSchema: unknown = {};
  for (let i = 0; i < 100_000; i++) inputSchema = [inputSchema];
  assert.equal(summaryOf({ description: "Deep.", inputSchema }), "Deep.");

  const texts = ["a", " ", "\n", " \n", ". ", ".", "\u3002", ":", "#"];
  for (const text of texts) assertShort(text.repeat(1_000_000 / text.length));
  fc.assert(fc.property(fc.string({ unit: "binary", size: "large" }), assertShort));
});

function assertShort(description: string): void {
  const startMs = cpuMs();
  const summary = summaryOf({ name: "f", description });
  assert.ok(cpuMs() - startMs < 1_000);
  // At most 1,000 characters of a description are read; a space and an ellipsis may follow.
  assert.ok(summary.length <= 1_002 && !summary.includes("\n"), summary);
}

/** Returns what `detail: "signatures"` shows of a tool. */
function shorten(tool: DescribedTool): unknown {
  return { name: tool.name, signature: signatureOf(tool), description: summaryOf(tool) };
}
