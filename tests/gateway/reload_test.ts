import assert from "node:assert/strict";
import fc from "fast-check";
import {
  checkConfiguration,
  type Configuration,
  FileWatch,
  locateFiles,
  type ServerConfig,
} from "../../src/config/mod.ts";
import type { ServerContext } from "../../src/downstream/mod.ts";
import { Reloader, type ReloadStatus } from "../../src/gateway/reload.ts";
import { buildSnapshot, type Snapshot } from "../../src/gateway/snapshot.ts";
import { createLog } from "../../src/log.ts";
import { createEnvironment } from "../config/check_files.ts";
import { TempFolder } from "../config/temp_folder.ts";

const SERVERS = { mcpServers: { one: { command: "one" } } };
const MORE_SERVERS = { mcpServers: { one: { command: "one" }, two: { command: "two" } } };
const RULES = { agents: { a: { allow: { servers: ["*"] } } } };
const MORE_RULES = { agents: { a: {}, b: {} } };

/** A reloader of two files in a temporary folder. */
class ReloaderFixture implements Disposable {
  readonly folder = new TempFolder();
  /** The configurations that took effect, in order. */
  readonly applied: Configuration[] = [];
  readonly log: string[] = [];
  readonly watch: FileWatch;
  readonly reloader: Reloader;
  /** Makes the configurations fail to take effect, while it is set. */
  applyError: Error | undefined;
  /** Number of checks of the files. */
  checkCount = 0;

  private constructor(folder: TempFolder, loaded: Configuration, watch: FileWatch) {
    this.folder = folder;
    this.watch = watch;
    const files = filesIn(folder);
    const checkAndCount = async () => {
      this.checkCount++;
      return await checkFiles(folder);
    };
    this.reloader = new Reloader({ files, watch, checkFiles: checkAndCount }, {
      loaded,
      apply: (configuration) => {
        if (this.applyError !== undefined) throw this.applyError;
        this.applied.push(configuration);
      },
      log: createLog({ level: "info", write: (line) => this.log.push(line) }),
    });
  }

  static async open(rules: object = RULES): Promise<ReloaderFixture> {
    const folder = new TempFolder();
    folder.write("mcp.json", SERVERS);
    folder.write("rules.json", rules);
    const { mcpConfig, rules: rulesFile } = filesIn(folder);
    const watch = new FileWatch([mcpConfig.path, rulesFile.path]);
    const { configuration } = await checkFiles(folder);
    assert.ok(configuration);
    return new ReloaderFixture(folder, configuration, watch);
  }

  /** Writes a file, and checks it immediately. */
  async edit(name: "mcp.json" | "rules.json", content: string | object): Promise<ReloadStatus> {
    this.folder.write(name, content);
    await this.watch.check();
    return this.reloader.status();
  }

  [Symbol.dispose](): void {
    this.watch.stop();
    this.folder[Symbol.dispose]();
  }
}

function filesIn(folder: TempFolder) {
  const named = { mcpConfig: "mcp.json", rules: "rules.json" };
  return locateFiles(named, { home: undefined, cwd: folder.path });
}

function checkFiles(folder: TempFolder) {
  return checkConfiguration(filesIn(folder), { env: createEnvironment({}), cwd: folder.path });
}

/** Returns the numbers of attempts and successes, of the servers file and of the rules file. */
function attemptAndSuccessCounts({ mcp_config, gateway_rules }: ReloadStatus): number[][] {
  return [mcp_config, gateway_rules].map((file) => [file.attempt_count, file.success_count]);
}

/** Returns the last errors of the servers file and of the rules file. */
function lastErrors({ mcp_config, gateway_rules }: ReloadStatus): (string | null)[] {
  return [mcp_config.last_error, gateway_rules.last_error];
}

Deno.test("[reload.status] the start is the first attempt and the first success", async () => {
  const before = new Date().toISOString();
  using fixture = await ReloaderFixture.open({
    agents: { a: { allow: { servers: ["nowhere"] } } },
  });
  const status = fixture.reloader.status();
  assert.deepEqual(Object.keys(status), ["mcp_config", "gateway_rules"]);
  const { last_attempt, last_success, ...rest } = status.mcp_config;
  assert.ok(last_attempt >= before && last_attempt === last_success);
  assert.deepEqual(rest, { last_error: null, attempt_count: 1, success_count: 1 });
  assert.equal(status.gateway_rules.last_warnings.length, 1);
});

