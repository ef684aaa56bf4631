import assert from "node:assert/strict";
import { FileWatch } from "../../src/config/mod.ts";
import { AsyncQueue } from "../contract/async_queue.ts";
import { TempFolder } from "./temp_folder.ts";

/** Maximum delay between an edit and the report that its event causes. The watch polls only every 5 s. */
const MAX_EVENT_DELAY_MS = 4500;

/** Time between the writes of an editor that saves a file in several steps. */
const STEP_MS = 10;

/** The paths in one call of `onChange`, and the content of the files at that time. */
interface Change {
  readonly paths: readonly string[];
  readonly texts: readonly string[];
}

/** A watch over files in a temporary folder. */
class FileWatchFixture implements Disposable {
  readonly folder = new TempFolder();
  readonly changes: AsyncQueue<Change> = new AsyncQueue("a change");
  /** The folders that are polled, each with the reason. */
  readonly polledFolders: string[] = [];
  readonly watch: FileWatch;
  /** `onChange` waits for this promise before it resolves. */
  onChangeGate: Promise<void> = Promise.resolve();
  #takenChangeCount = 0;

  constructor(names: readonly string[], prepare: (folder: TempFolder) => void = () => {}) {
    prepare(this.folder);
    this.watch = new FileWatch(names.map((name) => this.path(name)));
  }

  path(name: string): string {
    return `${this.folder.path}/${name}`;
  }

  /** Starts the watch and waits for a first check. Events report later changes. */
  async start(): Promise<void> {
    this.watch.start({
      onChange: async (paths) => {
        this.changes.add({ paths, texts: paths.map(readText) });
        await this.onChangeGate;
      },
      onPolling: (folder, reason) => {
        this.polledFolders.push(`${folder.slice(this.folder.path.length)}: ${reason}`);
      },
    });
    await this.watch.check();
  }

  /** Waits for the next change. */
  async takeChange(): Promise<Change> {
    this.#takenChangeCount++;
    return await this.changes.take();
  }

  /** Edits a file, and checks that the change is reported with the new content. */
  async editAndExpectChange(name: string, text: string, edit: () => void): Promise<void> {
    const startMs = performance.now();
    edit();
    const change = await this.takeChange();
    assert.deepEqual(change, { paths: [this.path(name)], texts: [text] });
    assert.ok(
      performance.now() - startMs < MAX_EVENT_DELAY_MS,
      "reported by an event, not by the poll",
    );
  }

  [Symbol.dispose](): void {
    this.watch.stop();
    this.folder[Symbol.dispose]();
    assert.equal(
      this.changes.all.length,
      this.#takenChangeCount,
      "no unexpected change was reported",
    );
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

/** Edits of a file, each with the end of its test's title. */
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
    const target = Deno.makeTempFileSync({ dir: path.slice(0, path.lastIndexOf("/")) });
    Deno.writeTextFileSync(target, text);
    Deno.removeSync(path);
    Deno.symlinkSync(target, path);
  },
};

for (const [description, edit] of Object.entries(EDITS)) {
  Deno.test(`[reload.edits] each change is reported when a file repeatedly ${description}`, async () => {
    using fixture = new FileWatchFixture(["a.json", "b.json"], (folder) => {
      folder.write("a.json", "old");
      folder.write("b.json", "other");
    });
    await fixture.start();
    for (const text of ["new", "newer"]) {
      await fixture.editAndExpectChange("a.json", text, () => edit(fixture.path("a.json"), text));
    }
    await fixture.editAndExpectChange(
      "b.json",
      "changed",
      () => fixture.folder.write("b.json", "changed"),
    );
    assert.deepEqual(fixture.polledFolders, []);
  });
}

Deno.test("[reload.edits] a change is reported when a link is replaced as in a Kubernetes volume", async () => {
  const publish = (folder: TempFolder, version: number): void => {
    folder.write(`etc/..v${version}/a.json`, `version ${version}`);
    Deno.symlinkSync(`..v${version}`, `${folder.path}/etc/..data_tmp`);
    Deno.renameSync(`${folder.path}/etc/..data_tmp`, `${folder.path}/etc/..data`);
    if (version > 1) Deno.removeSync(`${folder.path}/etc/..v${version - 1}`, { recursive: true });
  };
  using fixture = new FileWatchFixture(["etc/a.json"], (folder) => {
    publish(folder, 1);
    Deno.symlinkSync("..data/a.json", `${folder.path}/etc/a.json`);
  });
  await fixture.start();
  for (const version of [2, 3, 4]) {
    await fixture.editAndExpectChange(
      "etc/a.json",
      `version ${version}`,
      () => publish(fixture.folder, version),
    );
  }
});

