import assert from "node:assert/strict";
import fc from "fast-check";
import { cutResult } from "../../../../src/gateway/own_server/results/cut_result.ts";
import { estimateTokens } from "../../../../src/gateway/tools/mod.ts";
import { isRecord } from "../../../../src/json.ts";
import { JsonText, utf8Bytes } from "../../../../src/jsonrpc/mod.ts";

const HANDLE = "Zk3_xYq1b0PqRst9uVw2";
const HINT =
  "The whole is kept for 15 minutes: call read_result with {handle, offset?, limit?, unit?: lines, grep?, path?}";

/** A result in which everything is optional. */
interface CuttableResult {
  readonly content?: readonly Readonly<Record<string, unknown>>[];
  readonly structuredContent?: unknown;
  readonly [key: string]: unknown;
}

interface Cut {
  readonly json: string;
  readonly result: CuttableResult;
  /** The kept texts by handle. */
  readonly kept: ReadonlyMap<string, string>;
}

/** Cuts a result, and checks that it is within the limit. */
async function cut(
  value: CuttableResult,
  { maxTokens, reason, indent }: {
    readonly maxTokens: number;
    readonly reason?: string;
    readonly indent?: number;
  },
): Promise<Cut> {
  const { json } = new JsonText(JSON.stringify(value, null, indent));
  const kept = new Map<string, string>();
  const answer = await cutResult({ result: new JsonText(json), value, bytes: utf8Bytes(json) }, {
    maxTokens,
    readCall: "call read_result with",
    party: "agent a",
    keep: (text) => {
      if (reason !== undefined) return Promise.resolve({ reason });
      const handle = `${HANDLE}${String(kept.size).padStart(2, "0")}`;
      kept.set(handle, text);
      return Promise.resolve({ handle, lines: text.split("\n").length });
    },
  });
  const result = JSON.parse(answer.result.json);
  assert.equal(answer.bytes, utf8Bytes(answer.result.json));
  const tokens = countTokens(result);
  assert.ok(tokens <= maxTokens || kept.size === 0, `${tokens} tokens`);
  return { json: answer.result.json, result, kept };
}

/** Counts the tokens of all texts; a text that is in a part and in the structured content counts once. */
function countTokens({ content = [], structuredContent }: CuttableResult): number {
  const texts = content.map((block) => {
    return String(block.text ?? (isRecord(block.resource) ? block.resource.text ?? "" : ""));
  });
  const isTwin = isRecord(structuredContent) && texts.some((text) => {
    return text === JSON.stringify(structuredContent) ||
      Object.values(structuredContent).includes(text);
  });
  if (isRecord(structuredContent) && !isTwin) texts.push(JSON.stringify(structuredContent));
  return texts.reduce((sum, text) => sum + estimateTokens(text), 0);
}

function text(text: string): { readonly type: "text"; readonly text: string } {
  return { type: "text", text };
}

const LINES = Array.from({ length: 3000 }, (_, index) => `line ${index} of a text\n`).join("");
const ITEMS = { items: Array.from({ length: 1000 }, (_, id) => ({ id, name: `name ${id}` })) };
const IMAGE = { type: "image", data: "A".repeat(5000), mimeType: "image/png" };

Deno.test("[results.cut] a result within the limit is passed on unchanged", async () => {
  const value = { content: [text("a".repeat(3000))], structuredContent: { a: 1 }, isError: false };
  const { json, kept } = await cut(value, { maxTokens: 5000, indent: 1 });
  assert.equal(json, new JsonText(JSON.stringify(value, null, 1)).json);
  assert.equal(kept.size, 0);
});

Deno.test("[results.cut] a text above the limit becomes its head and tail at line ends, its size, a handle and a hint", async () => {
  const { result, kept } = await cut({ content: [text(LINES)] }, { maxTokens: 300 });
  assert.deepEqual([...kept.values()], [LINES]);
  const { text: shown } = result.content?.[0] ?? assert.fail();
  const match = /^([^]*\n)\[… characters (\d+) to (\d+) left out …\]\n([^]*)\n(\{.*\})$/
    .exec(String(shown)) ?? assert.fail(String(shown));
  const [, head = "", from, to, tail = "", note = ""] = match;
  assert.equal(head, LINES.slice(0, Number(from)));
  assert.equal(`${tail}\n`, LINES.slice(Number(to)));
  assert.match(LINES.slice(0, Number(to)), /\n$/);
  assert.deepEqual(JSON.parse(note), {
    size: { chars: LINES.length, lines: 3001 },
    handle: `${HANDLE}00`,
    hint: HINT,
  });
  assert.ok(countTokens(result) > 200, "the limit is used");
});

