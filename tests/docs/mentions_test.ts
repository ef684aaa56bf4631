import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import { countDetails, countFaces } from "../../scripts/bench/token_figures.ts";
import { LAYERS } from "../../scripts/lint/layers.ts";
import serversSchema from "../../config/servers.schema.json" with { type: "json" };
import rulesSchema from "../../config/rules.schema.json" with { type: "json" };
import { listSettings } from "../../src/config/mod.ts";
import { RETRYABLE } from "../../src/errors.ts";
import { runOnce } from "../e2e/run_once.ts";
import { ERROR_CODES } from "./error_codes.ts";
import { listPages, readPage } from "./page.ts";

const configurationPage = readPage("docs/configuration.md");

/** Whether a page has a word as code, alone or at the end of a path of keys. */
function isNamed(word: string, page: string): boolean {
  const escaped = word.replace(/[.$]/g, "\\$&");
  return new RegExp(`\`(?:[\\w.]+\\.)?${escaped}\``).test(page);
}

/** Returns all keys that the JSON Schema of a file names. */
function keysOf(schema: unknown): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  return Object.entries(schema).flatMap(([name, part]) => {
    if (name === "examples" || name === "default") return [];
    return [...(name === "properties" ? Object.keys(part) : []), ...keysOf(part)];
  });
}

Deno.test("[docs.settings] every setting is on docs/configuration.md with flag and variable", () => {
  for (const { flag, variable } of listSettings()) {
    const row = configurationPage.split("\n").find((line) => {
      const [, first = "", second = ""] = line.split("|").map((cell) => cell.trim());
      return first === (flag === undefined ? "" : `\`--${flag}\``) && second === `\`${variable}\``;
    });
    assert.ok(row, variable);
  }
});

Deno.test("[docs.settings] every variable of the gateway that a page names exists", () => {
  const settings = listSettings();
  // Besides the settings, pages may name the token of /metrics and the variable of the tests.
  const allowedVariables = new Set([
    ...settings.map(({ variable }) => variable),
    "GATEWAY_METRICS_TOKEN",
    "GATEWAY_COMMAND",
  ]);
  for (const page of listPages()) {
    const namedVariables = readPage(page).match(/\bGATEWAY_[A-Z_]+\b/g) ?? [];
    assert.deepEqual(namedVariables.filter((name) => !allowedVariables.has(name)), [], page);
  }
});

for (const [file, schema] of [["servers", serversSchema], ["rules", rulesSchema]] as const) {
  Deno.test(`[docs.keys] every key of the ${file} file is on docs/configuration.md`, () => {
    const keys = [...new Set(keysOf(schema))];
    assert.ok(keys.length > 10, keys.join());
    assert.deepEqual(keys.filter((key) => !isNamed(key, configurationPage)), []);
  });
}

Deno.test("[docs.codes] every error code has a section in docs/troubleshooting.md", () => {
  const page = readPage("docs/troubleshooting.md");
  const sections = new Map(
    page.split(/^## /m).slice(1).map((section) => {
      const [title = ""] = section.split("\n", 1);
      return [title.replaceAll("`", "").trim(), section];
    }),
  );
  assert.ok(ERROR_CODES.length >= 10);
  for (const code of ERROR_CODES) {
    const section = sections.get(code) ?? "";
    assert.match(section, /\*\*Cause\.?\*\*/, code);
    assert.match(section, /\*\*Fix\.?\*\*/, code);
  }
});

Deno.test("[errors.retryable] docs/tools.md says for each code whether its request may be made again", () => {
  const rows = [...readPage("docs/tools.md").matchAll(/^\| `([A-Z_]+)` +\| (true|false)\b/gm)];
  const documented = rows.map(([, code, retryable]) => [code, retryable === "true"]);
  assert.deepEqual(Object.fromEntries(documented), RETRYABLE);
});

Deno.test("[docs.commands] every command is on docs/commands.md", async () => {
  const { stdout } = await runOnce(["--help"]);
  const commandList = stdout.slice(stdout.indexOf("\nSET UP\n"), stdout.indexOf("\nFLAGS\n"));
  const names = commandList.split("\n").flatMap((line) => /^ {2}([a-z]+) /.exec(line)?.[1] ?? []);
  assert.ok(names.length >= 10, stdout);
  const page = readPage("docs/commands.md");
  const isOnPage = (name: string) => new RegExp(`\`${name}[ \`]`).test(page);
  assert.deepEqual(names.filter((name) => !isOnPage(name)), []);
});