Deno.test("[reload.edits] a change is reported when any link in the path of a file is replaced", async () => {
  using fixture = new FileWatchFixture(["site/current/a.json"], (folder) => {
    folder.write("releases/1/a.json", "release 1");
    folder.write("releases/2/a.json", "release 2");
    folder.write("files/a.json", "shared");
    folder.write("site/other", "");
    Deno.symlinkSync(`${folder.path}/releases/1`, `${folder.path}/site/current`);
  });
  const { folder } = fixture;
  const replaceLink = (target: string, link: string): void => {
    Deno.symlinkSync(target, `${folder.path}/new`);
    Deno.renameSync(`${folder.path}/new`, `${folder.path}/${link}`);
  };
  await fixture.start();
  const name = "site/current/a.json";
  await fixture.editAndExpectChange(
    name,
    "release 2",
    () => replaceLink("../releases/2", "site/current"),
  );
  await fixture.editAndExpectChange(
    name,
    "shared",
    () => replaceLink("../../files/a.json", "releases/2/a.json"),
  );
  await fixture.editAndExpectChange(name, "written", () => folder.write("files/a.json", "written"));
  await fixture.editAndExpectChange(
    name,
    "release 1",
    () => replaceLink("../releases/1", "site/current"),
  );
});

Deno.test("[reload.edits] a file behind circular links counts as missing", async () => {
  using fixture = new FileWatchFixture(["a.json"], (folder) => {
    Deno.symlinkSync("b.json", `${folder.path}/a.json`);
    Deno.symlinkSync("a.json", `${folder.path}/b.json`);
  });
  await fixture.start();
  await fixture.editAndExpectChange("a.json", "new", () => {
    Deno.removeSync(fixture.path("b.json"));
    fixture.folder.write("b.json", "new");
  });
});

Deno.test("[reload.edits] a change is reported when a file is deleted and when it is created again", async () => {
  using fixture = new FileWatchFixture(["a.json"], (folder) => folder.write("a.json", "old"));
  await fixture.start();
  await fixture.editAndExpectChange(
    "a.json",
    "(none)",
    () => Deno.removeSync(fixture.path("a.json")),
  );
  await fixture.editAndExpectChange("a.json", "old", () => fixture.folder.write("a.json", "old"));
  await fixture.editAndExpectChange("a.json", "", () => fixture.folder.write("a.json", ""));
});

Deno.test({
  name:
    "[reload.edits] a file that becomes a device, or very large, is reported without being read",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TempFolder();
    const path = folder.write("a.json", "old");
    const watch = new FileWatch([path]);
    let changeCount = 0;
    watch.start({
      onChange: () => {
        changeCount++;
        return Promise.resolve();
      },
    });
    const replaceAndCheck = async (create: () => void): Promise<number> => {
      Deno.removeSync(path);
      create();
      await watch.check();
      return changeCount;
    };
    await watch.check();
    assert.equal(await replaceAndCheck(() => Deno.symlinkSync("/dev/zero", path)), 1);
    assert.equal(
      await replaceAndCheck(() => {
        Deno.writeTextFileSync(path, "");
        Deno.truncateSync(path, 2 ** 40);
      }),
      2,
    );
    assert.equal(await replaceAndCheck(() => folder.write("a.json", "old")), 3);
    watch.stop();
  },
});

Deno.test("[reload.edits] a folder that is deleted and created again is watched again", async () => {
  using fixture = new FileWatchFixture(
    ["etc/a.json"],
    (folder) => folder.write("etc/a.json", "old"),
  );
  await fixture.start();
  for (const round of [1, 2]) {
    await fixture.editAndExpectChange("etc/a.json", "(none)", () => {
      Deno.removeSync(fixture.path("etc"), { recursive: true });
    });
    const text = `round ${round}`;
    await fixture.editAndExpectChange(
      "etc/a.json",
      text,
      () => void fixture.folder.write("etc/a.json", text),
    );
    await fixture.editAndExpectChange(
      "etc/a.json",
      "more",
      () => void fixture.folder.write("etc/a.json", "more"),
    );
  }
});

Deno.test("[reload.edits] a folder that is replaced immediately is watched again", async () => {
  using fixture = new FileWatchFixture(
    ["etc/a.json"],
    (folder) => folder.write("etc/a.json", "old"),
  );
  await fixture.start();
  for (const round of [1, 2, 3]) {
    const text = `round ${round}`;
    await fixture.editAndExpectChange("etc/a.json", text, () => {
      fixture.folder.write("new/a.json", text);
      Deno.removeSync(fixture.path("etc"), { recursive: true });
      Deno.renameSync(fixture.path("new"), fixture.path("etc"));
    });
    await fixture.editAndExpectChange(
      "etc/a.json",
      "more",
      () => void fixture.folder.write("etc/a.json", "more"),
    );
  }
});