Deno.test("[results.cut] structured content above the limit becomes an object", async () => {
  const value = { content: [text("short")], structuredContent: ITEMS };
  const { result, kept } = await cut(value, { maxTokens: 400 });
  assert.deepEqual([...kept.values()], [JSON.stringify(ITEMS)]);
  const { head, tail, left_out, ...note } = result.structuredContent as Record<string, unknown>;
  const whole = JSON.stringify(ITEMS);
  const { from, to } = left_out as { from: number; to: number };
  assert.equal(head, whole.slice(0, from));
  assert.equal(tail, whole.slice(to));
  assert.deepEqual(note, {
    size: { chars: whole.length, lines: 1 },
    handle: `${HANDLE}00`,
    hint: HINT,
  });
  assert.deepEqual(result.content, [text("short")]);
});

Deno.test("[results.cut] structured content that is no object is cut, too", async () => {
  for (const structuredContent of [ITEMS.items, LINES]) {
    const { result, kept } = await cut({ content: [], structuredContent }, { maxTokens: 400 });
    assert.deepEqual([...kept.values()], [JSON.stringify(structuredContent)]);
    const { hint } = result.structuredContent as Record<string, unknown>;
    assert.equal(hint, HINT);
    assert.ok(estimateTokens(JSON.stringify(result.structuredContent)) <= 400);
  }
});

Deno.test("[results.cut] structured content with megabytes of space is not compared with hundreds of parts", async () => {
  const parts = Array.from({ length: 500 }, () => JSON.stringify(text("{")));
  const json = `{"content":[${parts}],"structuredContent":{${" ".repeat(5_000_000)}"a":1}}`;
  const startedAt = performance.now();
  await cutResult({ result: new JsonText(json), value: JSON.parse(json), bytes: json.length }, {
    maxTokens: 400,
    readCall: "call read_result with",
    party: "agent a",
    keep: () => Promise.resolve({ handle: HANDLE, lines: 1 }),
  });
  // Each comparison of the whole takes 20 ms or more.
  assert.ok(performance.now() - startedAt < 5000);
});

Deno.test("[results.cut] a text that is in a part and in the structured content counts once and is kept once", async (test) => {
  await test.step("as JSON with other space", async () => {
    const written = JSON.stringify(ITEMS, null, 2);
    const value = { content: [text("short"), text(written)], structuredContent: ITEMS };
    const { result, kept } = await cut(value, { maxTokens: 400 });
    assert.deepEqual([...kept.values()], [written]);
    assert.equal(result.content?.[1]?.text, JSON.stringify(result.structuredContent));
    assert.ok(countTokens(result) > 300);
  });
  await test.step("as the only text of the structured content", async () => {
    const value = { content: [text(LINES)], structuredContent: { result: LINES } };
    const { result, kept } = await cut(value, { maxTokens: 400 });
    assert.deepEqual([...kept.values()], [LINES]);
    assert.deepEqual(result.structuredContent, { result: result.content?.[0]?.text });
    assert.ok(countTokens(result) > 300);
  });
  await test.step("not if a value differs", async () => {
    const value = {
      content: [text(JSON.stringify({ ...ITEMS, last: 1 }))],
      structuredContent: { ...ITEMS, last: 2 },
    };
    const { kept } = await cut(value, { maxTokens: 400 });
    assert.equal(kept.size, 2);
  });
});

Deno.test("[results.cut] short texts, images, links and all other members stay as the server wrote them", async () => {
  const link = { type: "resource_link", uri: "test://a", name: "a" };
  const resource = { type: "resource", resource: { uri: "test://b", blob: "QUJD" } };
  const value = {
    _meta: { number: 1e100 },
    content: [
      text("before"),
      { ...text(LINES), annotations: { priority: 1 } },
      IMAGE,
      link,
      resource,
      text("after"),
    ],
    isError: true,
  };
  const { result, json } = await cut(value, { maxTokens: 300, indent: 1 });
  const [before, cutText = {}, ...others] = result.content ?? [];
  assert.deepEqual(before, text("before"));
  assert.deepEqual(cutText.annotations, { priority: 1 });
  assert.deepEqual(others, [IMAGE, link, resource, text("after")]);
  assert.equal(result.isError, true);
  assert.ok(json.includes('"number": 1e+100'));
});