Deno.test("[docs.developing] every layer of the source is on docs/developing.md", () => {
  const page = readPage("docs/developing.md");
  const names = LAYERS.flat().map((name) => name.split("/").at(-1) ?? name);
  const isOnPage = (name: string) => new RegExp(`\\b${name.replace(".", "\\.")}`).test(page);
  assert.deepEqual(names.filter((name) => !isOnPage(name)), []);
});

Deno.test("[docs.developing] every task and every dependency is on docs/developing.md", () => {
  const page = readPage("docs/developing.md");
  const tasks = Object.keys(config.tasks).filter((name) => !page.includes(`\`deno task ${name}`));
  assert.deepEqual(tasks, []);
  const packages = Object.keys(config.imports).filter((name) => !page.includes(`\`${name}\``));
  assert.deepEqual(packages, []);
});

Deno.test("[docs.figures] README.md states the number of missed targets in docs/performance.md", () => {
  const numberWords = ["no", "one", "two", "three", "four", "five", "six", "seven"];
  // The last cell of a row with a target says whether it was reached; `split` adds an empty cell after it.
  const lastCells = readPage("docs/performance.md").split("\n")
    .map((line) => line.split("|").at(-2)?.trim() ?? "");
  const reachedCount = lastCells.filter((cell) => cell === "yes").length;
  const missedCount = lastCells.filter((cell) => ["no", "not yet"].includes(cell)).length;
  assert.ok(reachedCount > 5 && missedCount < numberWords.length);
  assert.match(
    readPage("README.md"),
    new RegExp(`; ${numberWords[missedCount]} targets? (?:is|are) not met`),
  );
});

Deno.test("[docs.figures] README.md and docs/performance.md have the tokens of what clients see, as they are counted today", async () => {
  const faces = await countFaces();
  const countedRows = faces.map(({ seen, ...counts }) => {
    return [seen, ...Object.values(counts).map((value) => value.toLocaleString("en"))];
  });
  assert.equal(countedRows.length, 5);
  for (const page of ["README.md", "docs/performance.md"]) {
    const rows = readPage(page).split("\n")
      .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
    for (const [seen = "", ...counts] of countedRows) {
      const row = rows.find(([title]) => title === seen);
      assert.deepEqual(row, [seen, ...counts], `${page}: deno task bench --only tokens`);
    }
  }
  const { definitions = Infinity, session = Infinity } =
    faces.find(({ seen }) => seen.startsWith("the three tools")) ?? {};
  assert.ok(definitions < 400 && session < 1000);
});

Deno.test("[types.tokens] docs/performance.md has the tokens of each detail, as they are counted today", async () => {
  const page = readPage("docs/performance.md");
  for (const { detail, tokens, percent } of await countDetails()) {
    const row = new RegExp(
      `\\| \`${detail}\` +\\| +${tokens.toLocaleString("en")} \\| +${percent} % \\|`,
    );
    assert.match(page, row, "deno task bench --only tokens");
  }
});

Deno.test("[docs.links] every link to a file of the repository leads to an existing file and heading", () => {
  for (const page of listPages()) {
    const pageUrl = new URL(`../../${page}`, import.meta.url);
    const text = readPage(page).replace(/^```[^]*?^```$/gm, "").replace(/`[^`\n]*`/g, "");
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? pageUrl : new URL(path, pageUrl);
      const targetText = Deno.readTextFileSync(file);
      if (anchor !== undefined) {
        assert.ok(anchorsOf(targetText).includes(anchor), `${page}: ${target}`);
      }
    }
  }
});

Deno.test("[docs.links] every path of tests that SECURITY.md names has tests", () => {
  const paths = [...readPage("SECURITY.md").matchAll(/`(tests\/[^`]+)`/g)];
  assert.ok(paths.length > 20);
  for (const [, path = ""] of paths) {
    const file = new URL(`../../${path}`, import.meta.url);
    const names = Deno.statSync(file).isFile
      ? [path]
      : [...Deno.readDirSync(file)].map(({ name }) => name);
    assert.ok(names.some((name) => name.endsWith("_test.ts")), path);
  }
});

/** Returns the anchors that GitHub gives the headings of a page. */
function anchorsOf(page: string): string[] {
  return [...page.matchAll(/^#{1,6} (.*)$/gm)].map(([, title = ""]) =>
    title.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-")
  );
}
