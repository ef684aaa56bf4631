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

/** A reloader for a servers file and a rules file in a temporary folder. */
class ReloaderFixture implements Disposable {
  readonly folder: TempFolder;
  /** The applied configurations, in order. */
  readonly appliedConfigurations: Configuration[] = [];
  readonly logLines: string[] = [];
  readonly watch: FileWatch;
  readonly reloader: Reloader;
  /** Error thrown when a configuration is applied. */
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
        this.appliedConfigurations.push(configuration);
      },
      log: createLog({ level: "info", write: (line) => this.logLines.push(line) }),
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
  const fileFlags = { mcpConfig: "mcp.json", rules: "rules.json" };
  return locateFiles(fileFlags, { home: undefined, cwd: folder.path });
}

function checkFiles(folder: TempFolder) {
  return checkConfiguration(filesIn(folder), { env: createEnvironment({}), cwd: folder.path });
}

/** Number of attempts and of successes. */
type LoadCounts = readonly [attempts: number, successes: number];

function assertLoadCounts(
  { mcp_config, gateway_rules }: ReloadStatus,
  expected: { readonly servers: LoadCounts; readonly rules: LoadCounts },
): void {
  const servers = [mcp_config.attempt_count, mcp_config.success_count];
  const rules = [gateway_rules.attempt_count, gateway_rules.success_count];
  assert.deepEqual({ servers, rules }, expected);
}

/** Returns the last errors of the servers file and of the rules file. */
function lastErrors({ mcp_config, gateway_rules }: ReloadStatus): (string | null)[] {
  return [mcp_config.last_error, gateway_rules.last_error];
}

Deno.test("[reload.status] the start is the first attempt and the first success", async () => {
  const timeBefore = new Date().toISOString();
  using fixture = await ReloaderFixture.open({
    agents: { a: { allow: { servers: ["nowhere"] } } },
  });
  const status = fixture.reloader.status();
  assert.deepEqual(Object.keys(status), ["mcp_config", "gateway_rules"]);
  const { last_attempt, last_success, ...otherFields } = status.mcp_config;
  assert.ok(last_attempt >= timeBefore && last_attempt === last_success);
  assert.deepEqual(otherFields, { last_error: null, attempt_count: 1, success_count: 1 });
  assert.equal(status.gateway_rules.last_warnings.length, 1);
});

Deno.test("[reload.status] attempts and successes are counted for each file", async () => {
  using fixture = await ReloaderFixture.open();
  fixture.reloader.start();
  fixture.reloader.start();
  assertLoadCounts(await fixture.edit("mcp.json", MORE_SERVERS), {
    servers: [2, 2],
    rules: [1, 1],
  });
  assertLoadCounts(await fixture.edit("rules.json", MORE_RULES), {
    servers: [2, 2],
    rules: [2, 2],
  });
  assertLoadCounts(await fixture.edit("rules.json", MORE_RULES), {
    servers: [2, 2],
    rules: [2, 2],
  });
  fixture.folder.write("mcp.json", SERVERS);
  assertLoadCounts(await fixture.edit("rules.json", RULES), { servers: [3, 3], rules: [3, 3] });
  assert.equal(fixture.checkCount, 3);
  assert.deepEqual(
    fixture.appliedConfigurations.map(({ servers, rules }) => [servers.size, rules.agents.size]),
    [
      [2, 1],
      [2, 2],
      [1, 1],
    ],
  );
});

Deno.test("[reload.bad-file] all errors are reported, each with its file", async () => {
  using fixture = await ReloaderFixture.open();
  fixture.reloader.start();
  const afterRulesError = await fixture.edit("rules.json", '{"agents": 7,\n"defaults": 7}');
  const [serversError, rulesError] = lastErrors(afterRulesError);
  assert.equal(serversError, null);
  assert.match(
    rulesError ?? "",
    /^rules\.json:1:\d+: agents: .+\nrules\.json:2:\d+: defaults: .+$/,
  );
  assertLoadCounts(afterRulesError, { servers: [1, 1], rules: [2, 1] });
  for (const line of rulesError?.split("\n") ?? []) {
    assert.ok(fixture.logLines.join("").includes(line));
  }

  const afterServersError = await fixture.edit("mcp.json", "{");
  const [newServersError, sameRulesError] = lastErrors(afterServersError);
  assert.match(newServersError ?? "", /^mcp\.json:1:/);
  assert.equal(sameRulesError, rulesError);
  assertLoadCounts(afterServersError, { servers: [2, 1], rules: [2, 1] });
  assert.equal(fixture.appliedConfigurations.length, 0);
});

Deno.test("[reload.bad-file] a valid file takes effect when the error in the other file is fixed", async () => {
  using fixture = await ReloaderFixture.open();
  fixture.reloader.start();
  await fixture.edit("rules.json", "{");
  const beforeFix = await fixture.edit("mcp.json", MORE_SERVERS);
  assert.equal(lastErrors(beforeFix)[0], "Not used because of an error in rules.json");
  assertLoadCounts(beforeFix, { servers: [2, 1], rules: [2, 1] });
  const afterFix = await fixture.edit("rules.json", RULES);
  assert.deepEqual(lastErrors(afterFix), [null, null]);
  assertLoadCounts(afterFix, { servers: [2, 2], rules: [3, 2] });
  assert.ok(afterFix.mcp_config.last_success >= afterFix.gateway_rules.last_attempt);
  assert.equal(fixture.appliedConfigurations[0]?.servers.size, 2);
});

