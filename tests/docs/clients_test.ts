import assert from "node:assert/strict";
import { parse as parseToml } from "smol-toml";
import { clientAdvice } from "../../src/cli/init/client_advice.ts";
import { gatewayEntry } from "../../src/cli/init/client_entry.ts";
import { CLIENT_IDS, clientList, clientTitle } from "../../src/cli/init/clients.ts";
import { readBlocks, readPage } from "./page.ts";

const PAGE = "docs/clients.md";

/** The flags that name the two files; an entry for the default folder does not need them. */
const FILES = ["--mcp-config", "S", "--rules", "R"];

const entries = readBlocks(PAGE).filter(({ text }) => text.includes("agent-mcp-gateway"))
  .filter(({ language }) => language === "json" || language === "toml")
  .map(({ language, text }): unknown => language === "toml" ? parseToml(text) : JSON.parse(text));

for (const client of CLIENT_IDS) {
  Deno.test(`[docs.clients] the page has the entry that init writes for ${client}`, () => {
    const entry = gatewayEntry(client, {
      words: ["agent-mcp-gateway"],
      files: { servers: "S", rules: "R" },
      agent: "developer",
    });
    const isFile = (word: unknown) => FILES.includes(String(word));
    const short = JSON.parse(JSON.stringify(entry), (_, value) => {
      return Array.isArray(value) ? value.filter((word) => !isFile(word)) : value;
    });
    const path = [...clientList(client), "gateway"];
    const wanted = path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), short);
    const found = entries.filter((value) => {
      try {
        assert.deepEqual(JSON.parse(JSON.stringify(value)), wanted);
        return true;
      } catch {
        return false;
      }
    });
    assert.ok(found.length > 0, JSON.stringify(wanted));
    assert.ok(readPage(PAGE).includes(clientTitle(client)));
  });
}

Deno.test("[docs.clients] the page has every setting that init shows beside an entry", () => {
  const page = readPage(PAGE);
  const flags = CLIENT_IDS.flatMap((client) => clientAdvice(client, "gateway"))
    .flatMap((line) => line.match(/--[a-z-]+ \S+|approval_mode = \S+|"trust": true/gi) ?? []);
  assert.ok(flags.length >= 4, flags.join());
  assert.deepEqual(flags.filter((flag) => !page.includes(flag)), []);
});
