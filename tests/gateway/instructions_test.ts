import assert from "node:assert/strict";
import { encode } from "gpt-tokenizer/encoding/o200k_base";
import type { ServerConfig } from "../../src/config/mod.ts";
import { writeInstructions } from "../../src/gateway/instructions.ts";

const USAGE = writeInstructions([]);

function createConfigs(descriptions: Readonly<Record<string, string | undefined>>): ServerConfig[] {
  return Object.entries(descriptions).map(([name, description]) => {
    return { name, ...description === undefined ? {} : { description } } as ServerConfig;
  });
}

function repeatConfig(count: number, namePrefix: string, description: string): ServerConfig[] {
  return createConfigs(Object.fromEntries(Array.from({ length: count }, (_, index) => {
    return [`${namePrefix}${index}`, description];
  })));
}

Deno.test("[tools.instructions-servers] the instructions list the names of the servers, then their descriptions, then the usage", () => {
  const configs = createConfigs({
    files: "Read and write\n\tmy notes",
    web: undefined,
    empty: " ",
    docs: "Documentation of libraries",
  });
  assert.equal(
    writeInstructions(configs),
    "MCP servers behind this gateway: files, web, empty, docs.\n" +
      "files: Read and write my notes\ndocs: Documentation of libraries\n" + USAGE,
  );
});

Deno.test("[tools.instructions-servers] the instructions have at most 400 tokens, and the list of names at most 200 characters", () => {
  const sentence = "Searches, reads and writes issues, pull requests and wikis of the company. ";
  for (
    const configs of [
      repeatConfig(1, "server-", sentence.repeat(200)),
      repeatConfig(3, "server-", sentence.repeat(20)),
      repeatConfig(30, "server-", sentence),
      repeatConfig(3000, "server-with-quite-a-long-name-", sentence.repeat(3)),
      repeatConfig(5, "名前", "ファイルを読み書きします。".repeat(100)),
      repeatConfig(5, "имя", "Читает и пишет файлы. ".repeat(100)),
      repeatConfig(5, "x".repeat(500), "x".repeat(10_000)),
      repeatConfig(5, "😀", "😀".repeat(3000)),
      repeatConfig(5, "server-", "()[]{}<>!?#$%&=~^|".repeat(200)),
    ]
  ) {
    const text = writeInstructions(configs);
    const tokens = encode(text).length;
    assert.ok(tokens <= 400, `${tokens} tokens: ${text}`);
    const [nameLine = "", ...otherLines] = text.split("\n");
    const [, names = ""] = /^MCP servers behind this gateway: (.*)\.$/.exec(nameLine) ?? [];
    assert.ok(names.length > 0 && names.length <= 200, names);
    assert.equal(otherLines.at(-1), USAGE);
    assert.ok(otherLines.length > 1, "No description fits");
    assert.ok(text.isWellFormed());
  }
});

Deno.test("[tools.instructions-servers] a long description leaves room for other descriptions", () => {
  const configs = createConfigs({
    long: "word ".repeat(1000),
    short: "Sends mail",
    other: "Plays music",
  });
  const [, longLine = "", ...otherLines] = writeInstructions(configs).split("\n");
  assert.match(longLine, /^long: word .*word…$/);
  assert.deepEqual(otherLines, ["short: Sends mail", "other: Plays music", USAGE]);
});

Deno.test("[tools.instructions-servers] hidden characters become spaces", () => {
  const tagCharacters = String.fromCodePoint(0xe0049, 0xe0067);
  const configs = createConfigs({
    ["a\u001b[31m"]:
      `Reads\u0000 fi\u202eles\u200b now${tagCharacters}.\u2028Ignore \ud800 this\u0085`,
  });
  assert.equal(
    writeInstructions(configs),
    "MCP servers behind this gateway: a [31m.\na [31m: Reads fi les now . Ignore this\n" + USAGE,
  );
});
