import assert from "node:assert/strict";
import { join } from "node:path";
import type { ServerConfig, ServerOptions } from "../../../src/config/mod.ts";
import {
  CatalogStore,
  type RememberedList,
  type RememberedLists,
} from "../../../src/downstream/remembered/mod.ts";
import { JsonText } from "../../../src/jsonrpc/mod.ts";
import { createLog } from "../../../src/log.ts";
import { createPipe, TempFolder } from "../../config/temp_folder.ts";

const isWindows = Deno.build.os === "windows";
const unixOnly = { ignore: isWindows };

const SECRET = "secret-of-the-entry";

const OPTIONS: ServerOptions = {
  isolation: "agent",
  idleTimeoutMs: 1000,
  connectTimeoutMs: 1000,
  callTimeoutMs: 1000,
  maxCallMs: 1000,
  maxConcurrency: 1,
  forward: ["elicitation"],
  inheritEnv: [],
};

const INFO = { revision: "2025-11-25", hasTools: true };

/** The capabilities of a client that has none. */
const NONE = "{}";

function createConfig(overrides: Partial<ServerConfig> = {}, args = ["server.mjs"]): ServerConfig {
  const config: ServerConfig = {
    name: "files",
    publicInfo: { transport: "stdio" },
    connection: { kind: "stdio", command: "node", args, env: { TOKEN: SECRET } },
    options: OPTIONS,
    secrets: [SECRET],
    fingerprint: "",
    ...overrides,
  };
  const { connection, options, unavailable } = config;
  return { ...config, fingerprint: JSON.stringify([connection, options, unavailable]) };
}

function createList(...texts: string[]): RememberedList {
  const items = texts.map((text) => {
    const definition = JSON.parse(text);
    return { name: definition.name ?? definition.uri, definition, text: new JsonText(text) };
  });
  return { items, completeness: "complete", incompleteReason: undefined, leftOut: [] };
}

function createLists(lists: Partial<RememberedLists> = {}): RememberedLists {
  const empty: RememberedList = {
    items: [],
    completeness: "empty",
    incompleteReason: "None",
    leftOut: ["x"],
  };
  // The list of prompts is not known.
  return { tools: createList('{"name":"read"}'), resources: empty, templates: empty, ...lists };
}

/** A store in a temporary folder, and what it logged. */
class StoreFixture implements Disposable {
  readonly root = new TempFolder();
  readonly folder = join(this.root.path, "agent-mcp-gateway", "catalogs");
  readonly log: string[] = [];
  readonly env = new Map<string, string>();
  cwd = "/work";

  /** Opens the store, as another process would. */
  open(): CatalogStore {
    return new CatalogStore(this.folder, {
      cwd: this.cwd,
      env: this.env,
      log: createLog({ write: (line) => this.log.push(line) }),
    });
  }

  async write(config = createConfig(), lists = createLists(), capabilities = NONE): Promise<void> {
    const head = { readAt: 1, capabilities, info: INFO };
    await this.open().write(config, { head, lists });
  }

  /** Whether another process reads the catalog of an entry. */
  async remembers(config = createConfig(), capabilities = NONE): Promise<boolean> {
    const head = await this.open().readHead(config, capabilities);
    const catalog = await this.open().read(config, capabilities);
    assert.equal(head === undefined, catalog === undefined);
    return head !== undefined;
  }

  /** Names of the files of catalogs. */
  get files(): string[] {
    return [...Deno.readDirSync(this.folder)].map(({ name }) => name)
      .filter((name) => name.endsWith(".catalog"));
  }

  /** Path of the only file of a catalog. */
  get file(): string {
    assert.equal(this.files.length, 1);
    return join(this.folder, this.files[0] ?? "");
  }

  [Symbol.dispose](): void {
    this.root[Symbol.dispose]();
  }
}

