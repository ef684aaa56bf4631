import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Patterns of paths and hosts that exist on a developer's machine only. */
const MACHINE_PATTERNS: readonly RegExp[] = [
  /(?<![\w.~-])\/(root|work)\//,
  /\/tmp\/(design|bash_)/,
  /\bdeno-hand\b/,
  /\bregistry\.[\w-]+\.(org|com|net|io|dev)\b/,
  /"resolved"\s*:/,
];

function findMachineText(text: string): string | undefined {
  return MACHINE_PATTERNS.map((pattern) => pattern.exec(text)?.[0]).find((found) =>
    found !== undefined
  );
}

/** Lists the files that git tracks or would track; without git, all except generated files. */
function listFiles(): string[] {
  try {
    const { success, stdout } = new Deno.Command("git", {
      args: ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
      cwd: ROOT,
      stderr: "null",
    }).outputSync();
    if (success) return new TextDecoder().decode(stdout).split("\0").filter((path) => path !== "");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return [...walk("")];
}

const GENERATED: ReadonlySet<string> = new Set([
  ".git",
  "node_modules",
  "dist",
  "logs",
  "coverage",
]);

function* walk(folder: string): Generator<string> {
  for (const { name, isDirectory, isFile } of Deno.readDirSync(ROOT + folder)) {
    if (GENERATED.has(name)) continue;
    if (isDirectory) yield* walk(`${folder}${name}/`);
    else if (isFile) yield folder + name;
  }
}

/** Returns the text of a file; undefined if it is binary, or deleted but not yet committed. */
function readText(path: string): string | undefined {
  try {
    const text = Deno.readTextFileSync(ROOT + path);
    return text.includes("\0") ? undefined : text;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

Deno.test("machine paths and registry hosts are recognized", () => {
  // The texts are assembled here, because this file must not contain them either.
  const user = "root";
  const host = ["registry", "npmjs", "org"].join(".");
  for (const text of [`see /${user}/x`, `"https://${host}/zod"`, `(/${"work"}/main)`]) {
    assert.notEqual(findMachineText(text), undefined, text);
  }
  for (const text of ["root/x", "~/work/x", "the registry.", "/home/me/work/x", "/workspace/x"]) {
    assert.equal(findMachineText(text), undefined, text);
  }
});

Deno.test("no file contains a machine path or a registry host", () => {
  const files = listFiles();
  assert.ok(files.includes("deno.json"));
  assert.ok([...walk("")].includes("src/errors.ts"));
  const findings = files.flatMap((path) => {
    const found = findMachineText(readText(path) ?? "");
    return found === undefined ? [] : [`${path}: ${found}`];
  });
  assert.deepEqual(findings, []);
});

Deno.test("no file of src/ disables one of the project's own lint rules, or all rules", () => {
  const offendingPaths = listFiles().filter((path) =>
    path.startsWith("src/") &&
    /deno-lint-ignore\S*([^\n]*\bhouse\/|\s*$)/m.test(readText(path) ?? "")
  );
  assert.deepEqual(offendingPaths, []);
});
