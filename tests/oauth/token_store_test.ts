import assert from "node:assert/strict";
import { join } from "node:path";
import { createLog } from "../../src/log.ts";
import { lockFile, LockTimeout } from "../../src/file_lock.ts";
import { listIcaclsArguments } from "../../src/downstream/oauth/private_folder.ts";
import { getOAuthFolder } from "../../src/config/mod.ts";
import { TokenStore } from "../../src/downstream/oauth/token_store.ts";
import type { StoredLogin } from "../../src/downstream/oauth/stored_login.ts";
import { OAuthFixture, sendRequest } from "./oauth_fixture.ts";

const isWindows = Deno.build.os === "windows";

function createLogin(url: string, overrides: Partial<StoredLogin> = {}): StoredLogin {
  return {
    url,
    issuer: "https://login.test",
    endpoints: { authorization: "https://login.test/a", token: "https://login.test/t" },
    client: { client_id: "c", redirect_uri: "http://127.0.0.1:1/callback", kind: "registered" },
    tokens: { access_token: "secret-token", obtained_at: 1 },
    ...overrides,
  };
}

/** Runs a function with a token store in a temporary folder. */
async function withStore(
  run: (folder: string, logLines: string[], store: TokenStore) => Promise<void>,
): Promise<void> {
  const root = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "store_" }));
  const logLines: string[] = [];
  const log = createLog({ level: "debug", write: (line) => logLines.push(line) });
  const folder = join(root, "oauth");
  try {
    await run(folder, logLines, new TokenStore(folder, log));
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}

const URL_A = "https://mcp.test/a";

Deno.test("[oauth.store] there is one file for each server and issuer, and only the user can read it", async () => {
  await withStore(async (folder, _logLines, store) => {
    await store.write(createLogin(URL_A));
    await store.write(createLogin("https://mcp.test/b"));
    await store.write(createLogin(URL_A, { issuer: "https://other.test" }));
    const files = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assert.equal(files.length, 3);
    for (const name of files) {
      assert.match(name, /^mcp\.test-[0-9a-f]{16}-[0-9a-f]{16}\.json$/);
      if (!isWindows) assert.equal((Deno.statSync(join(folder, name)).mode ?? 0) & 0o777, 0o600);
    }
    if (!isWindows) assert.equal((Deno.statSync(folder).mode ?? 0) & 0o777, 0o700);
    assert.equal((await store.read(URL_A)).logins.length, 2);
    await store.remove(URL_A);
    assert.deepEqual((await store.read(URL_A)).logins, []);
    assert.equal((await store.read("https://mcp.test/b")).logins.length, 1);
  });
});

Deno.test("[oauth.store] unusual host names result in valid file names", async () => {
  await withStore(async (folder, _logLines, store) => {
    const urls = [`https://${"a".repeat(63)}.${"b".repeat(63)}.test/`, "http://[::1]:80/../../x"];
    for (const url of urls) {
      await store.write(createLogin(url));
      assert.equal((await store.read(url)).logins[0]?.url, url);
    }
    for (const { name } of Deno.readDirSync(folder)) assert.match(name, /^[a-z0-9._-]{1,120}$/);
  });
});

Deno.test({
  name: "[oauth.store] a symlink at a file's path is replaced, not followed",
  ignore: isWindows,
  fn: () =>
    withStore(async (folder, _logLines, store) => {
      await store.write(createLogin(URL_A));
      const [{ name = "" } = {}] = [...Deno.readDirSync(folder)];
      const [path, elsewhere] = [join(folder, name), join(folder, "elsewhere")];
      Deno.renameSync(path, elsewhere);
      const content = Deno.readTextFileSync(elsewhere);
      Deno.symlinkSync(elsewhere, path);
      await store.write(createLogin(URL_A, { tokens: { access_token: "new", obtained_at: 2 } }));
      assert.equal(Deno.readTextFileSync(elsewhere), content);
      assert.equal(Deno.lstatSync(path).isSymlink, false);
      // A symlink at the path of the lock is not followed either.
      await store.withLock(URL_A, {
        signal: new AbortController().signal,
        run: () => Promise.resolve(),
      });
      const lock = [...Deno.readDirSync(folder)].find(({ name }) => name.endsWith(".lock"));
      const lockPath = join(folder, lock?.name ?? "");
      Deno.removeSync(lockPath);
      Deno.symlinkSync(join(folder, "nowhere"), lockPath);
      await store.withLock(URL_A, {
        signal: new AbortController().signal,
        run: () => Promise.resolve(),
      });
      assert.throws(() => Deno.statSync(join(folder, "nowhere")), Deno.errors.NotFound);
    }),
});

const DAMAGED_FILES = [
  "",
  '{"url":"secret-part',
  '["secret-part"]',
  '{"url":1,"issuer":"secret-part"}',
  '{"url":"https://mcp.test/a","tokens":"secret-part"}',
];
for (const text of DAMAGED_FILES) {
  Deno.test(`[oauth.store] a damaged file is set aside: ${text}`, async () => {
    await withStore(async (folder, logLines, store) => {
      await store.write(createLogin(URL_A));
      const [{ name = "" } = {}] = [...Deno.readDirSync(folder)];
      Deno.writeTextFileSync(join(folder, name), text);
      assert.deepEqual(await store.read(URL_A), { logins: [], isDamaged: true });
      const [fileName] = [...Deno.readDirSync(folder)].map(({ name }) => name);
      assert.match(fileName ?? "", /\.json\.damaged-\d+$/);
      assert.match(logLines.join(""), /^warn: A damaged login was set aside/);
      assert.doesNotMatch(logLines.join(""), /secret-part/);
    });
  });
}

