import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AuthorizationServer, CANARY } from "../fixtures/oauth/authorization_server.ts";
import { ProtectedServer } from "../fixtures/oauth/protected_server.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { Program } from "./program.ts";
import { Setup } from "./setup.ts";
import { waitUntil } from "./wait.ts";

const BROWSER = fileURLToPath(new URL("../fixtures/oauth/fake_browser.ts", import.meta.url));

/** A server that requires a login, and a folder in which `auth` commands run. */
class AuthCommandFixture implements AsyncDisposable {
  readonly service = new AuthorizationServer();
  readonly server = new ProtectedServer(this.service);
  readonly setup: Setup;
  readonly #browser: string;

  constructor(servers: Readonly<Record<string, unknown>> = {}) {
    this.setup = new Setup({
      servers: {
        notes: { url: this.server.url },
        files: { command: "true" },
        keyed: { url: "https://keyed.test/mcp", headers: { Authorization: "Bearer k" } },
        ...servers,
      },
    });
    this.#browser = `${Deno.execPath()} run --quiet --no-prompt --allow-all --no-config ` +
      `${BROWSER} ${this.browserLog}`;
  }

  get browserLog(): string {
    return join(this.setup.workingFolder, "browser.log");
  }

  /** Folder of the stored tokens. */
  get tokenFolder(): string {
    return join(this.setup.home, ".config", "agent-mcp-gateway", "oauth");
  }

  /** Starts `auth` with the given arguments. */
  async start(authArgs: readonly string[], browser = this.#browser): Promise<Program> {
    const [command, ...commandArgs] = await gatewayCommandLine(GATEWAY_COMMAND);
    const { workingFolder: folder, env } = this.setup;
    const args = [...commandArgs, "auth", ...authArgs];
    const program = new Program({ command, args, cwd: folder, env: { ...env, BROWSER: browser } });
    await program.closeInput();
    return program;
  }

