import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { sha256 } from "../gateway/http/authenticator_fixture.ts";
import { createKey, Issuer } from "../gateway/http/issuer.ts";
import { RawConnection, sendRaw } from "../gateway/http/raw_http.ts";
import { type RunningGateway, startGateway } from "./gateway.ts";
import { withTimeout } from "./wait.ts";
import { HttpClient } from "./http_client.ts";

const RULES_FILE = ".mcp-gateway-rules.json";
const METRICS_TOKEN = "metrics-token-of-this-test";
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

/** Opens the SSE stream of a client; `content` resolves to all text of the stream when the gateway has ended it. */
async function openStream(client: HttpClient): Promise<{ readonly content: Promise<string> }> {
  const response = await client.request("GET");
  assert.equal(response.status, 200);
  return { content: response.text() };
}

/** Returns a client with an open session. */
async function openSession(gateway: RunningGateway, token: string): Promise<HttpClient> {
  const client = new HttpClient(gateway, token);
  assert.equal(await client.openSession(), 200);
  return client;
}

function portOf(gateway: RunningGateway): number {
  return Number(new URL(gateway.url).port);
}

/** Text of an HTTP request that POSTs to the gateway, with headers that the attacker adds. */
function httpRequestText(
  gateway: RunningGateway,
  headers: readonly string[],
  body = INITIALIZE,
): string {
  const requiredHeaders = [`Host: 127.0.0.1:${portOf(gateway)}`, "Content-Type: application/json"];
  const lengthHeader = headers.some((header) => /^(content-length|transfer-encoding)/i.test(header))
    ? []
    : [`Content-Length: ${body.length}`];
  return [
    "POST /mcp HTTP/1.1",
    ...requiredHeaders,
    "Connection: close",
    ...headers,
    ...lengthHeader,
    "",
    body,
  ]
    .join("\r\n");
}

