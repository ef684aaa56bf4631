import assert from "node:assert/strict";
import { FileWatch } from "../../src/config/mod.ts";
import { AsyncQueue } from "../contract/async_queue.ts";
import { TempFolder } from "./support.ts";

/** Much longer than an event takes, and much shorter than the poll every 5 s. */
const BY_EVENT_MS = 2500;

/** Time between two steps of one edit, as in an editor. */
const STEP_MS = 50;

/** The paths of one call of `onChange`, with the content of the files at that time. */
interface Change {
  readonly paths: readonly string[];
  readonly texts: readonly string[];
}

/** A watch over files in a temporary folder. */
class Scene implements Disposable {
  readonly folder = new TempFolder();
  readonly changes: AsyncQueue<Change> = new AsyncQueue("a change");
  /** The folders that are polled, with the reason. */
  readonly polled: string[] = [];
  readonly watch: FileWatch;
  #taken = 0;
  /** `onChange` resolves after this. */
  gate: Promise<void> = Promise.resolve();

  constructor(names: readonly string[], prepare: (folder: TempFolder) => void = () => {}) {
    prepare(this.folder);
    this.watch = new FileWatch(names.map((name) => this.path(name)));
  }

  path(name: string): string {
    return `${this.folder.path}/${name}`;
  }

  /** Starts watching and checks once: later changes are reported by an event. */
  async start(): Promise<void> {
    this.watch.start({
      onChange: async (paths) => {
        this.changes.add({ paths, texts: paths.map(readText) });
        await this.gate;
      },
      onPolling: (folder, reason) => {
        this.polled.push(`${folder.slice(this.folder.path.length)}: ${reason}`);
      },
    });
    await this.watch.check();
  }

  /** Waits for the next change. */
  async next(): Promise<Change> {
    this.#taken++;
    return await this.changes.take();
  }

  /** Edits a file, and checks that the change is reported with the new content. */
  async edit(name: string, text: string, edit: () => void): Promise<void> {
    const since = performance.now();
    edit();
    const change = await this.next();
    assert.deepEqual(change, { paths: [this.path(name)], texts: [text] });
    assert.ok(performance.now() - since < BY_EVENT_MS, "reported by an event, not by the poll");
  }

