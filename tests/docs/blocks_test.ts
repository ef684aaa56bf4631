import assert from "node:assert/strict";
import { ensureServers } from "../../scripts/test_servers.ts";
import { BlockChecker } from "./check_block.ts";
import { listPages, readBlocks } from "./page.ts";
import { PageShell } from "./page_shell.ts";
import { blockName, UNCHECKED } from "./unchecked.ts";

/** Pages with tests of their own, because their scripts need a gateway over HTTP, a container or a new home folder. */
const SEPARATELY_TESTED = ["docs/http.md", "docs/deployment.md", "docs/getting-started.md"];

for (const page of listPages().filter((page) => !SEPARATELY_TESTED.includes(page))) {
  Deno.test({
    name: `[docs.blocks] ${page}: every block is run, loaded or parsed, or listed as unchecked`,
    // The scripts on the pages need a POSIX shell.
    ignore: Deno.build.os === "windows",
    fn: async () => {
      await ensureServers();
      await using shell = new PageShell();
      const checker = new BlockChecker(shell);
      const partlyChecked: string[] = [];
      for (const block of readBlocks(page)) {
        if (await checker.check(block) === "in part") partlyChecked.push(blockName(block));
      }
      const listedNames = UNCHECKED.filter((name) => name.startsWith(`${page}: `));
      assert.deepEqual(partlyChecked, listedNames);
    },
  });
}

Deno.test("[docs.unchecked] the list of unchecked blocks names existing pages, and has as many entries as there are marked blocks", () => {
  const pages = listPages();
  const namesWithoutPage = UNCHECKED.filter((name) =>
    !pages.includes(name.slice(0, name.indexOf(": ")))
  );
  assert.deepEqual(namesWithoutPage, []);
  const markedBlocks = pages.flatMap((page) => readBlocks(page))
    .filter(({ marks }) => marks.includes("no-run") || marks.includes("no-check"));
  assert.equal(markedBlocks.length, UNCHECKED.length);
});

Deno.test("[docs.blocks] a wrong or unknown block fails", {
  ignore: Deno.build.os === "windows",
}, async (t) => {
  await ensureServers();
  await using shell = new PageShell();
  const wrongBlocks = [
    '```json\n{ "agents": { "a": { "alow": {} } } }\n```',
    '```json\n{ "mcpServers": { "a": { "command": "x", "gateway": { "isolation": "no" } } } }\n```',
    '```json\n{ "error": { "code": "NO_SUCH_CODE" } }\n```',
    '```json\n{ "what": 1 }\n```',
    '```json\n{ "mcpServers": { "agent-mcp-gateway": { "command": "agent-mcp-gateway", "args": ["--nope"] } } }\n```',
    "```sh\nagent-mcp-gateway nonsense\n```",
    "```ts agent=nobody\nreturn 1\n```",
    "```sh no-run\nagent-mcp-gateway savings --nope\n```",
    "```sh no-run\nagent-mcp-gateway nonsense\n```",
    "```sh no-run\ndeno task nonsense\n```",
    "```sh\necho one\n```\n\n```text output\ntwo\n```",
    "```sh\necho one\n```\n\n```text output\ntwo …\n```",
    "```sh clone\ncat no-such-file\n```",
    "```text\nwhose?\n```",
    "```cobol\nSTOP RUN.\n```",
    "```\nno language\n```",
  ];
  for (const text of wrongBlocks) {
    await t.step(text.split("\n").slice(0, 2).join(" "), async () => {
      const checker = new BlockChecker(shell);
      await assert.rejects(async () => {
        for (const block of readBlocks("a page", text)) await checker.check(block);
      });
    });
  }
  assert.throws(() => readBlocks("a page", "```json\n{}"), /has no closing fence/);
});
