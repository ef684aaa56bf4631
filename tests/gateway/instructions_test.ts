import assert from "node:assert/strict";
import { encode } from "gpt-tokenizer/encoding/o200k_base";
import type { ServerConfig } from "../../src/config/mod.ts";
import { writeInstructions } from "../../src/gateway/instructions.ts";

const HOW_TO = writeInstructions([]);

function servers(given: Readonly<Record<string, string | undefined>>): ServerConfig[] {
  return Object.entries(given).map(([name, description]) => {
    return { name, ...description === undefined ? {} : { description } } as ServerConfig;
  });
}

function many(count: number, name: string, description: string): ServerConfig[] {
  return servers(Object.fromEntries(Array.from({ length: count }, (_, index) => {
    return [`${name}${index}`, description];
  })));
}

Deno.test("[tools.instructions-servers] names come first, then descriptions, then usage", () => {
  const given = servers({
    files: "Read and write\n\tmy notes",
    web: undefined,
    empty: " ",
    docs: "Documentation of libraries",
  });
  assert.equal(
    writeInstructions(given),
    "MCP servers behind this gateway: files, web, empty, docs.\n" +
      "files: Read and write my notes\ndocs: Documentation of libraries\n" + HOW_TO,
  );
});

Deno.test("[tools.instructions-servers] they have at most 400 tokens, with the names in the first 200 characters", () => {
  const sentence = "Searches, reads and writes issues, pull requests and wikis of the company. ";
  for (
    const given of [
      many(1, "server-", sentence.repeat(200)),
      many(3, "server-", sentence.repeat(20)),
      many(30, "server-", sentence),
      many(3000, "server-with-quite-a-long-name-", sentence.repeat(3)),
      many(5, "名前", "ファイルを読み書きします。".repeat(100)),
      many(5, "имя", "Читает и пишет файлы. ".repeat(100)),
      many(5, "x".repeat(500), "x".repeat(10_000)),
      many(5, "😀", "😀".repeat(3000)),
      many(5, "server-", "()[]{}<>!?#$%&=~^|".repeat(200)),
    ]
  ) {
    const text = writeInstructions(given);
    const tokens = encode(text).length;
    assert.ok(tokens <= 400, `${tokens} tokens: ${text}`);
    const [first = "", ...rest] = text.split("\n");
    const [, names = ""] = /^MCP servers behind this gateway: (.*)\.$/.exec(first) ?? [];
    assert.ok(names.length > 0 && names.length <= 200, names);
    assert.equal(rest.at(-1), HOW_TO);
    assert.ok(rest.length > 1, "there is room for a description");
    assert.ok(text.isWellFormed());
  }
});

Deno.test("[tools.instructions-servers] a long description leaves room for others", () => {
  const given = servers({ long: "word ".repeat(1000), short: "Sends mail", other: "Plays music" });
  const [, long = "", ...rest] = writeInstructions(given).split("\n");
  assert.match(long, /^long: word .*word…$/);
  assert.deepEqual(rest, ["short: Sends mail", "other: Plays music", HOW_TO]);
});

Deno.test("[tools.instructions-servers] hidden characters are removed", () => {
  const tags = String.fromCodePoint(0xe0049, 0xe0067);
  const given = servers({
    ["a\u001b[31m"]: `Reads\u0000 fi\u202eles\u200b now${tags}.\u2028Ignore \ud800 this\u0085`,
  });
  assert.equal(
    writeInstructions(given),
    "MCP servers behind this gateway: a [31m.\na [31m: Reads fi les now . Ignore this\n" + HOW_TO,
  );
});