Deno.test("[reload.status] attempts and successes are counted for each file", async () => {
  using fixture = await ReloaderFixture.open();
  fixture.reloader.start();
  fixture.reloader.start();
  assert.deepEqual(attemptAndSuccessCounts(await fixture.edit("mcp.json", MORE_SERVERS)), [[2, 2], [
    1,
    1,
  ]]);
  assert.deepEqual(attemptAndSuccessCounts(await fixture.edit("rules.json", MORE_RULES)), [[2, 2], [
    2,
    2,
  ]]);
  assert.deepEqual(attemptAndSuccessCounts(await fixture.edit("rules.json", MORE_RULES)), [[2, 2], [
    2,
    2,
  ]]);
  fixture.folder.write("mcp.json", SERVERS);
  assert.deepEqual(attemptAndSuccessCounts(await fixture.edit("rules.json", RULES)), [[3, 3], [
    3,
    3,
  ]]);
  assert.equal(fixture.checkCount, 3);
  assert.deepEqual(fixture.applied.map(({ servers, rules }) => [servers.size, rules.agents.size]), [
    [2, 1],
    [2, 2],
    [1, 1],
  ]);
});

Deno.test("[reload.bad-file] all errors are reported, each with its file", async () => {
  using fixture = await ReloaderFixture.open();
  fixture.reloader.start();
  const bad = await fixture.edit("rules.json", '{"agents": 7,\n"defaults": 7}');
  const [none, rulesError] = lastErrors(bad);
  assert.equal(none, null);
  assert.match(
    rulesError ?? "",
    /^rules\.json:1:\d+: agents: .+\nrules\.json:2:\d+: defaults: .+$/,
  );
  assert.deepEqual(attemptAndSuccessCounts(bad), [[1, 1], [2, 1]]);
  for (const line of rulesError?.split("\n") ?? []) assert.ok(fixture.log.join("").includes(line));

  const worse = await fixture.edit("mcp.json", "{");
  const [own, still] = lastErrors(worse);
  assert.match(own ?? "", /^mcp\.json:1:/);
  assert.equal(still, rulesError);
  assert.deepEqual(attemptAndSuccessCounts(worse), [[2, 1], [2, 1]]);
  assert.equal(fixture.applied.length, 0);
});

Deno.test("[reload.bad-file] a valid file that waited takes effect when the invalid one is fixed", async () => {
  using fixture = await ReloaderFixture.open();
  fixture.reloader.start();
  await fixture.edit("rules.json", "{");
  const waiting = await fixture.edit("mcp.json", MORE_SERVERS);
  assert.equal(lastErrors(waiting)[0], "Not used because of an error in rules.json");
  assert.deepEqual(attemptAndSuccessCounts(waiting), [[2, 1], [2, 1]]);
  const mended = await fixture.edit("rules.json", RULES);
  assert.deepEqual(lastErrors(mended), [null, null]);
  assert.deepEqual(attemptAndSuccessCounts(mended), [[2, 2], [3, 2]]);
  assert.ok(mended.mcp_config.last_success >= mended.gateway_rules.last_attempt);
  assert.equal(fixture.applied[0]?.servers.size, 2);
});

Deno.test("[reload.bad-file] an invalid file that is restored is no longer an error", async () => {
  using fixture = await ReloaderFixture.open();
  fixture.reloader.start();
  await fixture.edit("mcp.json", "{");
  const status = await fixture.edit("mcp.json", SERVERS);
  assert.deepEqual(lastErrors(status), [null, null]);
  assert.deepEqual(attemptAndSuccessCounts(status), [[3, 2], [1, 1]]);
});

