import plugin from "../../../scripts/lint/plugin.ts";

/** Lints a source text as the file `path`, and returns the findings of one rule. */
export function lintSource(rule: string, path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, path, source)
    .filter(({ id }) => id === `house/${rule}`)
    .map(({ message }) => message);
}
