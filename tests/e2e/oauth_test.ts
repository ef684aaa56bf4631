import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AuthorizationServer, CANARY } from "../fixtures/oauth/authorization_server.ts";
import { ProtectedServer } from "../fixtures/oauth/protected_server.ts";
import { followLink } from "../oauth/oauth_fixture.ts";
import {
  type Fields,
  misbehavingServer,
  readRefusal,
  type RunningGateway,
  startGateway,
} from "./gateway.ts";
import { OtlpReceiver } from "./otlp_receiver.ts";
import { waitUntil } from "./wait.ts";

const BROWSER = fileURLToPath(new URL("../fixtures/oauth/fake_browser.ts", import.meta.url));

/** A server that requires a login, and gateways in front of it. */
class OAuthFixture implements AsyncDisposable {
  readonly authorizationServer = new AuthorizationServer();
  readonly server = new ProtectedServer(this.authorizationServer);
  readonly folder: string = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "oauth_" }));
  readonly #gateways: RunningGateway[] = [];

  get browserLog(): string {
    return join(this.folder, "browser.log");
  }

  /** Returns the number of times that the browser was opened. */
  countBrowserStarts(): number {
    try {
      return Deno.readTextFileSync(this.browserLog).match(/^opened /gm)?.length ?? 0;
    } catch {
      return 0;
    }
  }

  /** Starts a gateway in front of the server; `entry` has further keys of the server's entry. */
  async startGateway(
    { browser, capabilities = {}, entry = {}, env = {}, servers, ...options }: {
      readonly browser?: string;
      readonly capabilities?: Fields;
      readonly entry?: Fields;
      readonly env?: Readonly<Record<string, string>>;
      readonly servers?: Fields;
      readonly rules?: Fields;
    } = {},
  ): Promise<RunningGateway> {
    const fakeBrowser =
      `${Deno.execPath()} run --quiet --no-prompt --allow-all --no-config ${BROWSER} ` +
      this.browserLog;
    const gateway = await startGateway({
      ...options,
      servers: { notes: { url: this.server.url, ...entry }, ...servers },
      args: ["--agent", "tester", "--debug", "--log-level", "debug"],
      env: { BROWSER: browser ?? fakeBrowser, XDG_CONFIG_HOME: this.folder, ...env },
      initialize: { capabilities },
    });
    this.#gateways.push(gateway);
    return gateway;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const gateway of this.#gateways) await gateway.end();
    await this.server[Symbol.asyncDispose]();
    await this.authorizationServer[Symbol.asyncDispose]();
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** The part of the status that these tests read. */
interface Status {
  readonly servers: Readonly<
    Record<string, { readonly state: string; readonly last_error: string }>
  >;
}

Deno.test("[oauth.discovered] [oauth.browser] [oauth.renewal] 20 concurrent calls cause one login, and later one renewal", async () => {
  await using fixture = new OAuthFixture();
  const gateway = await fixture.startGateway();
  await waitUntil("the eager start ends with login-required", async () => {
    const { servers } = await gateway.callGatewayToolForJson<Status>("get_gateway_status");
    return servers.notes?.state === "login-required";
  });
  assert.equal(fixture.countBrowserStarts(), 0);
  const calls = Array.from({ length: 20 }, () => gateway.callServerToolForText("notes", "read"));
  assert.deepEqual(await Promise.all(calls), Array(20).fill("read"));
  assert.equal(fixture.countBrowserStarts(), 1);
  fixture.authorizationServer.revokeAccessTokens();
  const laterCalls = Array.from(
    { length: 20 },
    () => gateway.callServerToolForText("notes", "read"),
  );
  assert.deepEqual(await Promise.all(laterCalls), Array(20).fill("read"));
  const { refreshCount, refreshTokenReuses } = fixture.authorizationServer;
  assert.deepEqual({ refreshCount, refreshTokenReuses }, {
    refreshCount: 1,
    refreshTokenReuses: 0,
  });
  const otherGateway = await fixture.startGateway();
  assert.equal(await otherGateway.callServerToolForText("notes", "read"), "read");
  assert.equal(fixture.countBrowserStarts(), 1);
});

Deno.test("[errors.auth-required] [oauth.wait] without a browser the agent gets the link and the command", async () => {
  await using fixture = new OAuthFixture();
  const gateway = await fixture.startGateway({ browser: "none" });
  // More than 5 attempts: unlike failed starts of a server, they do not stop the gateway from trying again.
  for (let attempt = 0; attempt < 7; attempt++) {
    const refusal = await gateway.expectRefusal("execute_tool", {
      server: "notes",
      tool: "read",
      args: {},
    });
    assert.equal(refusal.code, "AUTH_REQUIRED");
    const { url = "", command } = refusal as { url?: string; command?: string };
    assert.equal(command, "agent-mcp-gateway auth login notes");
    if (attempt === 6) assert.match(await followLink(url), /Logged in to notes/);
  }
  assert.equal(await gateway.callServerToolForText("notes", "read"), "read");
});

Deno.test("[oauth.link] a client with URL elicitation gets the link, and no browser is opened", async () => {
  await using fixture = new OAuthFixture();
  const gateway = await fixture.startGateway({ capabilities: { elicitation: { url: {} } } });
  const pages: Promise<string>[] = [];
  gateway.client.setRequestHandler("elicitation/create", (params) => {
    pages.push(followLink(String(params.url)));
    return { action: "accept" };
  });
  assert.equal(await gateway.callServerToolForText("notes", "read"), "read");
  assert.match((await Promise.all(pages)).join(), /Logged in to notes/);
  assert.equal(fixture.countBrowserStarts(), 0);
});

for (const operation of ["execute_tool", "get_server_tools"]) {
  Deno.test(`[oauth.wait] [rules.limits] while ${operation} waits for a login, it does not count as a concurrent call`, async () => {
    await using fixture = new OAuthFixture();
    const gateway = await fixture.startGateway({
      capabilities: { elicitation: { url: {} } },
      servers: { odd: misbehavingServer() },
      rules: { agents: { tester: { allow: { servers: ["*"] }, limits: { concurrent: 1 } } } },
    });
    const loginUrl = Promise.withResolvers<string>();
    const personsAnswer = Promise.withResolvers<Fields>();
    gateway.client.setRequestHandler("elicitation/create", ({ url }) => {
      loginUrl.resolve(String(url));
      return personsAnswer.promise;
    });
    const args = operation === "execute_tool" ? { tool: "read", args: {} } : {};
    const waitingCall = gateway.callGatewayTool(operation, { server: "notes", ...args });
    const link = await loginUrl.promise;
    assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
    personsAnswer.resolve({ action: "accept" });
    assert.match(await followLink(link), /Logged in to notes/);
    assert.equal((await waitingCall).isError, undefined);
    // The limit holds again after the login.
    const heldCall = gateway.callServerToolForText("odd", "wait");
    assert.equal(
      readRefusal(await gateway.callGatewayTool("list_servers", {})).code,
      "RATE_LIMITED",
    );
    heldCall.catch(() => {});
  });
}

Deno.test("[oauth.no-secrets] log, audit log, results, status and errors contain no secret", async () => {
  await using fixture = new OAuthFixture();
  const headers = { "x-key": `${CANARY}-header` };
  const oauth = { client_id: "mine", client_secret: `${CANARY}-configured` };
  const { authorizationServer } = fixture;
  authorizationServer.addClient("mine", {
    redirectUris: ["http://127.0.0.1/callback"],
    secret: oauth.client_secret,
  });
  const gateway = await fixture.startGateway({ entry: { headers, gateway: { oauth } } });
  const results: unknown[] = [];
  results.push(await gateway.callGatewayTool("list_servers", { include_metadata: true }));
  results.push(await gateway.callServerTool("notes", "read"));
  authorizationServer.revokeAccessTokens();
  authorizationServer.behaviour.tokenResponse = {
    status: 400,
    body: '{"error":"$form","error_description":"$form"}',
  };
  results.push(await gateway.callServerTool("notes", "read"));
  authorizationServer.behaviour.tokenResponse = { status: 400, body: '{"error":"invalid_grant"}' };
  authorizationServer.behaviour.loginError = "access_denied";
  results.push(await gateway.callServerTool("notes", "read"));
  results.push(await gateway.callGatewayTool("get_gateway_status", {}));
  const outputs = [
    JSON.stringify(results),
    gateway.program.stderr,
    JSON.stringify(gateway.readAuditLog()),
  ];
  assert.match(outputs.join(""), /SERVER_UNAVAILABLE.*AUTH_REQUIRED/s);
  assert.doesNotMatch(outputs.join("\n"), new RegExp(CANARY));
});

Deno.test("[oauth.no-secrets] neither the gateway's traces nor those of Deno itself contain a secret", async () => {
  await using receiver = new OtlpReceiver();
  await using fixture = new OAuthFixture();
  const { authorizationServer } = fixture;
  const headers = { "x-key": `${CANARY}-header` };
  const oauth = { client_id: "mine", client_secret: `${CANARY}-configured` };
  authorizationServer.addClient("mine", {
    redirectUris: ["http://127.0.0.1/callback"],
    secret: oauth.client_secret,
  });
  const gateway = await fixture.startGateway({
    entry: { headers, gateway: { oauth } },
    capabilities: { elicitation: { url: {} } },
    // The client opens the link, because the fake browser is a Deno program, which would export traces, too.
    env: receiver.env,
  });
  const pages: Promise<string>[] = [];
  gateway.client.setRequestHandler("elicitation/create", (params) => {
    pages.push(followLink(String(params.url)));
    return { action: "accept" };
  });
  assert.equal(await gateway.callServerToolForText("notes", "read"), "read");
  assert.match((await Promise.all(pages)).join(), /Logged in to notes/);
  authorizationServer.revokeAccessTokens();
  assert.equal(await gateway.callServerToolForText("notes", "read"), "read");
  authorizationServer.revokeAccessTokens();
  authorizationServer.behaviour.tokenResponse = {
    status: 400,
    body: '{"error":"$form","error_description":"$form"}',
  };
  await gateway.callServerTool("notes", "read");
  await gateway.end();
  assert.equal(authorizationServer.refreshCount, 1);
  assert.equal((await Promise.all(pages)).length, 2, "logins");
  // The received text includes the gateway's spans, and Deno's spans of requests with the tokens.
  assert.match(receiver.receivedText, /"tools\/call read"/);
  assert.match(receiver.receivedText, /"url\.full"/);
  assert.doesNotMatch(receiver.receivedText, new RegExp(CANARY));
  const secrets = authorizationServer.tokenRequests.map((form) => form.get("code_verifier"))
    .concat(authorizationServer.authorizationRequests.map((query) => query.get("state")));
  for (const secret of secrets) {
    if (secret !== null) {
      assert.ok(!receiver.receivedText.includes(secret), "a verifier or a state");
    }
  }
});

Deno.test("[finding.no-login] a query about all servers asks nobody to log in; one about a named server does", async () => {
  await using fixture = new OAuthFixture();
  const gateway = await fixture.startGateway({ servers: { odd: misbehavingServer() } });
  const find = (args: Fields) =>
    gateway.callGatewayToolForJson<Fields>("get_server_tools", { query: "read", ...args });
  const { unavailable, pending } = await find({});
  assert.deepEqual([unavailable, pending], [["notes"], undefined]);
  assert.equal(fixture.countBrowserStarts(), 0);
  await find({ server: "notes" });
  await waitUntil("the browser logs in", async () => {
    const { tools } = await find({});
    return (tools as Fields[]).some(({ server, name }) => server === "notes" && name === "read");
  });
  assert.equal(fixture.countBrowserStarts(), 1);
});