Deno.test("[reload.bad-file] restoring an invalid file removes its error from the status", async () => {
  using fixture = await ReloaderFixture.open();
  fixture.reloader.start();
  await fixture.edit("mcp.json", "{");
  const status = await fixture.edit("mcp.json", SERVERS);
  assert.deepEqual(lastErrors(status), [null, null]);
  assertLoadCounts(status, { servers: [3, 2], rules: [1, 1] });
});

Deno.test("[reload.bad-file] an error while a configuration is applied is reported, and the next configuration is applied", async () => {
  using fixture = await ReloaderFixture.open();
  fixture.reloader.start();
  fixture.applyError = new Error("a fault");
  assert.deepEqual(lastErrors(await fixture.edit("mcp.json", MORE_SERVERS)), ["a fault", null]);
  fixture.applyError = undefined;
  const status = await fixture.edit("mcp.json", SERVERS);
  assert.deepEqual(lastErrors(status), [null, null]);
  assertLoadCounts(status, { servers: [3, 2], rules: [1, 1] });
  assert.equal(fixture.appliedConfigurations.length, 1);
});

Deno.test("[reload.warnings] the status has the warnings of the active rules, the log has all warnings", async () => {
  using fixture = await ReloaderFixture.open();
  fixture.reloader.start();
  const rulesWithWarning = { agents: { a: { allow: { servers: ["nowhere"] } } } };
  const warnings = (await fixture.edit("rules.json", rulesWithWarning)).gateway_rules.last_warnings;
  assert.equal(warnings.length, 1);
  assert.ok(fixture.logLines.some((line) => line.startsWith("warn: rules.json:")));
  // An invalid file is not active, so the warnings stay.
  assert.deepEqual((await fixture.edit("rules.json", "{")).gateway_rules.last_warnings, warnings);
  assert.deepEqual((await fixture.edit("rules.json", RULES)).gateway_rules.last_warnings, []);
});

Deno.test("[reload.sighup] a reload on demand counts as an attempt for both files, even before the watch begins", async () => {
  using fixture = await ReloaderFixture.open();
  await fixture.reloader.reload();
  assertLoadCounts(fixture.reloader.status(), { servers: [2, 2], rules: [2, 2] });
  fixture.reloader.start();
  await fixture.watch.check();
  fixture.folder.write("rules.json", MORE_RULES);
  await fixture.reloader.reload();
  // The watch does not report files that were already reloaded on demand.
  await fixture.watch.check();
  assertLoadCounts(fixture.reloader.status(), { servers: [3, 3], rules: [3, 3] });
  await Promise.all([fixture.reloader.reload(), fixture.reloader.reload()]);
  assertLoadCounts(fixture.reloader.status(), { servers: [5, 5], rules: [5, 5] });
  assert.equal(fixture.appliedConfigurations.at(-1)?.rules.agents.size, 2);
});

Deno.test("[reload.sighup] a file that is changed, reloaded on demand and changed back takes effect each time", async () => {
  using fixture = await ReloaderFixture.open();
  fixture.reloader.start();
  await fixture.watch.check();
  fixture.folder.write("rules.json", MORE_RULES);
  await fixture.reloader.reload();
  await fixture.edit("rules.json", RULES);
  assert.deepEqual(fixture.appliedConfigurations.map(({ rules }) => rules.agents.size), [2, 1]);
});

const failIfCalled = (): never => assert.fail("No server starts, and nothing is logged");
const serverContext: ServerContext = {
  version: "1",
  log: createLog({ write: failIfCalled }),
  open: failIfCalled,
};

/** Returns the configuration with other servers, given by name and fingerprint. */
function replaceServers(
  base: Configuration,
  namesAndFingerprints: readonly [string, string][],
): Configuration {
  const [baseServer] = base.servers.values();
  assert.ok(baseServer);
  const servers = namesAndFingerprints.map(([name, fingerprint]): [string, ServerConfig] => {
    return [name, { ...baseServer, name, fingerprint }];
  });
  return { ...base, servers: new Map(servers) };
}

Deno.test("[reload.untouched] after a reload, the servers are those of the new file, and unchanged servers are kept", async () => {
  using fixture = await ReloaderFixture.open();
  const { configuration: base } = await checkFiles(fixture.folder);
  assert.ok(base);
  const anyName = fc.constantFrom("a", "b", "c", "__proto__", "constructor");
  const anyServers = fc.uniqueArray(fc.tuple(anyName, fc.constantFrom("1", "2")), {
    selector: ([name]) => name,
  });
  fc.assert(fc.property(fc.array(anyServers, { minLength: 1, maxLength: 8 }), (reloads) => {
    let previous: Snapshot | undefined;
    for (const namesAndFingerprints of reloads) {
      const configuration = replaceServers(base, namesAndFingerprints);
      const next = buildSnapshot(configuration, serverContext, previous);
      assert.deepEqual([...next.servers.keys()], namesAndFingerprints.map(([name]) => name));
      for (const [name, fingerprint] of namesAndFingerprints) {
        const server = next.servers.get(name);
        const previousServer = previous?.servers.get(name);
        assert.equal(server?.config.fingerprint, fingerprint);
        assert.equal(server === previousServer, previousServer?.config.fingerprint === fingerprint);
      }
      previous = next;
    }
  }));
});
