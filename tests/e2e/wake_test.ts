import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { FakeHttpServer } from "../downstream/remote/fake_http_server.ts";
import { startNewSdk, startOldSdkSse } from "../downstream/remote/sdk_servers.ts";
import { actAsStatelessServer } from "../downstream/remote/stateless_server.ts";
import { AuthorizationServer } from "../fixtures/oauth/authorization_server.ts";
import { ProtectedServer } from "../fixtures/oauth/protected_server.ts";
import { ApprovalFixture } from "./approval_fixture.ts";
import { HttpClient } from "./http_client.ts";
import { misbehavingServer, type RunningGateway, startGateway } from "./gateway.ts";
import { SilentProxy } from "./silent_proxy.ts";
import { waitUntil } from "./wait.ts";

const TLS = new URL("../fixtures/tls/", import.meta.url);
const BROWSER = fileURLToPath(new URL("../fixtures/oauth/fake_browser.ts", import.meta.url));

/** A stop of the gateway that counts as a sleep of the machine, in milliseconds. */
const SLEEP_MS = 17_000;

/** Maximum time of the first call after a sleep, in milliseconds, on a busy machine. Without a check, it would take a minute. */
const MAX_FIRST_CALL_MS = 15_000;

/** Stops a gateway, as a machine that sleeps does; `meanwhile` runs while it is stopped. */
async function sleep(
  gateways: readonly RunningGateway[],
  { ms, meanwhile }: { readonly ms: number; readonly meanwhile: () => void },
): Promise<void> {
  for (const { program } of gateways) program.sendSignal("SIGSTOP");
  meanwhile();
  await new Promise((resolve) => setTimeout(resolve, ms));
  for (const { program } of gateways) program.sendSignal("SIGCONT");
}

/** Calls a tool, and checks that the answer comes within seconds. */
async function callSoon(gateway: RunningGateway, server: string, tool: string): Promise<string> {
  const startedAt = performance.now();
  const text = await gateway.callServerToolForText(server, tool);
  const ms = performance.now() - startedAt;
  assert.ok(ms < MAX_FIRST_CALL_MS, `${server}: ${ms} ms`);
  return text;
}

Deno.test({
  name: "[wake.late-timers] an answer that arrived while the gateway was stopped is no timeout",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using server = await FakeHttpServer.start();
    await using gateway = await startGateway({
      servers: { http: { url: server.url }, odd: misbehavingServer() },
      env: { NO_PROXY: "127.0.0.1" },
    });
    assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
    let answer = (): void => {};
    server.handler = ({ message }, response) => {
      if (message.method !== "tools/call") return false;
      answer = () => {
        const result = { content: [{ type: "text", text: "in time" }] };
        response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result }));
      };
      response.writeHead(200, { "content-type": "application/json" });
      return true;
    };
    const call = gateway.callServerToolForText("http", "echo", {}, { timeout_ms: 1500 });
    await waitUntil("the call has arrived", () => server.countRequests("tools/call") === 1);
    await sleep([gateway], { ms: 4000, meanwhile: () => answer() });
    assert.equal(await call, "in time");
  },
});

Deno.test({
  name: "[wake.late-timers] an approval that was given while the gateway was stopped counts",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using fixture = await ApprovalFixture.start({ times: { wait_s: 2, expires_s: 600 } });
    const call = fixture.call("late");
    const [request] = await fixture.waiting();
    const { program } = fixture.gateway;
    program.sendSignal("SIGSTOP");
    try {
      await fixture.allow(request?.approval_id ?? "");
      await new Promise((resolve) => setTimeout(resolve, 2000));
    } finally {
      program.sendSignal("SIGCONT");
    }
    assert.equal((await call).isError, undefined);
    assert.equal(fixture.effects("late"), 1);
  },
});

Deno.test({
  name:
    "[wake.first-call] [wake.tokens] [wake.http-sessions] after a sleep, first calls work although all connections have died, and each login is renewed once",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const pem = Deno.readTextFileSync(new URL("localhost.pem", TLS));
    const keyStart = pem.indexOf("-----BEGIN PRIVATE KEY");
    const tls = { cert: pem.slice(0, keyStart), key: pem.slice(keyStart) };
    await using http2 = await startNewSdk({ tls });
    await using sse = await startOldSdkSse();
    await using stateless = await FakeHttpServer.start(actAsStatelessServer());
    await using loginService = new AuthorizationServer();
    loginService.behaviour.tokenLifetimeS = SLEEP_MS / 1000;
    await using notes = new ProtectedServer(loginService);
    await using mail = new ProtectedServer(loginService);
    await using tasks = new ProtectedServer(loginService);
    await using http2Proxy = new SilentProxy(http2.url);
    await using sseProxy = new SilentProxy(sse.url);
    await using statelessProxy = new SilentProxy(stateless.url);
    const configFolder = Deno.realPathSync(Deno.makeTempDirSync());
    const browser = `${Deno.execPath()} run --quiet --no-prompt --allow-all --no-config ${BROWSER}`;
    const options = {
      servers: {
        http2: { url: http2Proxy.url },
        sse: { url: sseProxy.url },
        stateless: { url: statelessProxy.url },
        notes: { url: notes.url },
        mail: { url: mail.url },
        tasks: { url: tasks.url },
      },
      env: {
        NO_PROXY: "127.0.0.1,localhost",
        NODE_EXTRA_CA_CERTS: fileURLToPath(new URL("authority.pem", TLS)),
        XDG_CONFIG_HOME: configFolder,
        BROWSER: `${browser} ${configFolder}/browser.log`,
      },
    };
    {
      await using first = await startGateway(options);
      const logins = ["notes", "mail", "tasks"];
      for (const server of logins) await first.callServerToolForText(server, "read");
      await using second = await startGateway(options);
      await using overHttp = await startGateway({
        transport: "http",
        env: { GATEWAY_SESSION_IDLE_S: String(SLEEP_MS / 1000 - 2) },
      });
      const client = new HttpClient(overHttp);
      assert.equal(await client.openSession(), 200);
      const gateways = [first, second];
      for (const gateway of gateways) {
        for (const server of logins) await gateway.callServerToolForText(server, "read");
        for (const server of ["http2", "sse"]) await gateway.callServerToolForText(server, "plain");
        await gateway.callServerToolForText("stateless", "echo");
      }
      loginService.behaviour.tokenLifetimeS = 3600;
      const renewedBefore = loginService.refreshCount;
      const callsBefore = stateless.countRequests("tools/call");
      await sleep([...gateways, overHttp], {
        ms: SLEEP_MS,
        meanwhile: () => [http2Proxy, sseProxy, statelessProxy].forEach((all) => all.fallSilent()),
      });
      const calls = gateways.flatMap((gateway) => [
        callSoon(gateway, "http2", "plain"),
        callSoon(gateway, "sse", "plain"),
        callSoon(gateway, "stateless", "echo"),
        ...Array.from({ length: 4 }, () => logins).flat().map((server) => {
          return callSoon(gateway, server, "read");
        }),
      ]);
      const expected = ["plain", "plain", "called echo", ...Array(12).fill("read")];
      assert.deepEqual(await Promise.all(calls), [...expected, ...expected]);
      assert.equal(stateless.countRequests("tools/call"), callsBefore + gateways.length);
      assert.equal(loginService.refreshCount - renewedBefore, logins.length);
      assert.equal(loginService.refreshTokenReuses, 0);
      // By now, the sessions of idle clients would have ended.
      assert.equal(await client.callGatewayToolForOutcome("list_servers"), "ok");
    }
    Deno.removeSync(configFolder, { recursive: true });
  },
});
