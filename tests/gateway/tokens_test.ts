import assert from "node:assert/strict";
import fc from "fast-check";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { type DescribedTool, signatureOf, summaryOf } from "../../src/gateway/tools/signature.ts";
import { estimateTokens } from "../../src/gateway/tools/tokens.ts";
import descriptions from "../fixtures/descriptions.json" with { type: "json" };
import { readToolLists } from "../fixtures/tool_lists/mod.ts";

const lists = readToolLists();

const details: Readonly<Record<string, (tool: DescribedTool) => unknown>> = {
  full: (tool) => tool,
  signatures: (tool) => ({
    name: tool.name,
    signature: signatureOf(tool),
    description: summaryOf(tool),
  }),
  names: (tool) => ({ name: tool.name }),
};

for (const [detail, show] of Object.entries(details)) {
  for (const { server, tools } of lists) {
    Deno.test(`[tools.tokens-used-15-percent] ${detail} of ${server}`, () => {
      assertNear(JSON.stringify(tools.map(show)), 0.1);
    });
  }
}

Deno.test("[tools.tokens-used-15-percent] the estimate for all servers together is closer still", () => {
  for (const show of Object.values(details)) {
    assertNear(JSON.stringify(lists.flatMap(({ tools }) => tools.map(show))), 0.05);
  }
});

Deno.test("[tools.tokens-used-15-percent] estimates of single tools rarely deviate by 10 %", () => {
  const tools = lists.flatMap((list) => list.tools).map((tool) => JSON.stringify(tool));
  const far = tools.filter((text) => deviation(text) > 0.1);
  assert.ok(far.length <= tools.length / 100, far.join("\n"));
});

Deno.test("[tools.tokens-used-15-percent] JSON in other layouts is estimated within 15 %", () => {
  for (const { server, tools } of lists) {
    const pretty = JSON.stringify(tools, null, 2);
    assertNear(pretty, 0.1, `${server}, indented`);
    assertNear(pretty.replace(/,\n\s*/g, ", ").replace(/\n\s*/g, ""), 0.1, `${server}, spaced`);
  }
});

Deno.test("[tools.tokens-used-15-percent] base64 and hexadecimal are estimated within 15 %", () => {
  const bytes = noise(6_000);
  const src = `data:image/png;base64,${btoa(String.fromCharCode(...bytes))}`;
  const hash = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  assertNear(JSON.stringify([{ name: "draw", icons: [{ src, mimeType: "image/png" }] }]), 0.1);
  assertNear(JSON.stringify([{ name: "check", description: "", _meta: { hash } }]), 0.1);
});

for (const [language, description] of Object.entries(descriptions)) {
  Deno.test(`a description in ${language} is estimated within 20 %`, () => {
    const inputSchema = { type: "object", properties: { query: { type: "string" } } };
    assertNear(JSON.stringify([{ name: "query_database", description, inputSchema }]), 0.2);
  });
}

Deno.test("an empty text costs nothing", () => {
  assert.equal(estimateTokens(""), 0);
});

Deno.test("any text has a whole number of tokens, no more than its bytes", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
    const tokens = estimateTokens(text);
    assert.ok(Number.isInteger(tokens) && tokens >= 0);
    assert.ok(tokens <= new TextEncoder().encode(text).length, JSON.stringify(text));
  }));
});

Deno.test("megabytes of any kind are estimated in linear time", () => {
  // Quadratic time would be minutes, so the bound holds on any machine.
  const kinds = [
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
  const texts = kinds.map((kind) => kind.repeat(2_000_000 / kind.length));
  const started = performance.now();
  for (const text of texts) assert.ok(estimateTokens(text) > 0);
  assert.ok(performance.now() - started < 10_000);
});

function deviation(text: string): number {
  return Math.abs(estimateTokens(text) / countTokens(text) - 1);
}

function assertNear(text: string, share: number, what = text.slice(0, 60)): void {
  const estimated = estimateTokens(text);
  const counted = countTokens(text);
  // One token is more than the share of a list with a single name.
  const allowed = Math.max(1, counted * share);
  assert.ok(Math.abs(estimated - counted) <= allowed, `${what}: ${estimated}, not ${counted}`);
}

/** Pseudo-random bytes, the same in every run. */
function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = Math.imul(state, 1_664_525) + 1_013_904_223 >>> 0;
    return state >>> 24;
  });
}