Deno.test("[catalogs.file] a catalog is read as it was written, to the byte", async () => {
  using fixture = new StoreFixture();
  const odd = '{ "name" : "a\\u0000\\n😀",\r\n\t"n": 1.0e2, "__proto__": [null], "n": 2 }';
  const lists = createLists({ tools: createList(odd, '{"name":"__proto__"}') });
  const resources = createList('{"uri":"file:///x","name":"y"}');
  const named = {
    ...lists,
    resources: {
      ...resources,
      items: resources.items.map((item) => ({ ...item, name: "file:///x" })),
    },
  };
  const description = 'Reads "files".';
  const head = { readAt: 12.5, capabilities: NONE, description, info: INFO };
  await fixture.open().write(createConfig(), { head, lists: named });
  const catalog = await fixture.open().read(createConfig(), NONE) ?? assert.fail();
  for (const [kind, { memory, ...list }] of Object.entries(catalog.lists)) {
    assert.deepEqual(list, named[kind as keyof typeof named]);
    assert.ok(memory > 0);
  }
  assert.deepEqual(Object.keys(catalog.lists), Object.keys(named));
  const counts = { tools: 2, resources: 1, templates: 0 };
  assert.deepEqual(catalog.head, { format: 1, ...head, counts });
  assert.deepEqual(await fixture.open().readHead(createConfig(), NONE), catalog.head);
});

Deno.test("[catalogs.file] sets of capabilities have files of their own, and removing one keeps the others", async () => {
  using fixture = new StoreFixture();
  const keys = [
    NONE,
    '{"elicitation":{}}',
    '{"elicitation":{"form":{}}}',
    '{"elicitation":{"form":{},"url":{}},"roots":{"listChanged":true},"sampling":{"tools":{}}}',
  ];
  for (const key of keys) {
    await fixture.write(
      createConfig(),
      createLists({ tools: createList(`{"name":"${key.length}"}`) }),
      key,
    );
  }
  assert.equal(fixture.files.length, keys.length);
  for (const key of keys) {
    const catalog = await fixture.open().read(createConfig(), key);
    assert.equal(catalog?.lists.tools?.items[0]?.name, `${key.length}`);
  }
  assert.equal(await fixture.remembers(createConfig(), '{"roots":{}}'), false);
  await fixture.open().remove(createConfig(), NONE);
  assert.equal(await fixture.remembers(), false);
  assert.equal(await fixture.remembers(createConfig(), keys[1]), true);
  const others = await fixture.open().listCapabilities(createConfig());
  assert.deepEqual(others.sort(), keys.slice(1).sort());
  await fixture.write(createConfig({}, ["other.mjs"]));
  await fixture.open().remove(createConfig());
  assert.deepEqual(await fixture.open().listCapabilities(createConfig()), []);
  assert.equal(await fixture.remembers(createConfig({}, ["other.mjs"])), true);
});

Deno.test(
  "[catalogs.file] only the user can read the files and their folders",
  unixOnly,
  async () => {
    using fixture = new StoreFixture();
    await fixture.write();
    const modeOf = (path: string) => (Deno.statSync(path).mode ?? 0) & 0o777;
    assert.equal(modeOf(fixture.file), 0o600);
    assert.equal(modeOf(join(fixture.folder, "key")), 0o600);
    assert.equal(modeOf(fixture.folder), 0o700);
    assert.equal(modeOf(join(fixture.folder, "..")), 0o700);
    // A folder that others could change is restricted before anything is written.
    Deno.chmodSync(fixture.folder, 0o777);
    assert.equal(await fixture.remembers(), false);
    await fixture.write();
    assert.equal(modeOf(fixture.folder), 0o700);
    assert.equal(await fixture.remembers(), true);
  },
);

Deno.test("[catalogs.key] neither a name nor a file holds a secret, and another key gives other names", async () => {
  using one = new StoreFixture();
  using two = new StoreFixture();
  await one.write();
  await two.write();
  assert.match(one.files[0] ?? "", /^[0-9a-f]{64}\.none\.catalog$/);
  assert.notEqual(one.files[0], two.files[0]);
  assert.equal(Deno.readTextFileSync(one.file).includes(SECRET), false);
  assert.equal(Deno.readFileSync(join(one.folder, "key")).length, 32);
});

