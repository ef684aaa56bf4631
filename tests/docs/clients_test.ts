import assert from "node:assert/strict";
import { parse as parseToml } from "smol-toml";
import { gatewayEntry } from "../../src/cli/init/client_entry.ts";
import { CLIENT_IDS, clientTitle, serversPathOf } from "../../src/cli/init/clients.ts";
import { readBlocks, readPage } from "./page.ts";

const PAGE = "docs/clients.md";

/** Words of an entry that name the two files; the entries on the page use the default folder instead. */
const FILE_WORDS = ["--mcp-config", "S", "--rules", "R"];

const entries = readBlocks(PAGE).filter(({ text }) => text.includes("agent-mcp-gateway"))
  .filter(({ language }) => language === "json" || language === "toml")
  .map(({ language, text }): unknown => language === "toml" ? parseToml(text) : JSON.parse(text));

for (const client of CLIENT_IDS) {
  Deno.test(`[docs.clients] the page names ${client} and has the entry that init writes for it`, () => {
    const entry = gatewayEntry(client, {
      launchCommand: ["agent-mcp-gateway"],
      files: { servers: "S", rules: "R" },
      agent: "developer",
    });
    const isFileWord = (word: unknown) => FILE_WORDS.includes(String(word));
    const entryWithoutFiles = JSON.parse(JSON.stringify(entry), (_, value) => {
      return Array.isArray(value) ? value.filter((word) => !isFileWord(word)) : value;
    });
    const path = [...serversPathOf(client), "gateway"];
    const expected = path.reduceRight<unknown>(
      (inner, key) => ({ [key]: inner }),
      entryWithoutFiles,
    );
    const matchingEntries = entries.filter((value) => {
      try {
        assert.deepEqual(JSON.parse(JSON.stringify(value)), expected);
        return true;
      } catch {
        return false;
      }
    });
    assert.ok(matchingEntries.length > 0, JSON.stringify(expected));
    assert.ok(readPage(PAGE).includes(clientTitle(client)));
  });
}

Deno.test("[docs.clients] the page has the settings for approvals and headless use", () => {
  const page = readPage(PAGE);
  for (
    const setting of [
      '--allowedTools "mcp__gateway',
      'approval_mode = "approve"',
      "--allowed-mcp-server-names gateway",
      '"trust": true',
      "--allow-tool 'gateway(execute_tool)'",
    ]
  ) assert.ok(page.includes(setting), setting);
});
