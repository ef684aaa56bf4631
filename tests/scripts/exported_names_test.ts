import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "../e2e/gateway_command.ts";

/** Matches the declaration of an exported type. */
const EXPORTED_TYPE = /^export (?:abstract )?(?:interface|type|class) (\w+)/gm;

function* findSources(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* findSources(join(folder, name));
    else if (name.endsWith(".ts")) yield join(folder, name);
  }
}

Deno.test("no two exported types of the source have the same name", () => {
  const pathsByName = Map.groupBy(
    [...findSources(join(ROOT, "src"))].flatMap((path) =>
      [...Deno.readTextFileSync(path).matchAll(EXPORTED_TYPE)].map(([, name = ""]) => ({
        name,
        path,
      }))
    ),
    ({ name }) => name,
  );
  assert.ok(pathsByName.size > 500, "the types are found");
  const duplicates = [...pathsByName].filter(([, places]) => places.length > 1)
    .map(([name, places]) => `${name}: ${places.map(({ path }) => path).join(", ")}`);
  assert.deepEqual(duplicates, []);
});
