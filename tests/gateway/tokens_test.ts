import assert from "node:assert/strict";
import fc from "fast-check";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { type DescribedTool, signatureOf, summaryOf } from "../../src/gateway/tools/signature.ts";
import { estimateTokens } from "../../src/gateway/tools/tokens.ts";
import descriptions from "../fixtures/descriptions.json" with { type: "json" };
import { readToolLists } from "../fixtures/tool_lists/mod.ts";
import { cpuMs } from "../cpu_time.ts";

const toolLists = readToolLists();

/** Functions that return the answer of `get_server_tools` for a tool, by level of detail. */
const answersByDetail: Readonly<Record<string, (tool: DescribedTool) => unknown>> = {
  full: (tool) => tool,
  signatures: (tool) => ({
    name: tool.name,
    signature: signatureOf(tool),
    description: summaryOf(tool),
  }),
  names: (tool) => ({ name: tool.name }),
};

for (const [detail, answerFor] of Object.entries(answersByDetail)) {
  for (const { server, tools } of toolLists) {
    Deno.test(`[tools.tokens-used-15-percent] the tokens of the tools of ${server} (detail: ${detail}) are estimated within 10 %`, () => {
      assertEstimate(JSON.stringify(tools.map(answerFor)), 0.1);
    });
  }
}

Deno.test("[tools.tokens-used-15-percent] the tokens of all servers together are estimated within 5 %", () => {
  for (const answerFor of Object.values(answersByDetail)) {
    assertEstimate(JSON.stringify(toolLists.flatMap(({ tools }) => tools.map(answerFor))), 0.05);
  }
});

Deno.test("[tools.tokens-used-15-percent] at most 1 % of the estimates of single tools deviate by more than 10 %", () => {
  const tools = toolLists.flatMap((list) => list.tools).map((tool) => JSON.stringify(tool));
  const deviatingTools = tools.filter((text) => relativeDeviation(text) > 0.1);
  assert.ok(deviatingTools.length <= tools.length / 100, deviatingTools.join("\n"));
});

Deno.test("[tools.tokens-used-15-percent] JSON in other layouts is estimated within 10 %", () => {
  for (const { server, tools } of toolLists) {
    const indented = JSON.stringify(tools, null, 2);
    assertEstimate(indented, 0.1, `${server}, indented`);
    assertEstimate(
      indented.replace(/,\n\s*/g, ", ").replace(/\n\s*/g, ""),
      0.1,
      `${server}, spaced`,
    );
  }
});

Deno.test("[tools.tokens-used-15-percent] base64 and hexadecimal are estimated within 10 %", () => {
  const bytes = createPseudoRandomBytes(6_000);
  const src = `data:image/png;base64,${btoa(String.fromCharCode(...bytes))}`;
  const hexadecimal = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  assertEstimate(JSON.stringify([{ name: "draw", icons: [{ src, mimeType: "image/png" }] }]), 0.1);
  assertEstimate(JSON.stringify([{ name: "check", description: "", _meta: { hexadecimal } }]), 0.1);
});

for (const [language, description] of Object.entries(descriptions)) {
  Deno.test(`a description in ${language} is estimated within 20 %`, () => {
    const inputSchema = { type: "object", properties: { query: { type: "string" } } };
    assertEstimate(JSON.stringify([{ name: "query_database", description, inputSchema }]), 0.2);
  });
}

Deno.test("an empty text has no tokens", () => {
  assert.equal(estimateTokens(""), 0);
});

Deno.test("the estimate for any text is a whole number, at most the number of its bytes", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
    const tokens = estimateTokens(text);
    assert.ok(Number.isInteger(tokens) && tokens >= 0);
    assert.ok(tokens <= new TextEncoder().encode(text).length, JSON.stringify(text));
  }));
});

Deno.test("a text of two megabytes is estimated in linear time", () => {
  // Quadratic time would take minutes, so the bound of 10 s holds on slow machines, too.
  const patterns = [
    "a",
    "A",
    "1",
    "a1",
    "a1b2c3 ",
    " ",
    "\n",
    "\\",
    '"',
    "{}",
    "\u00e9",
    "\u4e2d",
    "a+/=",
  ];
  const texts = patterns.map((pattern) => pattern.repeat(2_000_000 / pattern.length));
  const startMs = cpuMs();
  for (const text of texts) assert.ok(estimateTokens(text) > 0);
  assert.ok(cpuMs() - startMs < 10_000);
});

function relativeDeviation(text: string): number {
  return Math.abs(estimateTokens(text) / countTokens(text) - 1);
}

function assertEstimate(text: string, maxShare: number, description = text.slice(0, 60)): void {
  const estimatedTokens = estimateTokens(text);
  const countedTokens = countTokens(text);
  // A list with a single name has so few tokens that one token exceeds the share.
  const maxDeviation = Math.max(1, countedTokens * maxShare);
  assert.ok(
    Math.abs(estimatedTokens - countedTokens) <= maxDeviation,
    `${description}: ${estimatedTokens}, not ${countedTokens}`,
  );
}

/** Creates pseudo-random bytes, the same in every run. */
function createPseudoRandomBytes(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = Math.imul(state, 1_664_525) + 1_013_904_223 >>> 0;
    return state >>> 24;
  });
}
