import assert from "node:assert/strict";
import fc from "fast-check";
import { CallerError } from "../../../../src/errors.ts";
import {
  NESTED_MAX_TOKENS,
  type ReadAnswer,
  type ReadArguments,
  readResult,
} from "../../../../src/gateway/own_server/results/result_reading.ts";
import { estimateTokens } from "../../../../src/gateway/tools/mod.ts";
import { OWNER, StoreFixture, TEXTS } from "./store_fixture.ts";

/** Reads from a text that is kept; each answer must be within the limit of tokens. */
class Reader implements Disposable {
  readonly #fixture = new StoreFixture();
  readonly #maxTokens: number;
  #handle = "";

  constructor(maxTokens = 200) {
    this.#maxTokens = maxTokens;
  }

  async keep(text: string): Promise<void> {
    this.#handle = await this.#fixture.keep(text);
  }

  async read(args: ReadArguments = {}): Promise<ReadAnswer> {
    const kept = this.#fixture.store.find(this.#handle, OWNER) ?? assert.fail();
    const answer = await readResult(kept, { args, maxTokens: this.#maxTokens, party: "agent a" });
    const tokens = estimateTokens(JSON.stringify(answer));
    assert.ok(tokens <= this.#maxTokens, `${tokens} tokens`);
    return answer;
  }

  /** Reads all parts, and returns their texts. */
  async readAll(args: ReadArguments = {}): Promise<string[]> {
    const texts: string[] = [];
    for (let offset: number | undefined = 0; offset !== undefined;) {
      const answer: ReadAnswer = await this.read({ ...args, offset });
      texts.push(answer.text);
      assert.ok(answer.next_offset === undefined || answer.next_offset > offset);
      offset = answer.next_offset;
    }
    return texts;
  }

  async fail(args: ReadArguments): Promise<CallerError> {
    const error = await this.read(args).then(() => undefined, (error) => error);
    assert.ok(error instanceof CallerError, "the read must fail");
    assert.equal(error.code, "INVALID_ARGUMENTS");
    assert.ok(error.details.hint);
    return error;
  }

  [Symbol.dispose](): void {
    this.#fixture[Symbol.dispose]();
  }
}

const LONE_END = /[\ud800-\udbff]$/;

Deno.test("[results.exact] the parts of a text are the text, and split no pair", async (test) => {
  for (const [name, text] of Object.entries(TEXTS)) {
    await test.step(name, async () => {
      using reader = new Reader(text.length > 10_000 ? 20_000 : 200);
      await reader.keep(text);
      const parts = await reader.readAll();
      assert.ok(parts.join("") === text);
      for (const part of parts.slice(0, -1)) assert.doesNotMatch(part, LONE_END);
    });
  }
});

Deno.test("[results.exact] any limit rebuilds the text, by characters and by lines", async () => {
  const unit = fc.constantFrom("a", "\n", "é", "漢", "😀", "\ud83d", "\ude00", '"', "\\");
  const options = fc.record({
    text: fc.string({ unit, maxLength: 80 }),
    unit: fc.constantFrom("chars" as const, "lines" as const),
    limit: fc.integer({ min: 1, max: 30 }),
  });
  await fc.assert(fc.asyncProperty(options, async ({ text, ...args }) => {
    using reader = new Reader(2000);
    await reader.keep(text);
    assert.equal((await reader.readAll(args)).join(""), text);
  }));
});

Deno.test("[results.read] a part has its offset, the offset of the next one, and the total", async () => {
  using reader = new Reader();
  await reader.keep("one\ntwo 😀\nthree");
  const chars = { unit: "chars", total: 16 };
  assert.deepEqual(await reader.read({ limit: 3 }), {
    ...chars,
    text: "one",
    offset: 0,
    next_offset: 3,
  });
  assert.deepEqual(await reader.read({ offset: 11 }), { ...chars, text: "three", offset: 11 });
  assert.deepEqual(await reader.read({ offset: 16 }), { ...chars, text: "", offset: 16 });
  // The middle of the pair.
  assert.deepEqual(await reader.read({ offset: 9, limit: 1 }), {
    ...chars,
    text: "😀",
    offset: 8,
    next_offset: 10,
  });
  assert.deepEqual(await reader.read({ unit: "lines", offset: 1, limit: 1 }), {
    text: "two 😀\n",
    unit: "lines",
    offset: 1,
    next_offset: 2,
    total: 3,
  });
});

Deno.test("[results.read] an error says what to do instead", async () => {
  using reader = new Reader();
  await reader.keep("12345\n");
  assert.match(
    (await reader.fail({ offset: 7 })).message,
    /beyond the end: there are 6 characters/,
  );
  assert.match((await reader.fail({ offset: 2, unit: "lines" })).message, /there are 1 lines/);
  assert.match((await reader.fail({ grep: "" })).message, /on one line/);
  assert.match((await reader.fail({ grep: "1\n2" })).message, /on one line/);
  assert.match((await reader.fail({ path: "a" })).message, /is not a JSON pointer: "a"/);
  assert.match((await reader.fail({ path: "/a~2" })).message, /is not a JSON pointer/);
  assert.match((await reader.fail({ path: "/a" })).message, /no value at "\/a"/);
  await reader.keep("no JSON");
  assert.match((await reader.fail({ path: "/a" })).message, /not JSON \(at character 2\)/);
  await reader.keep(`short\n${"x y ".repeat(1000)}\nend`);
  const { message, details: { hint } } = await reader.fail({ unit: "lines", offset: 1 });
  assert.match(message, /Line 1 has 4001 characters/);
  assert.match(hint ?? "", /"chars" from offset 6/);
  assert.equal((await reader.read({ unit: "lines", offset: 2 })).text, "end");
});

Deno.test("[results.read-grep] the lines that hold a text have their numbers, and are read page by page", async () => {
  using reader = new Reader();
  const lines = Array.from({ length: 5000 }, (_, index) => `line ${index} of the text`);
  await reader.keep(lines.join("\n"));
  const answer = await reader.read({ grep: "99 of", limit: 2 });
  assert.deepEqual(answer, {
    text: "99: line 99 of the text\n199: line 199 of the text",
    unit: "lines",
    offset: 0,
    next_offset: 2,
    total: 50,
  });
  const pages = await reader.readAll({ grep: "99 of" });
  assert.ok(pages.length > 1);
  const expected = lines.flatMap((line, index) =>
    line.includes("99 of") ? `${index}: ${line}` : []
  );
  assert.deepEqual(pages.join("\n").split("\n"), expected);
  assert.equal(
    (await reader.read({ unit: "lines", offset: 199, limit: 1 })).text,
    `${lines[199]}\n`,
  );
  assert.deepEqual(await reader.read({ grep: "none" }), {
    text: "",
    unit: "lines",
    offset: 0,
    total: 0,
  });
});

Deno.test("[results.read-grep] of a long line, the part around the text is shown with its position", async () => {
  using reader = new Reader(400);
  const text = `first\n${"-".repeat(1500)}needle${"-".repeat(1500)}`;
  await reader.keep(text);
  const { text: row } = await reader.read({ grep: "needle" });
  const [, from, at, part = ""] = /^1 \(from character (\d+), found at (\d+)\): (.*)$/.exec(row) ??
    assert.fail(row);
  assert.equal(part, text.slice(Number(from), Number(from) + part.length));
  assert.ok(part.includes("needle"));
  assert.equal(Number(at), text.indexOf("needle"));
});

Deno.test("[results.read-grep] a part of a line holds the text even if little fits", async () => {
  using reader = new Reader();
  // Each character takes a token or more.
  const noise = "é😀".repeat(3000);
  for (const text of [`${noise}needle${noise}`, `${"漢".repeat(400)}needle${"漢".repeat(400)}`]) {
    await reader.keep(text);
    const { text: row } = await reader.read({ grep: "needle" });
    const [, from, at, part = ""] =
      /^0 \(from character (\d+), found at (\d+)\): (.*)$/.exec(row) ?? assert.fail(row);
    assert.equal(Number(at), text.indexOf("needle"));
    assert.equal(part, text.slice(Number(from), Number(from) + part.length));
    assert.ok(part.includes("needle"));
    assert.ok(part.isWellFormed(), "no pair is split");
  }
  // A text that is itself too long is cut.
  const long = "漢".repeat(256);
  await reader.keep(`${noise}${long}${noise}`);
  const { text: row } = await reader.read({ grep: long });
  assert.match(row, /^0 \(from character 9000, found at 9000\): 漢+…$/);
});

Deno.test("[results.read-path] a value is read as JSON, and its parts, lines and matches in it", async () => {
  using reader = new Reader();
  const items = Array.from({ length: 400 }, (_, id) => ({ id, name: `name ${id}` }));
  await reader.keep(JSON.stringify({ items, big: 12345678901234567890n.toString() }, null, 1));
  assert.equal((await reader.read({ path: "/items/7/name" })).text, "name 7");
  assert.deepEqual(JSON.parse((await reader.readAll({ path: "/items" })).join("")), items);
  const part = await reader.read({ path: "/items/7", unit: "lines", offset: 1, limit: 1 });
  assert.deepEqual(part, {
    text: '   "id": 7,\n',
    unit: "lines",
    offset: 1,
    next_offset: 2,
    total: 4,
  });
  const match = await reader.read({ path: "/items/7", grep: "name 7" });
  assert.equal(match.text, '2:    "name": "name 7"');
  await reader.keep('{"n":[12345678901234567890,-0]}');
  assert.equal((await reader.read({ path: "/n" })).text, "[12345678901234567890,-0]");
});

Deno.test("[results.read-path] a string is read as its text, with lines and matches in it", async () => {
  using reader = new Reader();
  const lines = Array.from({ length: 300 }, (_, index) => `line ${index} of "the" text`);
  await reader.keep(JSON.stringify({ result: lines.join("\n"), logs: "" }));
  const path = "/result";
  const part = await reader.read({ path, unit: "lines", offset: 7, limit: 2 });
  assert.deepEqual(part, {
    text: `${lines[7]}\n${lines[8]}\n`,
    unit: "lines",
    offset: 7,
    next_offset: 9,
    total: 300,
  });
  const match = await reader.read({ path, grep: "99 of" });
  assert.deepEqual(match.text.split("\n"), [99, 199, 299].map((n) => `${n}: ${lines[n]}`));
  assert.equal((await reader.readAll({ path })).join(""), lines.join("\n"));
  assert.deepEqual(await reader.read({ path: "/logs", unit: "lines" }), {
    text: "",
    unit: "lines",
    offset: 0,
    total: 0,
  });
});

Deno.test("[results.read-path] the parts of any string are its text", async (test) => {
  const texts = {
    ...TEXTS,
    backslashes: "\\".repeat(100_001),
    // Escapes of six characters, at every distance from the pieces' ends.
    escapes: `${"\u0001".repeat(12_000)}\n\\u0041${"\u0002\n".repeat(12_000)}`,
  };
  for (const [name, text] of Object.entries(texts)) {
    await test.step(name, async () => {
      for (const padding of [0, 1, 5]) {
        using reader = new Reader(NESTED_MAX_TOKENS);
        const expected = "-".repeat(padding) + text;
        await reader.keep(JSON.stringify([expected]));
        assert.ok((await reader.readAll({ path: "/0" })).join("") === expected);
        const lineCount = expected.split("\n").length - (/(?:^|\n)$/.test(expected) ? 1 : 0);
        const args = { path: "/0", unit: "lines" } as const;
        assert.equal((await reader.read({ ...args, offset: lineCount })).total, lineCount);
        if (lineCount < 3) continue;
        const last = await reader.read({ ...args, offset: lineCount - 1 });
        assert.equal(last.text, expected.split(/(?<=\n)/).at(-1));
      }
    });
  }
});

Deno.test("[results.turns] while a large result is searched, other work gets its turns", async () => {
  using reader = new Reader();
  await reader.keep("a line of a long result\n".repeat(300_000));
  let turnCount = 0;
  const timer = setInterval(() => turnCount++, 0);
  const reads = Array.from({ length: 8 }, () => reader.read({ grep: "missing" }));
  await Promise.all(reads);
  clearInterval(timer);
  // A turn takes about 5 ms, and all the work some hundred: 79 turns here, and 6 if decoding does not count.
  assert.ok(turnCount >= 25, `${turnCount} turns`);
});