Deno.test("[catalogs.entry] another entry is not remembered", async () => {
  using fixture = new StoreFixture();
  fixture.env.set("ACCOUNT", "one");
  const options = { ...OPTIONS, inheritEnv: ["ACCOUNT"] };
  const config = createConfig({ options });
  await fixture.write(config);
  assert.equal(await fixture.remembers(config), true);
  // The name of a server is not part of its entry.
  assert.equal(await fixture.remembers(createConfig({ options, name: "other" })), true);
  const { connection } = config;
  assert.ok(connection.kind === "stdio");
  const others: Partial<ServerConfig>[] = [
    { connection: { ...connection, args: ["server.mjs", "--all"] } },
    { connection: { ...connection, env: { TOKEN: "another" } } },
    { connection: { ...connection, cwd: "/elsewhere" } },
    { connection: { kind: "http", url: "https://mcp.test", headers: {} } },
    { options: { ...options, forward: [] } },
    { options: OPTIONS },
  ];
  for (const other of others) {
    assert.equal(await fixture.remembers(createConfig({ options, ...other })), false);
  }
  fixture.env.set("ACCOUNT", "two");
  assert.equal(await fixture.remembers(config), false);
});

Deno.test("[catalogs.entry] a program in the working folder is another one in each folder", async () => {
  using fixture = new StoreFixture();
  const relative = [["server.mjs"], ["-m", "src/server.py"], ["."], ["./data"], ["../data"]];
  const absolute = [["-y", "@scope/server@1"], ["/opt/server.js"], ["--name=a.js"], ["serve"]];
  for (const args of [...relative, ...absolute]) {
    fixture.cwd = "/one";
    await fixture.write(createConfig({}, args));
    fixture.cwd = "/two";
    assert.equal(
      await fixture.remembers(createConfig({}, args)),
      absolute.includes(args),
      `${args}`,
    );
  }
});

Deno.test("[catalogs.entry] a server in the gateway's process, or with a faulty entry, is never remembered", async () => {
  using fixture = new StoreFixture();
  await fixture.write(createConfig({ connection: { kind: "memory", serve: () => {} } }));
  await fixture.write(createConfig({ unavailable: 'variable "X" is not set' }));
  assert.deepEqual(fixture.files, []);
  assert.deepEqual(fixture.log, []);
});

Deno.test("[catalogs.hostile] a damaged file is not read", async () => {
  using fixture = new StoreFixture();
  await fixture.write();
  const bytes = Deno.readFileSync(fixture.file);
  const text = new TextDecoder().decode(bytes);
  const damaged: (Uint8Array | string)[] = [
    "",
    "\n",
    "{}\n{}\n",
    bytes.subarray(0, text.indexOf("\n")),
    ...[1, 20, bytes.length - 40, bytes.length - 3].map((length) => bytes.subarray(0, length)),
    crypto.getRandomValues(new Uint8Array(9000)),
    text.replace('"format":1', '"format":2'),
    text.replace('"capabilities":"{}"', '"capabilities":"{ }"'),
    text.replace('"readAt":1', '"readAt":"1"'),
    text.replace('"tools":1', '"tools":2'),
    text.replace('"names":["read"]', '"names":["read","read"]'),
    text.replace('"names":["read"]', '"names":[7]'),
    text.replace('{"name":"read"}', "null"),
    text.replace('"leftOut":["x"]', '"leftOut":{}'),
    text.replace('"completeness":"complete"', '"completeness":"partial"'),
    text.replace('"hasTools":true', '"hasTools":{}'),
  ];
  for (const content of damaged) {
    fixture.root.write("agent-mcp-gateway/catalogs/x", "");
    if (typeof content === "string") Deno.writeTextFileSync(fixture.file, content);
    else Deno.writeFileSync(fixture.file, content);
    assert.equal(await fixture.open().read(createConfig(), NONE), undefined);
  }
  Deno.writeFileSync(fixture.file, bytes);
  assert.equal(await fixture.remembers(), true);
});