  [Symbol.dispose](): void {
    this.watch.stop();
    this.folder[Symbol.dispose]();
    assert.equal(this.changes.all.length, this.#taken, "no unexpected change was reported");
  }
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "(none)";
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Ways to change the content of a file; after each, further changes must still be seen. */
const EDITS: Readonly<Record<string, (path: string, text: string) => void>> = {
  "is written in place": (path, text) => Deno.writeTextFileSync(path, text),
  "is replaced by renaming": (path, text) => {
    Deno.writeTextFileSync(`${path}.tmp`, text);
    Deno.renameSync(`${path}.tmp`, path);
  },
  "is moved away and written again, as vim does": (path, text) => {
    Deno.renameSync(path, `${path}~`);
    Deno.writeTextFileSync(path, text);
  },
  "is deleted and written again": (path, text) => {
    Deno.removeSync(path);
    Deno.writeTextFileSync(path, text);
  },
  "becomes a link": (path, text) => {
    const other = Deno.makeTempFileSync({ dir: path.slice(0, path.lastIndexOf("/")) });
    Deno.writeTextFileSync(other, text);
    Deno.removeSync(path);
    Deno.symlinkSync(other, path);
  },
};

for (const [what, edit] of Object.entries(EDITS)) {
  Deno.test(`[reload.edits] a change is seen when a file ${what}, again and again`, async () => {
    using scene = new Scene(["a.json", "b.json"], (folder) => {
      folder.write("a.json", "old");
      folder.write("b.json", "other");
    });
    await scene.start();
    for (const text of ["new", "newer"]) {
      await scene.edit("a.json", text, () => edit(scene.path("a.json"), text));
    }
    await scene.edit("b.json", "changed", () => scene.folder.write("b.json", "changed"));
    assert.deepEqual(scene.polled, []);
  });
}

Deno.test("[reload.edits] a link that is replaced as in a Kubernetes volume is a change", async () => {
  const swap = (folder: TempFolder, version: number): void => {
    folder.write(`etc/..v${version}/a.json`, `version ${version}`);
    Deno.symlinkSync(`..v${version}`, `${folder.path}/etc/..data_tmp`);
    Deno.renameSync(`${folder.path}/etc/..data_tmp`, `${folder.path}/etc/..data`);
    if (version > 1) Deno.removeSync(`${folder.path}/etc/..v${version - 1}`, { recursive: true });
  };
  using scene = new Scene(["etc/a.json"], (folder) => {
    swap(folder, 1);
    Deno.symlinkSync("..data/a.json", `${folder.path}/etc/a.json`);
  });
  await scene.start();
  for (const version of [2, 3, 4]) {
    await scene.edit("etc/a.json", `version ${version}`, () => swap(scene.folder, version));
  }
});

Deno.test("[reload.edits] any link on the way to a file may be replaced, and its target written", async () => {
  using scene = new Scene(["site/current/a.json"], (folder) => {
    folder.write("releases/1/a.json", "release 1");
    folder.write("releases/2/a.json", "release 2");
    folder.write("files/a.json", "shared");
    folder.write("site/other", "");
    Deno.symlinkSync(`${folder.path}/releases/1`, `${folder.path}/site/current`);
  });
  const { folder } = scene;
  const relink = (target: string, link: string): void => {
    Deno.symlinkSync(target, `${folder.path}/new`);
    Deno.renameSync(`${folder.path}/new`, `${folder.path}/${link}`);
  };
  await scene.start();
  const name = "site/current/a.json";
  await scene.edit(name, "release 2", () => relink("../releases/2", "site/current"));
  await scene.edit(name, "shared", () => relink("../../files/a.json", "releases/2/a.json"));
  await scene.edit(name, "written", () => folder.write("files/a.json", "written"));
  await scene.edit(name, "release 1", () => relink("../releases/1", "site/current"));
});

Deno.test("[reload.edits] circular links count as a missing file", async () => {
  using scene = new Scene(["a.json"], (folder) => {
    Deno.symlinkSync("b.json", `${folder.path}/a.json`);
    Deno.symlinkSync("a.json", `${folder.path}/b.json`);
  });
  await scene.start();
  await scene.edit("a.json", "new", () => {
    Deno.removeSync(scene.path("b.json"));
    scene.folder.write("b.json", "new");
  });
});

Deno.test("[reload.edits] a file that is deleted is a change, and so is its return", async () => {
  using scene = new Scene(["a.json"], (folder) => folder.write("a.json", "old"));
  await scene.start();
  await scene.edit("a.json", "(none)", () => Deno.removeSync(scene.path("a.json")));
  await scene.edit("a.json", "old", () => scene.folder.write("a.json", "old"));
  await scene.edit("a.json", "", () => scene.folder.write("a.json", ""));
});

Deno.test({
  name: "[reload.edits] a device or a huge file is not read",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TempFolder();
    const path = folder.write("a.json", "old");
    const watch = new FileWatch([path]);
    let changes = 0;
    watch.start({
      onChange: () => {
        changes++;
        return Promise.resolve();
      },
    });
    const edit = async (make: () => void): Promise<number> => {
      Deno.removeSync(path);
      make();
      await watch.check();
      return changes;
    };
    await watch.check();
    assert.equal(await edit(() => Deno.symlinkSync("/dev/zero", path)), 1);
    assert.equal(
      await edit(() => {
        Deno.writeTextFileSync(path, "");
        Deno.truncateSync(path, 2 ** 40);
      }),
      2,
    );
    assert.equal(await edit(() => folder.write("a.json", "old")), 3);
    watch.stop();
  },
});

Deno.test("[reload.edits] a folder that is deleted and created again is watched again", async () => {
  using scene = new Scene(["etc/a.json"], (folder) => folder.write("etc/a.json", "old"));
  await scene.start();
  for (const round of [1, 2]) {
    await scene.edit("etc/a.json", "(none)", () => {
      Deno.removeSync(scene.path("etc"), { recursive: true });
    });
    const text = `round ${round}`;
    await scene.edit("etc/a.json", text, () => void scene.folder.write("etc/a.json", text));
    await scene.edit("etc/a.json", "more", () => void scene.folder.write("etc/a.json", "more"));
  }
});

Deno.test("[reload.edits] a folder that is replaced immediately is watched again", async () => {
  using scene = new Scene(["etc/a.json"], (folder) => folder.write("etc/a.json", "old"));
  await scene.start();
  for (const round of [1, 2, 3]) {
    const text = `round ${round}`;
    await scene.edit("etc/a.json", text, () => {
      scene.folder.write("new/a.json", text);
      Deno.removeSync(scene.path("etc"), { recursive: true });
      Deno.renameSync(scene.path("new"), scene.path("etc"));
    });
    await scene.edit("etc/a.json", "more", () => void scene.folder.write("etc/a.json", "more"));
  }
});

Deno.test("[reload.polling] files in a missing folder are polled until it is created", async () => {
  using scene = new Scene(["missing/a.json", "b.json"]);
  await scene.start();
  assert.deepEqual(scene.polled, ["/missing: the folder does not exist"]);
  await scene.edit("missing/a.json", "new", () => scene.folder.write("missing/a.json", "new"));
  await scene.edit("missing/a.json", "newer", () => scene.folder.write("missing/a.json", "newer"));
  await scene.edit("b.json", "here", () => scene.folder.write("b.json", "here"));
  assert.equal(scene.polled.length, 1);
});

Deno.test("[reload.debounce] a change of a file that keeps changing is reported within a second", async () => {
  using scene = new Scene(["a.json"], (folder) => folder.write("a.json", "old"));
  await scene.start();
  let isReported = false;
  const change = scene.next().finally(() => isReported = true);
  const since = performance.now();
  for (let edit = 1; !isReported; edit++) {
    scene.folder.write("a.json", `edit ${edit}`);
    await pause(STEP_MS);
  }
  const tookMs = performance.now() - since;
  // Within a second, plus some time on a busy machine.
  assert.ok(tookMs > 500 && tookMs < 2000, `${tookMs} ms`);
  const { texts: [text = ""] } = await change;
  assert.match(text, /^edit \d+$/);
  // The last edit is reported too.
  await scene.edit("a.json", "last", () => scene.folder.write("a.json", "last"));
});

Deno.test("[reload.debounce] a file that an editor writes in steps is reported once, when it is complete", async () => {
  using scene = new Scene(["a.json"], (folder) => folder.write("a.json", "old"));
  await scene.start();
  scene.folder.write("a.json", "");
  for (const text of ["{", '"a"', ":1}"]) {
    await pause(STEP_MS);
    Deno.writeTextFileSync(scene.path("a.json"), text, { append: true });
  }
  await scene.edit("a.json", '{"a":1}', () => {});
});

Deno.test("[reload.debounce] both files changed together are reported together", async () => {
  using scene = new Scene(["a.json", "b.json"]);
  await scene.start();
  scene.folder.write("a.json", "a");
  scene.folder.write("b.json", "b");
  const change = await scene.next();
  assert.deepEqual(change.paths, [scene.path("a.json"), scene.path("b.json")]);
});

Deno.test("[reload.debounce] a file with the same content afterwards has not changed", async () => {
  using scene = new Scene(["a.json"], (folder) => folder.write("a.json", "old"));
  await scene.start();
  scene.folder.write("a.json", "old");
  scene.folder.write("unrelated", "new");
  Deno.utimeSync(scene.path("a.json"), 1, 1);
  await scene.watch.check();
  assert.equal(scene.changes.all.length, 0);
  await scene.edit("a.json", "new", () => scene.folder.write("a.json", "new"));
});

Deno.test("[reload.start] a change between reading and watching the files is reported", async () => {
  using scene = new Scene(["a.json"], (folder) => folder.write("a.json", "old"));
  scene.folder.write("a.json", "new");
  await scene.start();
  assert.deepEqual(await scene.next(), { paths: [scene.path("a.json")], texts: ["new"] });
});

Deno.test("[reload.debounce] a change is reported after the previous one has been handled", async () => {
  using scene = new Scene(["a.json"], (folder) => folder.write("a.json", "old"));
  const { promise, resolve } = Promise.withResolvers<void>();
  scene.gate = promise;
  await scene.start();
  await scene.edit("a.json", "new", () => scene.folder.write("a.json", "new"));
  scene.folder.write("a.json", "newer");
  const looking = scene.watch.check();
  await pause(0);
  assert.equal(scene.changes.all.length, 1);
  resolve();
  await looking;
  assert.equal((await scene.next()).texts[0], "newer");
});

Deno.test("[reload.stop] a stopped watch reports nothing and leaves nothing behind", async () => {
  using scene = new Scene(["a.json", "missing/b.json"], (folder) => folder.write("a.json", "old"));
  scene.watch.stop();
  await scene.start();
  for (let edit = 0; edit < 20; edit++) scene.folder.write("a.json", `edit ${edit}`);
  // Events are pending, and perhaps the timer runs: the sanitizers detect leaks.
  await pause(0);
  scene.watch.stop();
  await scene.watch.check();
  scene.watch.stop();
  assert.equal(scene.changes.all.length, 0);
});