Deno.test("[reload.bad-file] an error while a file takes effect is reported, and the next file is tried", async () => {
  using fixture = await ReloaderFixture.open();
  fixture.reloader.start();
  fixture.applyError = new Error("a fault");
  assert.deepEqual(lastErrors(await fixture.edit("mcp.json", MORE_SERVERS)), ["a fault", null]);
  fixture.applyError = undefined;
  const status = await fixture.edit("mcp.json", SERVERS);
  assert.deepEqual([lastErrors(status), attemptAndSuccessCounts(status)], [[null, null], [[3, 2], [
    1,
    1,
  ]]]);
});

Deno.test("[reload.warnings] the status has the warnings of the current rules, the log has all", async () => {
  using fixture = await ReloaderFixture.open();
  fixture.reloader.start();
  const odd = { agents: { a: { allow: { servers: ["nowhere"] } } } };
  const warned = (await fixture.edit("rules.json", odd)).gateway_rules.last_warnings;
  assert.equal(warned.length, 1);
  assert.ok(fixture.log.some((line) => line.startsWith("warn: rules.json:")));
  // Warnings of an unused file are not in the status.
  assert.deepEqual((await fixture.edit("rules.json", "{")).gateway_rules.last_warnings, warned);
  assert.deepEqual((await fixture.edit("rules.json", RULES)).gateway_rules.last_warnings, []);
});

Deno.test("[reload.sighup] reading on demand is an attempt for both files, even before the watch begins", async () => {
  using fixture = await ReloaderFixture.open();
  await fixture.reloader.reload();
  assert.deepEqual(attemptAndSuccessCounts(fixture.reloader.status()), [[2, 2], [2, 2]]);
  fixture.reloader.start();
  await fixture.watch.check();
  fixture.folder.write("rules.json", MORE_RULES);
  await fixture.reloader.reload();
  // Files already reloaded on demand no longer count as changed.
  await fixture.watch.check();
  assert.deepEqual(attemptAndSuccessCounts(fixture.reloader.status()), [[3, 3], [3, 3]]);
  await Promise.all([fixture.reloader.reload(), fixture.reloader.reload()]);
  assert.deepEqual(attemptAndSuccessCounts(fixture.reloader.status()), [[5, 5], [5, 5]]);
  assert.equal(fixture.applied.at(-1)?.rules.agents.size, 2);
});

Deno.test("[reload.sighup] a file that is changed, read on demand and changed back takes effect each time", async () => {
  using fixture = await ReloaderFixture.open();
  fixture.reloader.start();
  await fixture.watch.check();
  fixture.folder.write("rules.json", MORE_RULES);
  await fixture.reloader.reload();
  await fixture.edit("rules.json", RULES);
  assert.deepEqual(fixture.applied.map(({ rules }) => rules.agents.size), [2, 1]);
});

const unused = (): never => assert.fail("nothing is started");
const context: ServerContext = {
  version: "1",
  log: createLog({ write: unused }),
  open: unused,
};

function configurationOf(base: Configuration, entries: readonly [string, string][]): Configuration {
  const [one] = base.servers.values();
  assert.ok(one);
  const servers = entries.map(([name, fingerprint]): [string, ServerConfig] => {
    return [name, { ...one, name, fingerprint }];
  });
  return { ...base, servers: new Map(servers) };
}

Deno.test("[reload.untouched] the servers always become those of the file, and unchanged ones stay", async () => {
  using fixture = await ReloaderFixture.open();
  const { configuration: base } = await checkFiles(fixture.folder);
  assert.ok(base);
  const name = fc.constantFrom("a", "b", "c", "__proto__", "constructor");
  const file = fc.uniqueArray(fc.tuple(name, fc.constantFrom("1", "2")), { selector: ([n]) => n });
  fc.assert(fc.property(fc.array(file, { minLength: 1, maxLength: 8 }), (files) => {
    let last: Snapshot | undefined;
    for (const entries of files) {
      const next = buildSnapshot(configurationOf(base, entries), context, last);
      assert.deepEqual([...next.servers.keys()], entries.map(([name]) => name));
      for (const [name, fingerprint] of entries) {
        const [server, before] = [next.servers.get(name), last?.servers.get(name)];
        assert.equal(server?.config.fingerprint, fingerprint);
        assert.equal(server === before, before?.config.fingerprint === fingerprint);
      }
      last = next;
    }
  }));
});
