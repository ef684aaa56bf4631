import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { requirements } from "./requirements.ts";

const TESTS = fileURLToPath(new URL(".", import.meta.url));
const NOT_OURS: ReadonlySet<string> = new Set(["node_modules", "fixtures", "servers"]);

function* filesBelow(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    if (!isDirectory) yield path;
    else if (!NOT_OURS.has(name)) yield* filesBelow(path);
  }
}

/** Ids at the beginning of a text: of a test's name, or of a golden file's title. */
function leadingIds(text: string): string[] {
  const [ids = ""] = /^(\[[a-z]+\.[a-z0-9-]+\] ?)+/.exec(text) ?? [];
  return [...ids.matchAll(/\[([^\]]+)\]/g)].map(([, id = ""]) => id);
}

/** Ids in the names of a file's tests; a name may be put together of several strings. */
function idsOfTests(source: string): string[] {
  return [...source.matchAll(/(["'`])(\[[a-z]+\.[a-z0-9-]+\].*?)\1/g)]
    .flatMap(([, , text = ""]) => leadingIds(text));
}

function idsOf(path: string): string[] {
  const isContract = path.startsWith(join(TESTS, "contract")) && path.endsWith(".ts");
  if (isContract || path.endsWith("_test.ts")) return idsOfTests(Deno.readTextFileSync(path));
  // The first line of a written conversation is its title.
  if (path.endsWith(".txt")) return leadingIds(Deno.readTextFileSync(path).replace(/^#\s*/, ""));
  if (!path.endsWith(".json")) return [];
  // Not parsed: some golden files are broken on purpose.
  const [, title = ""] = /"title":\s*"([^"]*)/.exec(Deno.readTextFileSync(path)) ?? [];
  return leadingIds(title);
}

/** The files that name an id. */
const named = new Map<string, Set<string>>();
for (const path of filesBelow(TESTS)) {
  for (const id of idsOf(path)) {
    named.set(id, (named.get(id) ?? new Set()).add(path.slice(TESTS.length)));
  }
}

Deno.test("requirements: ids are found in names and titles, and nowhere else", () => {
  const id = (name: string) => `[${name}]`;
  const source = `Deno.test("${id("a.b")} ${id("c.d-2")} says", () => {});
    t.step(\`${id("e.f")} \${name}\`, "${id("g.h")} " + "${id("i.j")} more"); // ${id("k.l")}
    const rule = "agents.a.deny.tools${id("m.n")}";`;
  assert.deepEqual(idsOfTests(source), ["a.b", "c.d-2", "e.f", "g.h", "i.j"]);
  assert.deepEqual(leadingIds(`${id("a.b")}${id("c.d")} and ${id("e.f")}`), ["a.b", "c.d"]);
});

Deno.test("requirements: each is listed once, with an area, a section and a text", () => {
  const ids = requirements.map(({ id }) => id);
  assert.deepEqual(ids.filter((id, index) => ids.indexOf(id) !== index), []);
  for (const { id, section, text } of requirements) {
    assert.match(id, /^[a-z]+\.[a-z0-9-]+$/);
    assert.match(section, /^\d+ \w/);
    assert.ok(text.length > 5, id);
  }
});

Deno.test("requirements: each promise that is kept has a test", () => {
  const untested = requirements.filter(({ id, issue }) => issue === undefined && !named.has(id));
  assert.deepEqual(untested, []);
});

Deno.test("requirements: each promise that a later issue keeps has no test yet", () => {
  // A promise with a test must be listed as kept, so that it stays kept.
  const kept = requirements.filter(({ id, issue }) => issue !== undefined && named.has(id));
  assert.deepEqual(kept, []);
});

Deno.test("requirements: each id that a test names is listed", () => {
  const listed = new Set(requirements.map(({ id }) => id));
  const unknown = [...named].filter(([id]) => !listed.has(id));
  assert.deepEqual(unknown.map(([id, files]) => `${id} in ${[...files].join(", ")}`), []);
});