Deno.test("[catalogs.hostile] a file that is too large is not read", async () => {
  using fixture = new StoreFixture();
  await fixture.write();
  Deno.truncateSync(fixture.file, 16 * 1024 * 1024 + 1);
  assert.equal(await fixture.remembers(), false);
});

Deno.test(
  "[catalogs.hostile] a link or a pipe in place of a file is not read, and is replaced",
  unixOnly,
  async () => {
    using fixture = new StoreFixture();
    await fixture.write();
    const { file } = fixture;
    const elsewhere = join(fixture.root.path, "elsewhere");
    Deno.renameSync(file, elsewhere);
    const content = Deno.readTextFileSync(elsewhere);
    for (const replace of [() => Deno.symlinkSync(elsewhere, file), () => createPipe(file)]) {
      replace();
      assert.equal(await fixture.remembers(), false);
      await fixture.write(createConfig(), createLists({ tools: createList('{"name":"new"}') }));
      assert.equal(Deno.lstatSync(file).isFile, true);
      assert.equal(Deno.readTextFileSync(elsewhere), content);
      Deno.removeSync(file);
    }
  },
);

Deno.test(
  "[catalogs.hostile] [catalogs.unwritable] a linked folder is neither read nor written",
  unixOnly,
  async () => {
    using fixture = new StoreFixture();
    await fixture.write();
    const elsewhere = join(fixture.root.path, "elsewhere");
    for (const folder of [fixture.folder, join(fixture.folder, "..")]) {
      Deno.renameSync(folder, elsewhere);
      Deno.symlinkSync(elsewhere, folder);
      const before = [...Deno.readDirSync(elsewhere)].length;
      assert.equal(await fixture.remembers(), false);
      fixture.log.length = 0;
      await fixture.write(createConfig({}, ["other.mjs"]));
      assert.match(
        fixture.log.join(""),
        /cannot be remembered.*is a link or belongs to another user/,
      );
      assert.equal([...Deno.readDirSync(elsewhere)].length, before);
      Deno.removeSync(folder);
      Deno.renameSync(elsewhere, folder);
    }
  },
);

Deno.test("[catalogs.unwritable] a folder that cannot be created is warned of once", async () => {
  using fixture = new StoreFixture();
  fixture.root.write("agent-mcp-gateway", "a file");
  const store = fixture.open();
  for (let time = 0; time < 3; time++) {
    const head = { readAt: 1, capabilities: NONE, info: INFO };
    await store.write(createConfig(), { head, lists: createLists() });
    assert.equal(await store.read(createConfig(), NONE), undefined);
    await store.remove(createConfig(), NONE);
  }
  assert.equal(fixture.log.length, 1);
  assert.match(fixture.log[0] ?? "", /^warn: What servers offer cannot be remembered/);
});

Deno.test("[catalogs.bounds] a catalog that is too large is not kept, and its predecessor is removed", async () => {
  using fixture = new StoreFixture();
  await fixture.write();
  const text = JSON.stringify({ name: "large", description: "é".repeat(8 * 1024 * 1024) });
  await fixture.write(createConfig(), createLists({ tools: createList(text) }));
  assert.deepEqual(fixture.files, []);
  assert.deepEqual(fixture.log, []);
});

Deno.test("[catalogs.bounds] the oldest files go when there are too many or they are too large", async () => {
  using fixture = new StoreFixture();
  await fixture.write();
  const [newest] = fixture.files;
  const writeFile = (name: string, size: number, ageMs: number) => {
    const path = fixture.root.write(`agent-mcp-gateway/catalogs/${name}`, "");
    Deno.truncateSync(path, size);
    Deno.utimeSync(path, new Date(Date.now() - ageMs), new Date(Date.now() - ageMs));
  };
  for (let index = 0; index < 510; index++) {
    writeFile(`${index}.none.catalog`, 1, 1000 + index * 1000);
  }
  await fixture.write();
  const { files } = fixture;
  assert.equal(files.length, 500);
  assert.ok(files.includes(newest ?? ""));
  assert.ok(files.includes("0.none.catalog"));
  assert.equal(files.includes("509.none.catalog"), false);
  for (let index = 0; index < 5; index++) {
    writeFile(`${index}.none.catalog`, 15 * 1024 * 1024, 1000 + index * 1000);
  }
  await fixture.write();
  assert.ok(fixture.files.includes("3.none.catalog"));
  assert.equal(fixture.files.includes("4.none.catalog"), false);
  assert.equal(Deno.readFileSync(join(fixture.folder, "key")).length, 32);
});

