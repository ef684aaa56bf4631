/**
 * Checks the problems of golden files. Every folder of tests/golden/config contains `mcp.json`,
 * `rules.json` and, in `expected.txt`, their problems. A new case is a new folder; `GOLDEN=write` writes
 * `expected.txt`.
 */
import assert from "node:assert/strict";
import { checkConfiguration, locateFiles } from "../../src/config/mod.ts";
import { formatProblem } from "../../src/errors.ts";
import { createEnvironment } from "./check_files.ts";

const folder = new URL("../golden/config/", import.meta.url).pathname;
const env = createEnvironment({
  HOME: "/home/someone",
  SET: "value",
  EMPTY: "",
  HOST: "example.com",
});

/** Promises that a case holds besides the one of all cases. */
const IDS: Readonly<Record<string, string>> = {
  conditions_with_errors: "[rules.conditions-errors]",
  ask: "[rules.ask-errors]",
  shadow_mode: "[rules.shadow-warns]",
  shadow_mode_by_default: "[rules.shadow-warns]",
  ask_times: "[rules.ask-errors]",
  ask_waits_too_long: "[rules.ask-errors]",
  own_server_name: "[own.reserved-name]",
  own_server_in_rules: "[own.reserved-name]",
  own_server_self_reference: "[own.reserved-name]",
};

for (const { name } of [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1)) {
  const ids = ["[config.all-errors-at-once]", ...IDS[name] === undefined ? [] : [IDS[name]]];
  Deno.test(`${ids.join(" ")} the problems of golden/config/${name} are reported`, async () => {
    const cwd = `${folder}${name}`;
    const files = locateFiles({ mcpConfig: "mcp.json", rules: "rules.json" }, {
      home: undefined,
      cwd,
    });
    const { errors, warnings } = await checkConfiguration(files, { env, cwd, windows: false });
    const problems = [
      ...errors.map((problem) => `error ${formatProblem(problem)}\n`),
      ...warnings.map((problem) => `warning ${formatProblem(problem)}\n`),
    ].join("");
    if (Deno.env.get("GOLDEN") === "write") Deno.writeTextFileSync(`${cwd}/expected.txt`, problems);
    assert.equal(problems, Deno.readTextFileSync(`${cwd}/expected.txt`));
  });
}
