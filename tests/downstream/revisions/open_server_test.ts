import assert from "node:assert/strict";
import { KnownRevision } from "../../../src/downstream/known_revision.ts";
import type { ServerInfo } from "../../../src/downstream/mod.ts";
import { expectFailure, readResultJson } from "../../contract/downstream_fixture.ts";
import { FakeClient } from "../../contract/fake_client.ts";
import {
  type Answer,
  answerEarlier,
  AnsweringServer,
  answerStateless,
  claimOf,
  complete,
  type ServedMessage,
  STATELESS_REVISION,
  UNKNOWN_METHOD,
} from "./answering_server.ts";

/** Each client has a session of its own. */
const SEPARATE = { isolation: "session" } as const;

const DAY_MS = 24 * 3_600_000;

function otherClient(name: string): ReturnType<FakeClient["asAgent"]> {
  return new FakeClient(name, { elicitation: { form: {}, url: {} } }).asAgent("agent");
}

Deno.test("[eras.probe] a server of revision 2026-07-28 is opened with server/discover, and never initialized", async () => {
  const server = new AnsweringServer((message) => answerStateless(message));
  await using fixture = server.fixture({ options: SEPARATE });
  assert.equal(readResultJson(await fixture.call("echo", { args: '{"a":1}' })), ECHOED);
  assert.equal(readResultJson(await fixture.call("echo", { args: '{"a":1}' })), ECHOED);
  await fixture.call("echo", { caller: otherClient("2") });
  assert.deepEqual(server.methods, [
    "server/discover",
    "tools/list",
    "tools/call",
    "tools/call",
    "server/discover",
    "tools/call",
  ]);
  const [discover] = server.received.all;
  assert.ok(discover !== undefined);
  assert.equal(claimOf(discover, "protocolVersion"), STATELESS_REVISION);
  assert.deepEqual(claimOf(discover, "clientInfo"), {
    name: "agent-mcp-gateway",
    version: "1.2.3",
  });
  assert.deepEqual(claimOf(discover, "clientCapabilities"), { elicitation: { form: {}, url: {} } });
});

const ECHOED = '{"content":[{"type":"text","text":"{\\"a\\":1}"}]}';

for (
  const [description, refusal] of [
    ["does not know the method", UNKNOWN_METHOD],
    ["has not been initialized", { error: { code: -32000, message: "Not initialized" } }],
    ["speaks only earlier revisions", { result: complete({ supportedVersions: ["2025-11-25"] }) }],
    ["answers with something else", { result: { content: [] } }],
  ] as readonly (readonly [string, Answer])[]
) {
  Deno.test(`[eras.probe] a server that ${description} is initialized on the same connection, and is not probed again`, async () => {
    const server = new AnsweringServer((message) => {
      return message.method === "server/discover" ? refusal : answerEarlier(message);
    });
    await using fixture = server.fixture({ options: SEPARATE });
    await fixture.call("echo");
    assert.equal(fixture.connections.length, 1);
    await fixture.call("echo", { caller: otherClient("2") });
    assert.deepEqual(server.methods, [
      "server/discover",
      "initialize",
      "tools/list",
      "tools/call",
      "initialize",
      "tools/call",
    ]);
  });
}

Deno.test("[eras.protocol] a server whose entry says legacy is not probed, and one whose entry says modern not initialized", async () => {
  const legacy = new AnsweringServer(answerEarlier);
  {
    await using fixture = legacy.fixture({ options: { protocol: "legacy" } });
    await fixture.call("echo");
    assert.equal(legacy.methods[0], "initialize");
  }
  const modern = new AnsweringServer(answerEarlier);
  await using fixture = modern.fixture({ options: { protocol: "modern" } });
  assert.match(
    await expectFailure(fixture.call("echo")),
    /it refused server\/discover: Method not found \(error -32601\), and "gateway\.protocol": "modern" of its entry allows only revision 2026-07-28/,
  );
  assert.deepEqual(modern.methods, ["server/discover"]);
});

Deno.test("[eras.protocol] a server of revision 2026-07-28 whose entry says legacy fails with the name of the setting", async () => {
  const server = new AnsweringServer((message) => answerStateless(message));
  await using fixture = server.fixture({ options: { protocol: "legacy" } });
  assert.match(
    await expectFailure(fixture.call("echo")),
    /it may speak only MCP revision 2026-07-28, which "gateway\.protocol": "legacy" of its entry excludes/,
  );
});

Deno.test("[eras.trouble] a server that exits when it is probed is started again, which is no failure", async () => {
  const server = new AnsweringServer((message) => {
    return message.method === "initialize" || message.connection > 0
      ? answerEarlier(message)
      : "exit";
  });
  await using fixture = server.fixture({ options: SEPARATE });
  await fixture.call("echo");
  assert.equal(fixture.connections.length, 2);
  const { state, restarts, last_error } = fixture.server.status();
  assert.deepEqual({ state, restarts, last_error }, {
    state: "ready",
    restarts: 0,
    last_error: null,
  });
  await fixture.call("echo", { caller: otherClient("2") });
  assert.equal(fixture.connections.length, 3);
  assert.equal(server.methods.filter((method) => method === "server/discover").length, 1);
  assert.deepEqual(fixture.log, []);
});

