import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { sha256 } from "../gateway/http/authenticator_scene.ts";
import { Issuer, makeKey } from "../gateway/http/issuer.ts";
import { RawConnection, sendRaw } from "../gateway/http/raw_http.ts";
import { type RunningGateway, startGateway } from "./gateway.ts";
import { withTimeout } from "./wait.ts";
import { HttpClient } from "./http_client.ts";

const RULES = ".mcp-gateway-rules.json";
const METRICS_TOKEN = "figures-are-for-me-only";
const INITIALIZE = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "attacker", version: "1" },
  },
});

/** Encodes a part of a JWT. */
function encodeJwtPart(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** Opens the stream of a client; resolves to all of it when the gateway has ended it. */
async function openStream(client: HttpClient): Promise<{ readonly all: Promise<string> }> {
  const response = await client.request("GET");
  assert.equal(response.status, 200);
  return { all: response.text() };
}

/** A client with an open session. */
async function openSession(gateway: RunningGateway, token: string): Promise<HttpClient> {
  const client = new HttpClient(gateway, token);
  assert.equal(await client.openSession(), 200);
  return client;
}

function portOf(gateway: RunningGateway): number {
  return Number(new URL(gateway.url).port);
}

/** A request as text, with the attacker's additions. */
function httpRequestText(
  gateway: RunningGateway,
  headers: readonly string[],
  body = INITIALIZE,
): string {
  const own = [`Host: 127.0.0.1:${portOf(gateway)}`, "Content-Type: application/json"];
  const length = headers.some((header) => /^(content-length|transfer-encoding)/i.test(header))
    ? []
    : [`Content-Length: ${body.length}`];
  return ["POST /mcp HTTP/1.1", ...own, "Connection: close", ...headers, ...length, "", body]
    .join("\r\n");
}

Deno.test("attacks on a gateway with tokens and JWTs", async (t) => {
  await using issuer = await Issuer.open();
  const rules = (without: readonly string[] = []) => ({
    agents: Object.fromEntries(
      ["a", "b", "c"].filter((agent) => !without.includes(agent)).map((agent) => {
        return [agent, { token_sha256: [sha256(`amg_${agent}`)], allow: { servers: ["*"] } }];
      }),
    ),
    auth: { jwt: issuer.jwt() },
  });
  await using gateway = await startGateway({
    rules: rules(),
    transport: "http",
    client: false,
    env: { GATEWAY_METRICS_TOKEN: METRICS_TOKEN, GATEWAY_LOG_LEVEL: "debug" },
  });
  const owner = await openSession(gateway, "amg_b");
  const secrets = ["amg_a", "amg_b", "amg_c", METRICS_TOKEN, owner.sessionId];

  await t.step("[http.stolen-session] others cannot use, read or end the session", async () => {
    const stream = await openStream(owner);
    for (
      const token of ["amg_a", await issuer.token(), await issuer.token({ claims: { agent: "b" } })]
    ) {
      const thief = new HttpClient(gateway, token);
      thief.sessionId = owner.sessionId;
      assert.equal(await thief.callGatewayToolForOutcome("list_servers"), 404);
      assert.equal(await thief.requestStatus("GET"), 404);
      assert.equal(await thief.requestStatus("GET", { "last-event-id": "0-0" }), 404);
      assert.equal(await thief.requestStatus("DELETE"), 404);
    }
    assert.equal(await owner.callGatewayToolForOutcome("list_servers"), "ok");
    // The session still exists: it ends when its owner closes it.
    assert.equal(await owner.requestStatus("DELETE"), 204);
    assert.equal(await withTimeout("the stream ends", stream.all), "");
    assert.equal(await owner.openSession(), 200);
    secrets.push(owner.sessionId);
  });

  await t.step("[http.resume] forged event ids reveal nothing and do no harm", async () => {
    for (const forged of ["1-0", "7-1", "0", "-1-0", "0-1e5", `1-${"9".repeat(40)}`, "0-0, 1-0"]) {
      assert.equal(await owner.requestStatus("GET", { "last-event-id": forged }), 400, forged);
    }
    const first = await openStream(owner);
    const second = await openStream(owner);
    assert.equal(await withTimeout("the first stream ends for the second", first.all), "");
    assert.equal(await owner.requestStatus("DELETE"), 204);
    await withTimeout("the second ends with the session", second.all);
    assert.equal(await owner.openSession(), 200);
  });

  await t.step("[rules.credentials] forged, foreign and expired JWTs are refused", async () => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer.url, aud: "gateway", sub: "user", agent: "a", exp: now + 60 };
    const [key] = issuer.keys;
    assert.ok(key);
    const hs = `${encodeJwtPart({ alg: "HS256", kid: key.kid, typ: "JWT" })}.${
      encodeJwtPart(claims)
    }`;
    const secret = JSON.stringify(key.publicJwk);
    const good = await issuer.token();
    const [head, , signature] = good.split(".");
    const forged = {
      "no algorithm": `${encodeJwtPart({ alg: "none" })}.${encodeJwtPart(claims)}.`,
      "no algorithm, a signature": `${encodeJwtPart({ alg: "none" })}.${
        encodeJwtPart(claims)
      }.${signature}`,
      "the public key as a secret": `${hs}.${
        createHmac("sha256", secret).update(hs).digest("base64url")
      }`,
      "other claims": `${head}.${encodeJwtPart({ ...claims, agent: "b" })}.${signature}`,
      "another key": await issuer.token({ key: await makeKey(key.kid) }),
      "a key that it brings": await issuer.token({
        key: await makeKey("own"),
        header: { jwk: key.publicJwk, jku: `${issuer.url}/evil` },
      }),
      "expired": await issuer.token({ claims: { exp: now - 60 } }),
      "not yet": await issuer.token({ claims: { nbf: now + 600 } }),
      "for another": await issuer.token({ claims: { aud: "another" } }),
      "from another": await issuer.token({ claims: { iss: "https://evil.example" } }),
      "for ever": await issuer.token({ claims: { exp: undefined } }),
    };
    for (const [what, token] of Object.entries(forged)) {
      assert.equal(await new HttpClient(gateway, token).openSession(), 401, what);
    }
    assert.equal(issuer.asked.includes("/evil"), false);
    assert.equal(await new HttpClient(gateway, good).openSession(), 200);
    secrets.push(good, ...Object.values(forged));
  });

  await t.step(
    "[http.credential-end] a JWT is not valid after its expiry, nor are its streams",
    async () => {
      // Five seconds of clock difference are allowed.
      const exp = Math.floor(Date.now() / 1000) - 2;
      const token = await issuer.token({ claims: { exp } });
      const client = await openSession(gateway, token);
      const stream = await openStream(client);
      await withTimeout("its stream ends", stream.all);
      assert.equal(await client.callGatewayToolForOutcome("list_servers"), 401);
      assert.equal(
        await new HttpClient(gateway, token).openSession(),
        401,
        "it is not good once more",
      );
      const renewed = new HttpClient(gateway, await issuer.token());
      renewed.sessionId = client.sessionId;
      assert.equal(await renewed.callGatewayToolForOutcome("list_servers"), 404);
    },
  );

  await t.step("[http.credential-end] a removed agent loses access immediately", async () => {
    const byToken = await openSession(gateway, "amg_c");
    const byJwt = await openSession(gateway, await issuer.token({ claims: { agent: "c" } }));
    const streams = [await openStream(byToken), await openStream(byJwt)];
    gateway.setup.writeFile(RULES, rules(["c"]));
    assert.deepEqual(
      await withTimeout("the streams end", Promise.all(streams.map(({ all }) => all))),
      [
        "",
        "",
      ],
    );
    assert.deepEqual([
      await byToken.callGatewayToolForOutcome("list_servers"),
      await byJwt.callGatewayToolForOutcome("list_servers"),
    ], [
      401,
      403,
    ]);
    assert.deepEqual([await byToken.openSession(), await byJwt.openSession()], [401, 403]);
    assert.equal(await owner.callGatewayToolForOutcome("list_servers"), "ok", "the others go on");
  });

  await t.step("[http.credential] only the header is read, and only one", async () => {
    const good = "Authorization: Bearer amg_a";
    const attempts: Readonly<Record<string, readonly [number, string]>> = {
      "in the query": [
        401,
        httpRequestText(gateway, []).replace("/mcp", "/mcp?access_token=amg_a"),
      ],
      "in a cookie": [401, httpRequestText(gateway, ["Cookie: Authorization=Bearer amg_a"])],
      "of a proxy": [401, httpRequestText(gateway, ["Proxy-Authorization: Bearer amg_a"])],
      "in a trailer": [
        401,
        httpRequestText(
          gateway,
          ["Transfer-Encoding: chunked", "Trailer: Authorization"],
          `0\r\n${good}\r\n\r\n`,
        ),
      ],
      "two": [400, httpRequestText(gateway, [good, "authorization: Bearer amg_b"])],
      "two in one": [401, httpRequestText(gateway, [`${good}, Bearer amg_b`])],
      "of another scheme": [401, httpRequestText(gateway, ["Authorization: Basic amg_a"])],
      "forwarded": [
        401,
        httpRequestText(gateway, ["X-Forwarded-For: 127.0.0.1", "X-Forwarded-User: a"]),
      ],
      "of the figures": [401, httpRequestText(gateway, [`Authorization: Bearer ${METRICS_TOKEN}`])],
      "with both lengths": [
        400,
        httpRequestText(gateway, [good, "Content-Length: 5", "Transfer-Encoding: chunked"]),
      ],
      "with a foreign host": [400, httpRequestText(gateway, [good, "Host: evil.example"])],
      "with a foreign origin": [
        403,
        httpRequestText(gateway, [good, "Origin: https://evil.example"]),
      ],
      "in an absolute request": [
        404,
        httpRequestText(gateway, [good]).replace("/mcp", "http://evil.example/mcp"),
      ],
      "rightly": [200, httpRequestText(gateway, [good])],
      "rightly, in HTTP/1.0": [
        200,
        httpRequestText(gateway, [good]).replace("HTTP/1.1", "HTTP/1.0"),
      ],
    };
    for (const [what, [status, request]] of Object.entries(attempts)) {
      const answer = await sendRaw(portOf(gateway), request);
      assert.equal(answer.status, status, `${what}: ${answer.text}`);
      assert.equal(answer.text.match(/^HTTP\//mg)?.length, 1, what);
    }
    const agent = new HttpClient(gateway, "amg_a");
    assert.equal(
      await (await fetch(new URL("/metrics", agent.url), agent)).text().then((body) => {
        return /bearer token of GATEWAY_METRICS_TOKEN/.test(body);
      }),
      true,
      "nor does an agent's token open the figures",
    );
  });

  await t.step("[http.no-insides] names that look like header lines stay names", async () => {
    const crlf = "a\r\nSet-Cookie: x=y";
    assert.equal(
      await owner.callGatewayToolForOutcome("list_servers", { agent_id: crlf }),
      "INVALID_AGENT_ID",
    );
    const response = await owner.sendMessage({ id: crlf, method: "ping" });
    assert.equal(response.headers.get("set-cookie"), null);
    assert.equal((await response.json()).id, crlf);
    const token = await issuer.token({ claims: { agent: crlf } });
    assert.equal(await new HttpClient(gateway, token).openSession(), 403);
  });

  await t.step("[http.body-limit] 80 MB are refused before they are read", async () => {
    for (const [token, status] of [["amg_b", 413], ["amg_wrong", 401]] as const) {
      using connection = await RawConnection.open(portOf(gateway));
      const headers = [
        `Authorization: Bearer ${token}`,
        `Mcp-Session-Id: ${owner.sessionId}`,
        "Content-Length: 80000000",
      ];
      await connection.send(httpRequestText(gateway, headers, ""));
      assert.ok(await connection.readUntil((answer) => answer.includes("jsonrpc")));
      assert.equal(connection.answer.status, status);
    }
    assert.equal(await owner.callGatewayToolForOutcome("list_servers"), "ok");
  });

  await t.step(
    "[rules.credentials] guessing is slowed down, whatever address the client claims",
    async () => {
      const guesser = new HttpClient(gateway);
      let last: Response | undefined;
      for (let guess = 0; guess < 40 && last?.status !== 429; guess++) {
        guesser.token = `amg_guess${guess}`;
        last = await guesser.request("GET", { headers: { "x-forwarded-for": `10.0.0.${guess}` } });
        await last.body?.cancel();
      }
      assert.equal(last?.status, 429);
      assert.match(last?.headers.get("retry-after") ?? "", /^\d+$/);
      assert.equal(
        await owner.callGatewayToolForOutcome("list_servers"),
        "ok",
        "who has been let in before goes on",
      );
    },
  );

  await t.step("[http.audit] none of the secrets is written anywhere", () => {
    assert.ok(gateway.readAuditLog().some(({ code }) => code === "INVALID_AGENT_ID"));
    const written = gateway.program.stderr + JSON.stringify(gateway.readAuditLog());
    for (const secret of secrets) assert.equal(written.includes(secret), false);
    assert.doesNotMatch(written, /fault of the gateway/);
  });
});