Deno.test("attacks on a gateway with tokens and JWTs", async (t) => {
  await using issuer = await Issuer.open();
  const makeRules = (removedAgents: readonly string[] = []) => ({
    agents: Object.fromEntries(
      ["a", "b", "c"].filter((agent) => !removedAgents.includes(agent)).map((agent) => {
        return [agent, { token_sha256: [sha256(`amg_${agent}`)], allow: { servers: ["*"] } }];
      }),
    ),
    auth: { jwt: issuer.jwtRules() },
  });
  await using gateway = await startGateway({
    rules: makeRules(),
    transport: "http",
    initialize: false,
    env: { GATEWAY_METRICS_TOKEN: METRICS_TOKEN, GATEWAY_LOG_LEVEL: "debug" },
  });
  const owner = await openSession(gateway, "amg_b");
  const secrets = ["amg_a", "amg_b", "amg_c", METRICS_TOKEN, owner.sessionId];

  await t.step(
    "[http.stolen-session] other credentials cannot use, read or end a session",
    async () => {
      const stream = await openStream(owner);
      for (
        const token of [
          "amg_a",
          await issuer.createToken(),
          await issuer.createToken({ claims: { agent: "b" } }),
        ]
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
      assert.equal(await withTimeout("the stream ends", stream.content), "");
      assert.equal(await owner.openSession(), 200);
      secrets.push(owner.sessionId);
    },
  );

  await t.step(
    "[http.resume] forged event ids are refused, and the session can open streams afterwards",
    async () => {
      for (
        const forged of ["1-0", "7-1", "0", "-1-0", "0-1e5", `1-${"9".repeat(40)}`, "0-0, 1-0"]
      ) {
        assert.equal(await owner.requestStatus("GET", { "last-event-id": forged }), 400, forged);
      }
      const first = await openStream(owner);
      const second = await openStream(owner);
      assert.equal(await withTimeout("a second stream ends the first one", first.content), "");
      assert.equal(await owner.requestStatus("DELETE"), 204);
      await withTimeout("the second stream ends with the session", second.content);
      assert.equal(await owner.openSession(), 200);
    },
  );

  await t.step("[rules.credentials] forged, foreign and expired JWTs are refused", async () => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer.url, aud: "gateway", sub: "user", agent: "a", exp: now + 60 };
    const [key] = issuer.keys;
    assert.ok(key);
    const hmacInput = `${encodeJwtPart({ alg: "HS256", kid: key.kid, typ: "JWT" })}.${
      encodeJwtPart(claims)
    }`;
    const secret = JSON.stringify(key.publicJwk);
    const validToken = await issuer.createToken();
    const [head, , signature] = validToken.split(".");
    const invalidTokens = {
      "no algorithm": `${encodeJwtPart({ alg: "none" })}.${encodeJwtPart(claims)}.`,
      "no algorithm, a signature": `${encodeJwtPart({ alg: "none" })}.${
        encodeJwtPart(claims)
      }.${signature}`,
      "the public key as a secret": `${hmacInput}.${
        createHmac("sha256", secret).update(hmacInput).digest("base64url")
      }`,
      "other claims": `${head}.${encodeJwtPart({ ...claims, agent: "b" })}.${signature}`,
      "another key": await issuer.createToken({ key: await createKey(key.kid) }),
      "a key in its own header": await issuer.createToken({
        key: await createKey("own"),
        header: { jwk: key.publicJwk, jku: `${issuer.url}/evil` },
      }),
      "expired": await issuer.createToken({ claims: { exp: now - 60 } }),
      "not valid yet": await issuer.createToken({ claims: { nbf: now + 600 } }),
      "for another audience": await issuer.createToken({ claims: { aud: "another" } }),
      "from another issuer": await issuer.createToken({ claims: { iss: "https://evil.example" } }),
      "without an expiry": await issuer.createToken({ claims: { exp: undefined } }),
    };
    for (const [attack, token] of Object.entries(invalidTokens)) {
      assert.equal(await new HttpClient(gateway, token).openSession(), 401, attack);
    }
    assert.equal(issuer.requestedPaths.includes("/evil"), false);
    assert.equal(await new HttpClient(gateway, validToken).openSession(), 200);
    secrets.push(validToken, ...Object.values(invalidTokens));
  });

  await t.step(
    "[http.credential-end] when a JWT expires, it is refused and its streams end",
    async () => {
      // The gateway allows five seconds of clock difference, so this token expires in three seconds.
      const exp = Math.floor(Date.now() / 1000) - 2;
      const token = await issuer.createToken({ claims: { exp } });
      const client = await openSession(gateway, token);
      const stream = await openStream(client);
      await withTimeout("the stream ends with its token", stream.content);
      assert.equal(await client.callGatewayToolForOutcome("list_servers"), 401);
      assert.equal(
        await new HttpClient(gateway, token).openSession(),
        401,
        "an expired token opens no session",
      );
      const renewed = new HttpClient(gateway, await issuer.createToken());
      renewed.sessionId = client.sessionId;
      assert.equal(await renewed.callGatewayToolForOutcome("list_servers"), 404);
    },
  );

  await t.step("[http.credential-end] a removed agent loses access immediately", async () => {
    const tokenClient = await openSession(gateway, "amg_c");
    const jwtClient = await openSession(
      gateway,
      await issuer.createToken({ claims: { agent: "c" } }),
    );
    const streams = [await openStream(tokenClient), await openStream(jwtClient)];
    gateway.setup.writeFile(RULES_FILE, makeRules(["c"]));
    assert.deepEqual(
      await withTimeout(
        "the streams of the removed agent end",
        Promise.all(streams.map(({ content }) => content)),
      ),
      [
        "",
        "",
      ],
    );
    assert.deepEqual([
      await tokenClient.callGatewayToolForOutcome("list_servers"),
      await jwtClient.callGatewayToolForOutcome("list_servers"),
    ], [
      401,
      403,
    ]);
    assert.deepEqual([await tokenClient.openSession(), await jwtClient.openSession()], [401, 403]);
    assert.equal(
      await owner.callGatewayToolForOutcome("list_servers"),
      "ok",
      "other agents keep their sessions",
    );
  });

  await t.step(
    "[http.credential] a credential counts only in a single Authorization header",
    async () => {
      const validHeader = "Authorization: Bearer amg_a";
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
            `0\r\n${validHeader}\r\n\r\n`,
          ),
        ],
        "in two headers": [
          400,
          httpRequestText(gateway, [validHeader, "authorization: Bearer amg_b"]),
        ],
        "twice in one header": [401, httpRequestText(gateway, [`${validHeader}, Bearer amg_b`])],
        "of another scheme": [401, httpRequestText(gateway, ["Authorization: Basic amg_a"])],
        "in forwarding headers": [
          401,
          httpRequestText(gateway, ["X-Forwarded-For: 127.0.0.1", "X-Forwarded-User: a"]),
        ],
        "the metrics token": [
          401,
          httpRequestText(gateway, [`Authorization: Bearer ${METRICS_TOKEN}`]),
        ],
        "with both lengths": [
          400,
          httpRequestText(gateway, [
            validHeader,
            "Content-Length: 5",
            "Transfer-Encoding: chunked",
          ]),
        ],
        "with a foreign host": [400, httpRequestText(gateway, [validHeader, "Host: evil.example"])],
        "with a foreign origin": [
          403,
          httpRequestText(gateway, [validHeader, "Origin: https://evil.example"]),
        ],
        "in an absolute request": [
          404,
          httpRequestText(gateway, [validHeader]).replace("/mcp", "http://evil.example/mcp"),
        ],
        "correctly": [200, httpRequestText(gateway, [validHeader])],
        "correctly, in HTTP/1.0": [
          200,
          httpRequestText(gateway, [validHeader]).replace("HTTP/1.1", "HTTP/1.0"),
        ],
      };
      for (const [attempt, [status, request]] of Object.entries(attempts)) {
        const answer = await sendRaw(portOf(gateway), request);
        assert.equal(answer.status, status, `${attempt}: ${answer.text}`);
        assert.equal(answer.text.match(/^HTTP\//mg)?.length, 1, attempt);
      }
      // The token of an agent does not give access to the metrics.
      const { headers } = new HttpClient(gateway, "amg_a");
      const response = await fetch(new URL("/metrics", gateway.url), { headers });
      assert.match(await response.text(), /bearer token of GATEWAY_METRICS_TOKEN/);
    },
  );

  await t.step("[http.no-insides] names with line breaks do not add header lines", async () => {
    const crlf = "a\r\nSet-Cookie: x=y";
    assert.equal(
      await owner.callGatewayToolForOutcome("list_servers", { agent_id: crlf }),
      "INVALID_AGENT_ID",
    );
    const response = await owner.sendMessage({ id: crlf, method: "ping" });
    assert.equal(response.headers.get("set-cookie"), null);
    assert.equal((await response.json()).id, crlf);
    const token = await issuer.createToken({ claims: { agent: crlf } });
    assert.equal(await new HttpClient(gateway, token).openSession(), 403);
  });

  await t.step("[http.body-limit] a body of 80 MB is refused before it is read", async () => {
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
    "[rules.credentials] guessing tokens is limited, whatever address the client claims",
    async () => {
      const guesser = new HttpClient(gateway);
      let response: Response | undefined;
      for (let guess = 0; guess < 40 && response?.status !== 429; guess++) {
        guesser.token = `amg_guess${guess}`;
        const headers = { "x-forwarded-for": `10.0.0.${guess}` };
        response = await guesser.request("GET", { headers });
        await response.body?.cancel();
      }
      assert.equal(response?.status, 429);
      assert.match(response?.headers.get("retry-after") ?? "", /^\d+$/);
      assert.equal(
        await owner.callGatewayToolForOutcome("list_servers"),
        "ok",
        "a credential that was accepted before still works",
      );
    },
  );

  await t.step("[http.audit] neither the log nor the audit log contains a secret", () => {
    assert.ok(gateway.readAuditLog().some(({ code }) => code === "INVALID_AGENT_ID"));
    const logs = gateway.program.stderr + JSON.stringify(gateway.readAuditLog());
    for (const secret of secrets) assert.equal(logs.includes(secret), false);
    assert.doesNotMatch(logs, /fault of the gateway/);
  });
});
