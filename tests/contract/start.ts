/** Contract: the start of a session, and failed starts of servers. */
import type { Script } from "./scripted_server.ts";
import assert from "node:assert/strict";
import {
  DownstreamFixture,
  expectFailure,
  readResultJson,
  type TransportUnderTest,
} from "./downstream_fixture.ts";
import { FakeClient } from "./fake_client.ts";

const REVISIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/** Scripts of servers that support only newer revisions, each with the expected error. */
const NEWER_SERVERS: readonly (readonly [string, Script, RegExp])[] = [
  [
    "a server that answers with a newer revision",
    { revision: "2027-03-01" },
    /: it speaks only MCP revision 2027-03-01, /,
  ],
  [
    "a server that names the revisions it supports",
    {
      refusals: {
        initialize: {
          code: -32022,
          message: "Unsupported protocol version",
          data: { supported: ["2028-01-01", "2027-03-01"], requested: "2025-11-25" },
        },
      },
    },
    /: it speaks only MCP revision 2028-01-01, 2027-03-01, /,
  ],
  [
    "a server that names no supported revision",
    { refusals: { initialize: { code: -32022, message: "Unsupported protocol version" } } },
    /: it speaks only newer MCP revisions, /,
  ],
  [
    "a server that does not know the method",
    { refusals: { initialize: { code: -32601, message: "Method not found" } } },
    /: it does not know the method initialize, so it probably speaks only an MCP revision after 2026-07-28, /,
  ],
];