  /** Runs `auth` to its end. */
  async run(authArgs: readonly string[], browser?: string): Promise<EndedCommand> {
    const program = await this.start(authArgs, browser);
    const { code } = await program.waitForEnd();
    return { code, stdout: program.lines.join("\n"), stderr: program.stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.setup.close();
    await this.server[Symbol.asyncDispose]();
    await this.service[Symbol.asyncDispose]();
  }
}

interface EndedCommand {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

Deno.test("[auth.login] [auth.status] [auth.logout] a user logs in, sees the login, and logs out", async () => {
  await using fixture = new AuthCommandFixture();
  const firstStatus = await fixture.run(["status"]);
  assert.equal(firstStatus.code, 0, firstStatus.stderr);
  assert.deepEqual(firstStatus.stdout.split("\n"), [
    "notes: not logged in",
    "keyed: needs no login: its entry has an Authorization header",
  ]);

  const login = await fixture.run(["login", "notes"]);
  assert.equal(login.code, 0, login.stderr);
  assert.equal(login.stdout, `Logged in to "notes" through ${fixture.service.issuer}`);
  assert.match(
    login.stderr,
    /^Log in with this link.*:\n\n {2}http:\/\/127\.0\.0\.1:\d+\/authorize\?/m,
  );
  await waitUntil("the browser shows the page", () => {
    const log = Deno.readTextFileSync(fixture.browserLog);
    return /^opened .*\nshown 200 .*Logged in to notes/.test(log);
  });

  const status = await fixture.run(["status", "notes", "--json"]);
  assert.equal(status.code, 0, status.stderr);
  const [{ expires_at, ...statusFields }] = JSON.parse(status.stdout);
  assert.deepEqual(statusFields, {
    server: "notes",
    url: fixture.server.url,
    state: "logged-in",
    issuer: fixture.service.issuer,
    scope: "",
    renewable: true,
  });
  assert.ok(Date.parse(expires_at) > Date.now());

  const [file = ""] = [...Deno.readDirSync(fixture.tokenFolder)].map(({ name }) => name)
    .filter((name) => name.endsWith(".json"));
  const { tokens } = JSON.parse(Deno.readTextFileSync(join(fixture.tokenFolder, file)));
  const logout = await fixture.run(["logout", "notes"]);
  assert.deepEqual([logout.code, logout.stdout, logout.stderr], [0, 'Logged out of "notes"', ""]);
  assert.ok(fixture.service.isLoginRevoked(tokens.refresh_token));
  assert.match((await fixture.run(["status"])).stdout, /^notes: not logged in$/m);
  assert.equal(
    (await fixture.run(["logout", "notes"])).stdout,
    'You were not logged in to "notes"',
  );

  // None of the commands printed a secret.
  for (const { stdout, stderr } of [firstStatus, login, status, logout]) {
    assert.doesNotMatch(stdout + stderr, new RegExp(CANARY));
  }
});

Deno.test("[auth.login] without a browser, the link is shown and works, and Ctrl-C cancels the login", async () => {
  await using fixture = new AuthCommandFixture();
  const program = await fixture.start(["login", "notes"], "none");
  const [, url = ""] = await waitUntil("the link is shown", () => {
    return /Log in with this link .*:\n\n {2}(\S+)\n/.exec(program.stderr) ??
      undefined;
  });
  program.sendSignal("SIGINT");
  const { code } = await program.waitForEnd();
  assert.equal(code, 130, program.stderr);
  assert.match(program.stderr, /press Ctrl-C to cancel\.\n$/);
  await assert.rejects(fetch(url), TypeError, "the redirect listener is closed");

  const secondLogin = await fixture.start(["login", "notes"], "none");
  const [, link = ""] = await waitUntil("the link is shown", () => {
    return / {2}(http\S+)/.exec(secondLogin.stderr) ?? undefined;
  });
  assert.match(await (await fetch(link)).text(), /Logged in to notes/);
  assert.equal((await secondLogin.waitForEnd()).code, 0, secondLogin.stderr);
});

Deno.test("[auth.login] auth login reports servers that need no login or are not configured", async () => {
  await using fixture = new AuthCommandFixture();
  fixture.server.allowsAnonymous = true;
  fixture.server.metadataLocation = "none";
  const anonymous = await fixture.run(["login", "notes"]);
  assert.deepEqual([anonymous.code, anonymous.stdout], [
    0,
    'Server "notes" needs no login: it answers without one',
  ]);
  const local = await fixture.run(["login", "files"]);
  assert.match(local.stdout, /^Server "files" needs no login: it is a program on this machine$/);
  const keyed = await fixture.run(["login", "keyed"]);
  assert.match(keyed.stdout, /needs no login: its entry has an Authorization header/);
  const unknown = await fixture.run(["login", "note"]);
  assert.deepEqual([unknown.code, unknown.stdout], [2, ""]);
  assert.match(
    unknown.stderr,
    /^There is no server "note" in the configuration; did you mean "notes"\?$/m,
  );
});

Deno.test("[auth.login] a failed login is reported, with exit code 1", async () => {
  await using fixture = new AuthCommandFixture({ gone: { url: "http://127.0.0.1:9/mcp" } });
  fixture.service.behaviour.loginError = "access_denied";
  const denied = await fixture.run(["login", "notes"]);
  assert.deepEqual([denied.code, denied.stdout], [1, ""]);
  assert.match(denied.stderr, /the login page answered "access_denied"/);
  const gone = await fixture.run(["login", "gone"]);
  assert.deepEqual([gone.code, gone.stdout], [1, ""]);
  assert.match(gone.stderr, /Server "gone" is not available: it cannot be reached/);
});

Deno.test("[auth.logout] tokens that cannot be revoked are removed anyway", async () => {
  await using fixture = new AuthCommandFixture();
  fixture.service.behaviour.metadataOverrides = {
    revocation_endpoint: "http://127.0.0.1:9/revoke",
  };
  assert.equal((await fixture.run(["login", "notes"])).code, 0);
  const { code, stdout, stderr } = await fixture.run(["logout", "notes"]);
  assert.deepEqual([code, stdout], [1, 'Logged out of "notes"']);
  assert.match(stderr, /removed here, but revoking them failed: cannot be reached/);
  assert.match((await fixture.run(["status", "notes"])).stdout, /not logged in/);
});

Deno.test("[auth.login] [auth.status] [auth.logout] the auth commands print help, and refuse wrong command lines", async () => {
  await using fixture = new AuthCommandFixture();
  for (const name of ["login", "status", "logout"]) {
    const { code, stdout } = await fixture.run([name, "--help"]);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`Example: agent-mcp-gateway auth ${name} `));
  }
  for (const words of [["login"], ["logout"], ["nope"], ["login", "notes", "more"]]) {
    const { code, stdout, stderr } = await fixture.run(words);
    assert.deepEqual([code, stdout], [2, ""], words.join(" "));
    assert.notEqual(stderr, "");
  }
});

Deno.test("[auth.status] an entry that cannot be used is shown with the reason, without its secrets, among the others", async () => {
  await using fixture = new AuthCommandFixture({
    db: { url: "https://svc:${DBPW}@mcp.example.com/mcp" },
  });
  fixture.setup.env["DBPW"] = "pa/ss#w0rd-7731";
  const text = await fixture.run(["status"]);
  assert.equal(text.code, 0, text.stderr);
  assert.match(text.stdout, /^notes: not logged in$/m);
  assert.match(text.stdout, /^db: is not available: .+$/m);
  const json = await fixture.run(["status", "--json"]);
  const state = JSON.parse(json.stdout).find(({ server }: { server: string }) => server === "db");
  assert.equal(state.state, "unavailable");
  assert.equal(typeof state.reason, "string");
  for (const { stdout, stderr } of [text, json]) {
    assert.doesNotMatch(stdout + stderr, /w0rd|pa\/ss/);
  }
});
