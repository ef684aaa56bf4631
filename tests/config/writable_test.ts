import assert from "node:assert/strict";
import { join } from "node:path";
import { warnWritable } from "../../src/config/writable.ts";
import { TempFolder } from "./temp_folder.ts";

const ignore = Deno.build.os === "windows";

/** Returns the message of the warning about a file; `undefined` if there is none. */
function warningOf(path: string, options: Parameters<typeof warnWritable>[1] = {}) {
  return warnWritable({ path, displayPath: "f", origin: "setting" }, options)[0]?.message;
}

/** Creates `up/in/file` in a new folder. */
function createTree() {
  const folder = new TempFolder();
  const inner = join(folder.path, "up", "in");
  Deno.mkdirSync(inner, { recursive: true });
  const file = join(inner, "file");
  Deno.writeTextFileSync(file, "");
  return { folder, inner, file, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

Deno.test({
  name:
    "[config.writable] each folder in the path of a file that every user can write causes a warning, unless it is sticky",
  ignore,
  fn: () => {
    using tree = createTree();
    assert.equal(warningOf(tree.file), undefined);
    for (const open of [tree.inner, join(tree.inner, "..")]) {
      Deno.chmodSync(open, 0o777);
      assert.match(warningOf(tree.file) ?? "", /^every user .* can write a folder in the path/);
      assert.ok(warningOf(tree.file)?.endsWith(`chmod o-w ${JSON.stringify(open)}`));
      Deno.chmodSync(open, 0o1777);
      assert.equal(warningOf(tree.file), undefined);
      Deno.chmodSync(open, 0o755);
    }
  },
});

Deno.test({
  name:
    "[config.writable] a link in a folder that every user can write causes a warning, also as a part of the path",
  ignore,
  fn: () => {
    using tree = createTree();
    const open = join(tree.folder.path, "open");
    Deno.mkdirSync(open);
    Deno.symlinkSync("../up/in/file", join(open, "file"));
    Deno.symlinkSync(tree.inner, join(open, "in"));
    Deno.symlinkSync("open/in", join(tree.folder.path, "outer"));
    const paths = [join(open, "file"), join(open, "in/file"), join(tree.folder.path, "outer/file")];
    for (const path of paths) assert.equal(warningOf(path), undefined);
    Deno.chmodSync(open, 0o777);
    for (const path of paths) {
      assert.ok(warningOf(path)?.endsWith(`chmod o-w ${JSON.stringify(open)}`), path);
    }
    Deno.symlinkSync("loop", join(open, "loop"));
    assert.ok(warningOf(join(open, "loop")) !== undefined);
  },
});

Deno.test({
  name: "[config.writable] a ConfigMap as Kubernetes mounts it causes no warning",
  ignore,
  fn: () => {
    using folder = new TempFolder();
    Deno.mkdirSync(join(folder.path, "..2026_01_01"));
    Deno.writeTextFileSync(join(folder.path, "..2026_01_01", "file"), "");
    Deno.symlinkSync("..2026_01_01", join(folder.path, "..data"));
    Deno.symlinkSync("..data/file", join(folder.path, "file"));
    Deno.chmodSync(folder.path, 0o777);
    assert.equal(warningOf(join(folder.path, "file")), undefined);
  },
});

Deno.test({
  name:
    "[config.writable] a file of another user causes a warning, but not for the superuser, or if this user is not known",
  ignore,
  fn: () => {
    using tree = createTree();
    // The superuser's files never cause a warning.
    if (Deno.statSync(tree.file).uid === 0) Deno.chownSync(tree.file, 4241, null);
    const owner = Deno.statSync(tree.file).uid ?? 0;
    const message = warningOf(tree.file, { userId: owner + 1 }) ?? "";
    assert.ok(message.startsWith(`${JSON.stringify(tree.file)} belongs to another user`), message);
    for (const userId of [0, undefined]) {
      assert.equal(warningOf(tree.file, { userId }), undefined);
    }
  },
});
