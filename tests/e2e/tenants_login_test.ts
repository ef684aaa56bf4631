import assert from "node:assert/strict";
import { sha256 } from "../gateway/http/authenticator_fixture.ts";
import { Issuer } from "../gateway/http/issuer.ts";
import { type RunningGateway, startGateway } from "./gateway.ts";
import { HttpClient } from "./http_client.ts";

const INITIALIZE = {
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "client", version: "1" },
  },
};

/** Logs in, through a proxy if `forwardedFor` is given, and returns the status. */
async function logIn(
  gateway: RunningGateway,
  token: string,
  forwardedFor?: string,
): Promise<number> {
  const headers: Record<string, string> = forwardedFor === undefined
    ? {}
    : { "x-forwarded-for": forwardedFor };
  const body = JSON.stringify({ jsonrpc: "2.0", ...INITIALIZE });
  const response = await new HttpClient(gateway, token).request("POST", { headers, body });
  await response.body?.cancel();
  return response.status;
}

/** Tries 25 invalid tokens; the last ones are answered with 429. */
async function guessTokens(gateway: RunningGateway, forwardedFor?: string): Promise<void> {
  const statuses: number[] = [];
  for (let guess = 0; guess < 25; guess++) {
    statuses.push(await logIn(gateway, `amg_guess_${guess}`, forwardedFor));
  }
  assert.deepEqual([statuses[0], statuses.at(-1)], [401, 429]);
}

async function startHttpGateway(
  { env = {}, auth = {} }: { env?: Record<string, string>; auth?: object } = {},
): Promise<RunningGateway> {
  const agents = {
    a: { token_sha256: [sha256("amg_a")] },
    b: { token_sha256: [sha256("amg_b")] },
  };
  return await startGateway({ rules: { agents, auth }, transport: "http", initialize: false, env });
}

Deno.test("[tenants.login] 25 invalid tokens from an address do not keep out agents that log in from it for the first time", async () => {
  await using gateway = await startHttpGateway();
  await guessTokens(gateway);
  assert.deepEqual([await logIn(gateway, "amg_a"), await logIn(gateway, "amg_b")], [200, 200]);
  assert.equal(await logIn(gateway, "amg_another"), 429);
});

Deno.test("[tenants.proxies] invalid tokens are counted by the last address in X-Forwarded-For that is not a trusted proxy's", async () => {
  const env = { GATEWAY_TRUSTED_PROXIES: "127.0.0.1, 10.0.0.0/8, fd00::/8" };
  await using gateway = await startHttpGateway({ env });
  await guessTokens(gateway, "203.0.113.9, 192.0.2.1, 10.1.2.3");
  // The client chooses what stands before its own address.
  assert.equal(await logIn(gateway, "amg_x", "198.51.100.1, 192.0.2.1"), 429);
  assert.equal(await logIn(gateway, "amg_x", "192.0.2.1:5000, fd00::1, [fd12::3]:80"), 429);
  assert.equal(await logIn(gateway, "amg_x", "192.0.2.1, 192.0.2.2"), 401);
  assert.equal(await logIn(gateway, "amg_x", "192.0.2.1, unknown"), 401);
  assert.equal(await logIn(gateway, "amg_x"), 401);
});

Deno.test("[tenants.proxies] X-Forwarded-For is ignored unless it comes from a trusted proxy", async () => {
  for (const GATEWAY_TRUSTED_PROXIES of [undefined, "192.0.2.7"]) {
    const env = GATEWAY_TRUSTED_PROXIES === undefined ? {} : { GATEWAY_TRUSTED_PROXIES };
    await using gateway = await startHttpGateway({ env });
    await guessTokens(gateway, "192.0.2.1");
    assert.equal(await logIn(gateway, "amg_x", "192.0.2.2"), 429);
  }
});

Deno.test("[tenants.subject] a JWT without a subject opens no session", async () => {
  await using issuer = await Issuer.open();
  await using gateway = await startHttpGateway({ auth: { jwt: issuer.jwtRules() } });
  assert.equal(await logIn(gateway, await issuer.createToken()), 200);
  assert.equal(await logIn(gateway, await issuer.createToken({ claims: { sub: undefined } })), 401);
});

Deno.test("[tenants.metrics] a gateway with credentials shows its metrics to nobody without GATEWAY_METRICS_TOKEN", async () => {
  await using gateway = await startHttpGateway();
  const response = await fetch(new URL("/metrics", gateway.url));
  assert.match(await response.text(), /set GATEWAY_METRICS_TOKEN/);
  assert.equal(response.status, 403);
});
