import assert from "node:assert/strict";

/** A module of `deno info --json`. */
interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier: string };
    readonly isDynamic?: boolean;
  }[];
}

Deno.test("[finding.loading] the search is not among the modules that the start imports", async () => {
  const start = new URL("../../../src/cli/serve.ts", import.meta.url).href;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", start],
    stderr: "inherit",
  }).output();
  const { modules }: { modules: readonly Module[] } = JSON.parse(new TextDecoder().decode(stdout));
  const bySpecifier = new Map(modules.map((module) => [module.specifier, module]));
  const loaded = new Set<string>();
  const load = (specifier: string): void => {
    if (loaded.has(specifier)) return;
    loaded.add(specifier);
    for (const { code, isDynamic = false } of bySpecifier.get(specifier)?.dependencies ?? []) {
      if (code !== undefined && !isDynamic) load(code.specifier);
    }
  };
  load(start);
  const isLoaded = (path: string) => [...loaded].some((name) => name.includes(path));
  assert.ok(isLoaded("/gateway/tools/get_server_tools.ts"));
  assert.equal(isLoaded("/gateway/tools/find_tools.ts"), false);
  assert.equal(isLoaded("/gateway/tools/finding/"), false);
  assert.ok([...bySpecifier.keys()].some((name) => name.includes("/gateway/tools/finding/")));
});