Deno.test("[reload.polling] files in a missing folder are polled until it is created", async () => {
  using fixture = new FileWatchFixture(["missing/a.json", "b.json"]);
  await fixture.start();
  assert.deepEqual(fixture.polledFolders, ["/missing: the folder does not exist"]);
  await fixture.editAndExpectChange(
    "missing/a.json",
    "new",
    () => fixture.folder.write("missing/a.json", "new"),
  );
  await fixture.editAndExpectChange(
    "missing/a.json",
    "newer",
    () => fixture.folder.write("missing/a.json", "newer"),
  );
  await fixture.editAndExpectChange("b.json", "here", () => fixture.folder.write("b.json", "here"));
  assert.equal(fixture.polledFolders.length, 1);
});

Deno.test("[reload.debounce] a change of a file that keeps changing is reported within a second", async () => {
  using fixture = new FileWatchFixture(["a.json"], (folder) => folder.write("a.json", "old"));
  await fixture.start();
  let isReported = false;
  const change = fixture.takeChange().finally(() => isReported = true);
  const startMs = performance.now();
  for (let edit = 1; !isReported; edit++) {
    fixture.folder.write("a.json", `edit ${edit}`);
    await pause(STEP_MS);
  }
  const durationMs = performance.now() - startMs;
  // The limit is a second; a busy machine may take longer. Without the limit, the edits would never be reported.
  assert.ok(durationMs > 500, `${durationMs} ms`);
  const { texts: [text = ""] } = await change;
  assert.match(text, /^edit \d+$/);
  // The last edit is reported too.
  await fixture.editAndExpectChange("a.json", "last", () => fixture.folder.write("a.json", "last"));
});

Deno.test("[reload.debounce] a file that an editor writes in steps is reported once, when it is complete", async () => {
  using fixture = new FileWatchFixture(["a.json"], (folder) => folder.write("a.json", "old"));
  await fixture.start();
  fixture.folder.write("a.json", "");
  for (const text of ["{", '"a"', ":1}"]) {
    await pause(STEP_MS);
    Deno.writeTextFileSync(fixture.path("a.json"), text, { append: true });
  }
  await fixture.editAndExpectChange("a.json", '{"a":1}', () => {});
});

Deno.test("[reload.debounce] two files that change at the same time are reported together", async () => {
  using fixture = new FileWatchFixture(["a.json", "b.json"]);
  await fixture.start();
  fixture.folder.write("a.json", "a");
  fixture.folder.write("b.json", "b");
  const change = await fixture.takeChange();
  assert.deepEqual(change.paths, [fixture.path("a.json"), fixture.path("b.json")]);
});

Deno.test("[reload.debounce] a file that is written with the same content is not reported", async () => {
  using fixture = new FileWatchFixture(["a.json"], (folder) => folder.write("a.json", "old"));
  await fixture.start();
  fixture.folder.write("a.json", "old");
  fixture.folder.write("unrelated", "new");
  Deno.utimeSync(fixture.path("a.json"), 1, 1);
  await fixture.watch.check();
  assert.equal(fixture.changes.all.length, 0);
  await fixture.editAndExpectChange("a.json", "new", () => fixture.folder.write("a.json", "new"));
});

Deno.test("[reload.start] a change between the creation and the start of the watch is reported", async () => {
  using fixture = new FileWatchFixture(["a.json"], (folder) => folder.write("a.json", "old"));
  fixture.folder.write("a.json", "new");
  await fixture.start();
  assert.deepEqual(await fixture.takeChange(), { paths: [fixture.path("a.json")], texts: ["new"] });
});

Deno.test("[reload.debounce] a change is reported only after the previous change has been handled", async () => {
  using fixture = new FileWatchFixture(["a.json"], (folder) => folder.write("a.json", "old"));
  const { promise, resolve } = Promise.withResolvers<void>();
  fixture.onChangeGate = promise;
  await fixture.start();
  await fixture.editAndExpectChange("a.json", "new", () => fixture.folder.write("a.json", "new"));
  fixture.folder.write("a.json", "newer");
  const secondCheck = fixture.watch.check();
  await pause(0);
  assert.equal(fixture.changes.all.length, 1);
  resolve();
  await secondCheck;
  assert.equal((await fixture.takeChange()).texts[0], "newer");
});

Deno.test("[reload.stop] a stopped watch reports nothing and leaks no resource", async () => {
  using fixture = new FileWatchFixture(
    ["a.json", "missing/b.json"],
    (folder) => folder.write("a.json", "old"),
  );
  fixture.watch.stop();
  await fixture.start();
  for (let edit = 0; edit < 20; edit++) fixture.folder.write("a.json", `edit ${edit}`);
  // Events may be pending and a timer may run. The sanitizers detect leaks.
  await pause(0);
  fixture.watch.stop();
  await fixture.watch.check();
  fixture.watch.stop();
  assert.equal(fixture.changes.all.length, 0);
});
