import assert from "node:assert/strict";
import { lintSource } from "./lint_source.ts";

const LINE = "f();\n";

Deno.test("file-size: a file of 400 lines is accepted, and one of 401 is reported", () => {
  const path = "src/config/load.ts";
  assert.deepEqual(lintSource("file-size", path, LINE.repeat(400)), []);
  assert.deepEqual(lintSource("file-size", path, LINE.repeat(401)), [
    "401 lines; a file of src/ has at most 400",
  ]);
});

Deno.test("file-size: files outside src/ may be longer", () => {
  assert.deepEqual(lintSource("file-size", "tests/config/load_test.ts", LINE.repeat(401)), []);
});

for (
  const path of [
    "src/config/load.ts",
    "src/gateway/wire_error.ts",
    "tests/config/load_test.ts",
    "scripts/corelation.ts",
    ".ci/check.ts",
  ]
) {
  Deno.test(`file-name: ${path} is accepted`, () => {
    assert.deepEqual(lintSource("file-name", path, LINE), []);
  });
}

const MISNAMED: Readonly<Record<string, string>> = {
  "src/config/utils.ts": `utils.ts is named "utils", which does not say what is inside`,
  "src/config/string_util.ts": `string_util.ts is named "util", which does not say what is inside`,
  "tests/helpers.ts": `helpers.ts is named "helpers", which does not say what is inside`,
  "tests/helpers/poll.ts": `helpers is named "helpers", which does not say what is inside`,
  "src/common/load.ts": `common is named "common", which does not say what is inside`,
  "src/core/mod.ts": `core is named "core", which does not say what is inside`,
  "src/policy/types.ts": `types.ts is named "types", which does not say what is inside`,
  "src/downstream/session_manager.ts":
    `session_manager.ts is named "manager", which does not say what is inside`,
  "src/downstream/upstream.ts":
    `upstream.ts is named "upstream", which does not say what is inside`,
  "src/config/loadFile.ts": "loadFile.ts is not snake_case",
  "src/config/load-file.ts": "load-file.ts is not snake_case",
};

for (const [path, finding] of Object.entries(MISNAMED)) {
  Deno.test(`file-name: ${path} is reported`, () => {
    assert.deepEqual(lintSource("file-name", path, LINE), [finding]);
  });
}