export function describeStart(name: string, create: () => TransportUnderTest): void {
  for (const revision of REVISIONS) {
    Deno.test(`[sessions.handshake] ${name}: a server of revision ${revision} is supported`, async () => {
      await using fixture = new DownstreamFixture(create(), { script: { revision } });
      assert.match(readResultJson(await fixture.call("echo")), /"done"/);
      const [connection] = fixture.connections;
      assert.ok(connection !== undefined);
      const { params } = await connection.waitForMessage("initialize");
      assert.equal(params?.protocolVersion, "2025-11-25");
      assert.deepEqual(params?.clientInfo, { name: "agent-mcp-gateway", version: "1.2.3" });
      // In this order: no request may precede the `initialized` notification.
      const methods = connection.receivedMethods.filter((method) => method !== "server/discover");
      assert.deepEqual(methods, [
        "initialize",
        "notifications/initialized",
        "tools/list",
        "tools/call",
      ]);
    });
  }

  Deno.test(`[sessions.unknown-revision] ${name}: a server of an unknown revision is refused`, async () => {
    await using fixture = new DownstreamFixture(create(), { script: { revision: "1999-01-01" } });
    const message = await expectFailure(fixture.call("echo"));
    assert.match(message, /"1999-01-01", not one of 2025-11-25, .*2024-11-05/);
    const connection = await fixture.waitForConnection();
    await connection.ended;
    assert.equal(connection.countReceived("notifications/initialized"), 0);
  });

  for (const [description, script, expected] of NEWER_SERVERS) {
    Deno.test(`[sessions.newer-revision] ${name}: ${description} is refused`, async () => {
      await using fixture = new DownstreamFixture(create(), { script });
      const message = await expectFailure(fixture.call("echo"));
      assert.match(message, expected);
      assert.match(message, /, and this gateway speaks up to 2026-07-28\.$/);
    });
  }

  Deno.test(`[sessions.handshake] ${name}: the error of a server that refuses to start is quoted`, async () => {
    const script = { refusals: { initialize: "no licence" } };
    await using fixture = new DownstreamFixture(create(), { script });
    assert.match(await expectFailure(fixture.call("echo")), /it refused to initialize: no licence/);
  });

  const forwardable = { elicitation: { form: {}, url: {} }, roots: { listChanged: true } };
  const capabilities = { ...forwardable, sampling: { tools: {} }, experimental: { x: {} } };
  for (
    const [forward, declared] of [
      [["elicitation", "roots"], forwardable],
      [["sampling"], { sampling: { tools: {} } }],
      [[], {}],
    ] as const
  ) {
    const forwardedNames = forward.length === 0 ? "nothing" : forward.join(" and ");
    Deno.test(`[sessions.capabilities] ${name}: of the client's capabilities, the gateway declares ${forwardedNames}`, async () => {
      await using fixture = new DownstreamFixture(create(), { options: { forward } });
      await fixture.call("echo", { caller: new FakeClient("capable", capabilities).asAgent("a") });
      const { params } = await (await fixture.waitForConnection()).waitForMessage("initialize");
      assert.deepEqual(params?.capabilities, declared);
    });
  }

  Deno.test(`[sessions.capabilities] ${name}: capabilities that the client lacks, members that are unknown, and values that are not objects are not declared`, async () => {
    await using fixture = new DownstreamFixture(create());
    await fixture.call("echo", {
      caller: new FakeClient("plain", {
        roots: { x: 1 },
        elicitation: { form: "x", url: {}, x: {} },
        sampling: 1,
      }).asAgent("a"),
    });
    const { params } = await (await fixture.waitForConnection()).waitForMessage("initialize");
    assert.deepEqual(params?.capabilities, { roots: {}, elicitation: { url: {} } });
  });

  Deno.test(`[sessions.connect-timeout] ${name}: a server that is slow to start times out`, async () => {
    const script = { heldMethods: ["initialize"] };
    await using fixture = new DownstreamFixture(create(), {
      script,
      options: { connectTimeoutMs: 80 },
    });
    const message = await expectFailure(fixture.call("echo"));
    assert.match(message, /it did not answer within 80 ms of its start/);
    await (await fixture.waitForConnection()).ended;
    assert.equal(fixture.server.status().state, "broken");
  });

  Deno.test(`[sessions.failed-start] ${name}: the output of a server that ends immediately is quoted, and the start is tried again`, async () => {
    const script = { exits: "at-start", lastOutput: "no such database" } as const;
    await using fixture = new DownstreamFixture(create(), { script });
    const calls = [expectFailure(fixture.call("echo")), expectFailure(fixture.call("echo"))];
    for (const message of await Promise.all(calls)) {
      assert.match(message, /^Server "files" is not available: its connection ended\./);
      assert.ok(fixture.quotesOutput(message, "no such database"), message);
    }
    fixture.script = {};
    assert.match(readResultJson(await fixture.call("echo")), /"done"/);
    const { state, restarts, last_error } = fixture.server.status();
    assert.deepEqual({ state, restarts }, { state: "ready", restarts: 1 });
    assert.ok(fixture.quotesOutput(last_error ?? "", "no such database"), last_error ?? "");
  });

  Deno.test(`[sessions.start-guard] ${name}: after five failed starts, the next start is delayed`, async () => {
    let now = 0;
    const script = { refusals: { initialize: "no licence" } };
    await using fixture = new DownstreamFixture(create(), { script, now: () => now });
    const call = () => expectFailure(fixture.call("echo"));
    for (let start = 1; start <= 5; start++) {
      assert.doesNotMatch(await call(), /tried again/);
      assert.equal(fixture.connections.length, start);
    }
    // The first pause is 1 s and up to 20 % longer; each further pause is twice as long.
    const delayed = /tried again in 2 s\. Last failure: it refused to initialize: no licence/;
    assert.match(await call(), delayed);
    now = 999;
    assert.match(await call(), /tried again in 1 s/);
    assert.equal(fixture.connections.length, 5);
    // After the delay, one of two calls starts the server; the start fails, and the delay doubles.
    now = 1200;
    const sameAgent = new FakeClient("2", { ...fixture.client.capabilities }).asAgent("agent");
    await Promise.all([call(), expectFailure(fixture.call("echo", { caller: sameAgent }))]);
    assert.equal(fixture.connections.length, 6);
    now = 1200 + 1999;
    await call();
    assert.equal(fixture.connections.length, 6);
    now = 1200 + 2400;
    fixture.script = {};
    assert.match(readResultJson(await fixture.call("echo")), /"done"/);
    assert.equal(fixture.connections.length, 7);
  });
}