Deno.test("[results.cut] the text of an embedded resource counts, too", async () => {
  const resource = { uri: "test://b", mimeType: "text/plain", text: LINES };
  const { result, kept } = await cut({ content: [{ type: "resource", resource }] }, {
    maxTokens: 300,
  });
  assert.deepEqual([...kept.values()], [LINES]);
  const { text: shown, ...others } = result.content?.[0]?.resource as Record<string, unknown>;
  assert.deepEqual(others, { uri: "test://b", mimeType: "text/plain" });
  assert.ok(String(shown).includes(HANDLE));
});

Deno.test("[results.cut] the longest texts share what the shorter ones leave", async () => {
  const short = "a few words\n".repeat(20);
  const value = { content: [text(LINES), text(short), text(`${LINES}end`)] };
  const { result, kept } = await cut(value, { maxTokens: 800 });
  assert.deepEqual([...kept.values()], [LINES, `${LINES}end`]);
  assert.equal(result.content?.[1]?.text, short);
  assert.ok(countTokens(result) > 650);
});

Deno.test("[results.cut] many texts become one: their parts as JSON, each on a line", async () => {
  const content = [IMAGE, ...Array.from({ length: 2000 }, (_, index) => text(`part ${index}`))];
  const { result, kept } = await cut({ content }, { maxTokens: 200 });
  assert.equal(result.content?.length, 2);
  assert.deepEqual(result.content?.[0], IMAGE);
  const [whole = ""] = kept.values();
  assert.deepEqual(JSON.parse(whole), content.slice(1));
  assert.equal(whole.split("\n").length, 2002);
});

Deno.test("[results.disk-full] a result that cannot be kept is cut all the same, and says why", async () => {
  const reason = "No space left on device (os error 28)";
  const value = { content: [text(LINES)], structuredContent: ITEMS };
  const { result } = await cut(value, { maxTokens: 400, reason });
  const hint = `The rest could not be kept (${reason}). Ask the tool for less.`;
  assert.ok(
    String(result.content?.[0]?.text).endsWith(
      JSON.stringify({ size: { chars: LINES.length }, hint }),
    ),
  );
  assert.equal((result.structuredContent as Record<string, unknown>).hint, hint);
  assert.ok(countTokens(result) <= 400);
});

Deno.test("[results.cut] any result is within any limit, and its kept texts rebuild it", async () => {
  const unit = fc.constantFrom("word ", "\n", "漢", "é1", "😀", "\ud83d", '{"a":', "—", "9");
  const words = fc.string({ unit, maxLength: 400 });
  const value = fc.record({
    content: fc.array(words.map(text), { maxLength: 5 }),
    structuredContent: fc.record({ a: words, b: words }, { noNullPrototype: true }),
  }, { requiredKeys: ["content"], noNullPrototype: true });
  const maxTokens = fc.integer({ min: 200, max: 1200 });
  await fc.assert(
    fc.asyncProperty(value, maxTokens, async (value, maxTokens) => {
      const { result, kept } = await cut(value, { maxTokens });
      const isJoined = result.content?.length !== value.content.length;
      const original = isJoined ? undefined : value.content.map((block, index) => {
        const handle = handleIn(result.content?.[index]?.text);
        return (handle === undefined ? result.content?.[index]?.text : kept.get(handle)) ===
          block.text;
      });
      assert.ok(original === undefined || original.every(Boolean));
      if (value.structuredContent === undefined) return;
      const { handle } = result.structuredContent as { handle?: string };
      const structured = handle === undefined
        ? result.structuredContent
        : JSON.parse(kept.get(handle) ?? "");
      assert.deepEqual(structured, value.structuredContent);
    }),
    { numRuns: 300 },
  );
});

function handleIn(text: unknown): string | undefined {
  return new RegExp(`"handle":"(${HANDLE}\\d\\d)"`).exec(String(text))?.[1];
}