Deno.test("[oauth.store] a gateway that has the tokens in memory survives a damaged file", async () => {
  await using fixture = new OAuthFixture();
  const auth = fixture.createAuth();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  const name = fixture.listStoredFiles().find((file) => file.endsWith(".json")) ?? "";
  Deno.writeTextFileSync(join(fixture.storeFolder, name), "{");
  // After half a second, the stored login is read again.
  await new Promise((resolve) => setTimeout(resolve, 600));
  fixture.authorizationServer.revokeAccessTokens();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  assert.deepEqual([fixture.openedLinks.length, fixture.authorizationServer.refreshCount], [1, 1]);
  // The renewal has stored a valid file.
  assert.equal(await sendRequest(fixture.createAuth(), fixture.server.url), 200);
  assert.equal(fixture.openedLinks.length, 1);
});

Deno.test("[oauth.store] logins that cannot be written are kept in memory, and one warning is logged", async () => {
  await using fixture = new OAuthFixture();
  // A file at the path of the parent folder prevents the creation of the folder.
  Deno.writeTextFileSync(join(fixture.folder, "config"), "");
  const auth = fixture.createAuth();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  fixture.authorizationServer.revokeAccessTokens();
  assert.equal(await sendRequest(auth, fixture.server.url), 200);
  assert.deepEqual([fixture.openedLinks.length, fixture.authorizationServer.refreshCount], [1, 1]);
  const warnings = fixture.logLines.filter((line) =>
    line.startsWith("warn: Logins cannot be saved")
  );
  assert.equal(warnings.length, 1);
});

Deno.test("[oauth.store] the wait for the lock ends after a timeout or when it is cancelled", async () => {
  await withStore(async (folder) => {
    Deno.mkdirSync(folder);
    const path = join(folder, "a.lock");
    const signal = new AbortController().signal;
    {
      using _held = await lockFile(path, { signal, withinMs: 1000, isLockFile: true });
      await assert.rejects(lockFile(path, { signal, withinMs: 30, isLockFile: true }), LockTimeout);
      const cancellation = new AbortController();
      const waiting = lockFile(path, {
        signal: cancellation.signal,
        withinMs: 60_000,
        isLockFile: true,
      });
      cancellation.abort(new Error("enough"));
      await assert.rejects(waiting, { message: "enough" });
    }
    using _again = await lockFile(path, { signal, withinMs: 1000, isLockFile: true });
  });
});

Deno.test("[oauth.store] a lock ends with the process that holds it", async () => {
  await withStore(async (folder, _logLines, store) => {
    const signal = new AbortController().signal;
    await store.withLock(URL_A, { signal, run: () => Promise.resolve() });
    const [{ name = "" } = {}] = [...Deno.readDirSync(folder)];
    const script = "const f = await Deno.open(Deno.args[0], { write: true }); await f.lock(true);" +
      "console.log('held'); setInterval(() => {}, 1000);";
    await using holder = new Deno.Command(Deno.execPath(), {
      args: ["eval", script, join(folder, name)],
      stdout: "piped",
    }).spawn();
    const reader = holder.stdout.getReader();
    await reader.read();
    const result = store.withLock(URL_A, { signal, run: () => Promise.resolve("mine") });
    holder.kill("SIGKILL");
    assert.equal(await result, "mine");
    await reader.cancel();
  });
});

Deno.test("[oauth.store] on Windows, only the user has access to the folder", () => {
  const env = new Map([["USERDOMAIN", "OFFICE"], ["USERNAME", "ada"]]);
  assert.deepEqual(listIcaclsArguments("C:\\x y\\oauth", env), [
    "C:\\x y\\oauth",
    "/inheritance:r",
    "/grant:r",
    "OFFICE\\ada:(OI)(CI)F",
  ]);
});

Deno.test("[oauth.store] the folder of the logins is in the user's configuration folder", () => {
  const folderOn = (os: string, variables: Record<string, string>) => {
    const env = new Map(Object.entries(variables));
    return getOAuthFolder({ get: (name) => env.get(name), toObject: () => variables }, {
      windows: os === "windows",
    });
  };
  assert.equal(folderOn("linux", { HOME: "/h" }), "/h/.config/agent-mcp-gateway/oauth");
  assert.equal(folderOn("darwin", { HOME: "/h" }), "/h/.config/agent-mcp-gateway/oauth");
  const variablesWithXdg = { HOME: "/h", XDG_CONFIG_HOME: "/x" };
  assert.equal(folderOn("linux", variablesWithXdg), "/x/agent-mcp-gateway/oauth");
  assert.equal(folderOn("windows", { APPDATA: "C:\\r" }), "C:\\r/agent-mcp-gateway/oauth");
  assert.equal(folderOn("linux", {}), undefined);
});
