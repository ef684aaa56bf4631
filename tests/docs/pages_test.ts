import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { listSettings } from "../../src/config/mod.ts";
import { ROOT } from "../e2e/gateway_command.ts";
import { listPages, Page } from "./typed_page.ts";

const VARIABLES = new Set(listSettings().map(({ variable }) => variable));

for (const path of listPages()) {
  const page = new Page(path);

  Deno.test(`[docs.settings] ${path} names only existing settings`, () => {
    const unknown = page.variables().filter((name) => !VARIABLES.has(name));
    assert.deepEqual(unknown, []);
  });

  Deno.test(`[docs.links] the links of ${path} lead to files`, () => {
    const links = [...page.text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, to = ""]) => to);
    const lost = links.filter((to) => !isThere(join(ROOT, dirname(path), to)));
    assert.deepEqual(lost, []);
  });
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
