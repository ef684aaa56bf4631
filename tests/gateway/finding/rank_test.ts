import assert from "node:assert/strict";
import fc from "fast-check";
import { readServers } from "../../../scripts/bench/finding_queries.ts";
import type { Tool } from "../../../src/downstream/mod.ts";
import {
  type DescribedServer,
  indexTools,
  rankTools,
  type Scope,
} from "../../../src/gateway/tools/finding/mod.ts";
import { JsonText } from "../../../src/jsonrpc/mod.ts";

function createTool(name: string, fields: Readonly<Record<string, unknown>> = {}): Tool {
  const definition = { name, ...fields };
  return { name, definition, text: new JsonText(JSON.stringify(definition)) };
}

/** Runs all steps of a generator. */
function finish<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

function createScope(
  server: DescribedServer,
  tools: readonly Tool[],
  isSearched: (tool: Tool) => boolean = () => true,
): Scope {
  const index = finish(indexTools(tools, server));
  const searched = Uint8Array.from(tools, (tool) => isSearched(tool) ? 1 : 0);
  return { server: server.name, index, searched };
}

function find(query: string, scopes: readonly Scope[]): string[] {
  return finish(rankTools(query, scopes)).map(({ server, tool: { name } }) => `${server}/${name}`);
}

const files = createScope({ name: "files", description: "Documents of the team" }, [
  createTool("read_file", { description: "Read a file. It may be any file." }),
  createTool("deleteFile", { title: "Remove a file" }),
  createTool("list", { description: "Entries of a directory" }),
  createTool("x1", { inputSchema: { properties: { checksum: { description: "Of SHA" } } } }),
]);
const browser = createScope({ name: "browser" }, [
  createTool("take_screenshot", { description: "Capture the visible page" }),
  createTool("page.click"),
  createTool("getCookies", { annotations: { title: "Cookies of a site" } }),
]);
const all = [files, browser];

Deno.test("[finding.fields] names, titles, descriptions, parameters and the server are searched", () => {
  for (
    const [query, tool] of [
      ["read_file", "files/read_file"],
      ["delete file", "files/deleteFile"],
      ["remove", "files/deleteFile"],
      ["entries", "files/list"],
      ["checksum", "files/x1"],
      ["sha", "files/x1"],
      ["click", "browser/page.click"],
      ["cookies of a site", "browser/getCookies"],
    ] as const
  ) assert.equal(find(query, all)[0], tool, query);
  assert.deepEqual(find("team", all).toSorted(), [
    "files/deleteFile",
    "files/list",
    "files/read_file",
    "files/x1",
  ]);
});

Deno.test("[finding.stems] [finding.synonyms] [finding.typos] other forms, synonyms and typos find a tool", () => {
  for (
    const [query, tool] of [
      ["reading files", "files/read_file"],
      ["take a picture of the web site", "browser/take_screenshot"],
      ["throw a file away", "files/deleteFile"],
      ["erase it", "files/deleteFile"],
      ["screnshot", "browser/take_screenshot"],
      ["screen shot", "browser/take_screenshot"],
      ["ls", "files/list"],
      ["folder", "files/list"],
      ["what is in my folder", "files/list"],
    ] as const
  ) assert.equal(find(query, all)[0], tool, query);
});

Deno.test("[finding.best] at most eight tools are found, and none that is far behind the best", () => {
  const many = createScope(
    { name: "many" },
    Array.from({ length: 20 }, (_, index) => createTool(`send_mail_${index}`)),
  );
  assert.deepEqual(
    find("send mail", [many]),
    Array.from({ length: 8 }, (_, index) => `many/send_mail_${index}`),
  );
  assert.deepEqual(find("take screenshot", all), ["browser/take_screenshot"]);
});

Deno.test("[finding.nothing] a query without a word of any tool finds nothing", () => {
  for (const query of ["quaternion", "   ", "?!", "\u0000", "\ud800", "🙂", "42"]) {
    assert.deepEqual(find(query, all), [], query);
  }
  assert.deepEqual(find("read", []), []);
  assert.deepEqual(find("read", [createScope({ name: "none" }, [])]), []);
});

Deno.test("[finding.fields] paths, addresses and numbers stand for what they are", () => {
  const pages = createScope({ name: "web" }, [
    createTool("open", { description: "Opens a URL" }),
    createTool("read", { description: "Reads a file" }),
    createTool("issue_42"),
  ]);
  assert.equal(find("https://example.com/a?b=c#d", [pages])[0], "web/open");
  assert.equal(find("./notes/today.txt", [pages])[0], "web/read");
});

Deno.test("an index has at most 30,000 terms, of which typos are corrected to as many", () => {
  const tools = Array.from({ length: 700 }, (_, tool) => {
    const words = Array.from({ length: 60 }, (_, word) => `w${tool}x${word}`);
    return createTool(words[0] ?? "", { description: words.join(" ") });
  });
  const { vocabulary, memory } = finish(indexTools(tools, { name: "many" }));
  assert.equal(vocabulary.size, 30_000);
  assert.ok(memory < 10 * 1024 * 1024, String(memory));
});

Deno.test("[finding.no-leak] tools that are not searched change nothing in the result", () => {
  const servers = readServers();
  const toolCount = servers.reduce((sum, { tools }) => sum + tools.length, 0);
  const queries = [
    "take a screenshot",
    "create an issue",
    "merge pull request",
    "screnshot of the pgae",
    "everything that was remembered",
    "lint my code",
    "get rid of it",
  ];
  const everything = servers.map(({ server, tools }) => createScope({ name: server }, tools));
  fc.assert(
    fc.property(
      fc.constantFrom(...queries),
      fc.array(fc.boolean(), { minLength: toolCount, maxLength: toolCount }),
      (query, flags) => {
        let position = 0;
        const isAllowed = servers.map(({ tools }) => tools.map(() => flags[position++] === true));
        const filtered = everything.map((scope, server): Scope => {
          return { ...scope, searched: Uint8Array.from(isAllowed[server] ?? [], Number) };
        });
        const without = servers.map(({ server, tools }, index) => {
          return createScope(
            { name: server },
            tools.filter((_, tool) => isAllowed[index]?.[tool] === true),
          );
        });
        assert.deepEqual(find(query, filtered), find(query, without));
      },
    ),
    { numRuns: 20 },
  );
});