Deno.test("[eras.trouble] a server that exits after the probe and after initialize has failed once, and is started once at the next attempt", async () => {
  const server = new AnsweringServer(() => "exit");
  await using fixture = server.fixture();
  assert.match(await expectFailure(fixture.call("echo")), /its connection ended/);
  assert.equal(fixture.connections.length, 2);
  assert.match(await expectFailure(fixture.call("echo")), /its connection ended/);
  assert.equal(fixture.connections.length, 3);
  assert.deepEqual(server.methods, ["server/discover", "initialize", "initialize"]);
});

Deno.test("[eras.trouble] a server that ignores the probe is initialized behind it, and its late answer changes nothing", async () => {
  const server = new AnsweringServer((message) => {
    return message.method === "server/discover" ? undefined : answerEarlier(message);
  });
  await using fixture = server.fixture({ options: { connectTimeoutMs: 400 } });
  await fixture.call("echo");
  assert.equal(fixture.connections.length, 1);
  const probe = await server.waitFor("server/discover");
  const { result } = answerStateless({ method: "server/discover" }) as { result: object };
  server.send({ id: probe.id, result });
  await fixture.call("echo");
  // No other message may come between `initialize` and its confirmation.
  assert.deepEqual(server.received.all.map(({ method }) => method), [
    "server/discover",
    "initialize",
    "notifications/initialized",
    "tools/list",
    "tools/call",
    "tools/call",
  ]);
  assert.deepEqual(fixture.log, []);
});

Deno.test("[eras.trouble] a server of revision 2026-07-28 that is slow to start is recognized by its late answer", async () => {
  let probe: ServedMessage | undefined;
  const server = new AnsweringServer((message, { send }) => {
    if (message.method === "server/discover") {
      probe = message;
      return undefined;
    }
    if (message.method !== "initialize") return answerStateless(message);
    // It answers in the order of the requests, and refuses `initialize`.
    send.call(server, {
      id: probe?.id,
      ...answerStateless({ method: "server/discover" }) as object,
    });
    return { error: { code: -32022, message: "Unsupported protocol version" } };
  });
  await using fixture = server.fixture({ options: { connectTimeoutMs: 400 } });
  assert.equal(readResultJson(await fixture.call("echo", { args: '{"a":1}' })), ECHOED);
  assert.equal(
    server.received.all.some(({ method }) => method === "notifications/initialized"),
    false,
  );
});

Deno.test("[eras.trouble] a server that floods its output when it is probed works", async () => {
  const server = new AnsweringServer((message) => {
    if (message.method !== "server/discover") return answerEarlier(message);
    for (let line = 0; line < 2000; line++) server.sendText(`unknown method ${line}`);
    return UNKNOWN_METHOD;
  });
  await using fixture = server.fixture();
  await fixture.call("echo");
  assert.equal(fixture.connections.length, 1);
});

Deno.test("[eras.probe] a server that was updated to revision 2026-07-28 is probed anew, and so is one that went back", async () => {
  const server = new AnsweringServer(answerEarlier);
  await using fixture = server.fixture({ options: SEPARATE });
  await fixture.call("echo");
  server.answer = (message) => answerStateless(message);
  const answer = await fixture.call("echo", { caller: otherClient("2"), args: '{"a":1}' });
  assert.equal(readResultJson(answer), ECHOED);
  server.answer = answerEarlier;
  await fixture.call("echo", { caller: otherClient("3") });
  assert.deepEqual(server.methods.filter((method) => !method.startsWith("tools/")), [
    "server/discover",
    "initialize",
    "initialize",
    "server/discover",
    "server/discover",
    "initialize",
  ]);
  assert.equal(fixture.server.status().last_error, null);
});

Deno.test("[eras.probe] a server is probed again 7 days after it was probed, however often it was started since", async () => {
  for (const [ageMs, isKnown] of [[6.9 * DAY_MS, true], [7.1 * DAY_MS, false]] as const) {
    const probedAt = Date.now() - ageMs;
    const head = { info: { revision: "2025-06-18" }, probedAt };
    const known = new KnownRevision(() => Promise.resolve(head));
    let assumed: unknown;
    await known.open("{}", async (find) => {
      assumed = await find();
      return { revision: "2025-11-25" } as ServerInfo;
    });
    assert.deepEqual(assumed, isKnown ? { revision: "2025-06-18", probedAt } : undefined);
    assert.equal(known.probedAt === probedAt, isKnown);
  }
});