Deno.test("[catalogs.kill] an unfinished file of a killed process is not read, and is removed later", async () => {
  using fixture = new StoreFixture();
  await fixture.write();
  const bytes = Deno.readFileSync(fixture.file);
  const [fresh, old] = ["a", "b"].map((name) => `${fixture.file}.${name}.tmp`);
  for (const path of [fresh, old]) Deno.writeFileSync(path ?? "", bytes.subarray(0, 30));
  const hourAgo = new Date(Date.now() - 3_600_000);
  Deno.utimeSync(old ?? "", hourAgo, hourAgo);
  await fixture.write();
  assert.equal(await fixture.remembers(), true);
  assert.ok(Deno.statSync(fresh ?? "").isFile);
  assert.throws(() => Deno.statSync(old ?? ""), Deno.errors.NotFound);
});

Deno.test("[catalogs.together] stores that are opened at the same time agree on one key", async () => {
  using fixture = new StoreFixture();
  const stores = Array.from({ length: 8 }, () => fixture.open());
  const head = { readAt: 1, capabilities: NONE, info: INFO };
  await Promise.all(
    stores.map((store) => store.write(createConfig(), { head, lists: createLists() })),
  );
  assert.equal(fixture.files.length, 1);
  assert.equal(await fixture.remembers(), true);
  assert.deepEqual(fixture.log, []);
});

Deno.test("[catalogs.key] a damaged key is replaced", async () => {
  using fixture = new StoreFixture();
  await fixture.write();
  Deno.writeTextFileSync(join(fixture.folder, "key"), "short");
  assert.equal(await fixture.remembers(), false);
  await fixture.write();
  assert.equal(await fixture.remembers(), true);
});

Deno.test("[catalogs.start] the summaries of a servers file are found together, until the file or the entry changes", async () => {
  using fixture = new StoreFixture();
  const serversFile = fixture.root.write("mcp.json", "{}");
  const open = () => {
    const log = createLog({ write: (line) => fixture.log.push(line) });
    return new CatalogStore(fixture.folder, { ...fixture, log, serversFile });
  };
  await fixture.write();
  const writer = open();
  assert.equal(writer.findHead(createConfig(), NONE), undefined);
  const head = await writer.readHead(createConfig(), NONE) ?? assert.fail();
  await writer.close();
  assert.deepEqual(open().findHead(createConfig(), NONE), head);
  assert.equal(open().findHead(createConfig(), '{"roots":{}}'), undefined);
  const reader = open();
  assert.deepEqual(reader.findHead(createConfig(), NONE), head);
  // A reload has changed the entry.
  assert.equal(reader.findHead(createConfig({}, ["other.mjs"]), NONE), undefined);
  await reader.remove(createConfig());
  assert.equal(reader.findHead(createConfig(), NONE), undefined);
  const [index = ""] = [...Deno.readDirSync(fixture.folder)].map(({ name }) => name)
    .filter((name) => name.endsWith(".index"));
  const path = join(fixture.folder, index);
  const text = Deno.readTextFileSync(path);
  for (const damaged of ["", "{}", text.slice(0, -9), text.replace('"format":1', '"format":9')]) {
    Deno.writeTextFileSync(path, damaged);
    assert.equal(open().findHead(createConfig(), NONE), undefined);
  }
  Deno.writeTextFileSync(path, text);
  assert.deepEqual(open().findHead(createConfig(), NONE), head);
  Deno.writeTextFileSync(serversFile, "{ }");
  assert.equal(open().findHead(createConfig(), NONE), undefined);
  assert.deepEqual(fixture.log, []);
});
