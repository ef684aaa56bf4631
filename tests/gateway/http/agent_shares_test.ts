import assert from "node:assert/strict";
import { waitUntil } from "../../e2e/wait.ts";
import { AuthenticatorFixture, sha256 } from "./authenticator_fixture.ts";
import {
  EventReader,
  type FixtureSession,
  HttpFixture,
  type HttpFixtureOptions,
  request,
} from "./http_fixture.ts";
import { postText, RawConnection } from "./raw_http.ts";

const MB = 1_000_000;

/** Opens a service for the agents `first` and `second`. */
async function openFixture(options: HttpFixtureOptions): Promise<HttpFixture> {
  const { authenticator } = await AuthenticatorFixture.open({
    agents: {
      first: { token_sha256: [sha256("amg_first")] },
      second: { token_sha256: [sha256("amg_second")] },
    },
  });
  return await HttpFixture.open({ authenticator, ...options });
}

function openSession(fixture: HttpFixture, agent: string): Promise<FixtureSession> {
  return fixture.initialize({ authorization: `Bearer amg_${agent}` });
}

/** Requests an answer of a size, and reads only its beginning. */
async function requestUnread(
  fixture: HttpFixture,
  { headers }: FixtureSession,
  size: number,
): Promise<RawConnection> {
  const connection = await RawConnection.open(fixture.port);
  const body = JSON.stringify(request("fill", 1, { size }));
  await connection.send(
    postText(fixture.port, { headers: { connection: "close", ...headers }, body }),
  );
  assert.ok(await connection.readUntil((text) => text.includes("200 OK")));
  return connection;
}

async function receivesAll(connection: RawConnection, size: number): Promise<boolean> {
  return (await connection.readAll()).text.length > size;
}

for (
  const { title, maxMemory, allQueuedBytes } of [
    { title: "all clients", maxMemory: 400 * MB, allQueuedBytes: 50 * MB },
    { title: "their agent", maxMemory: 120 * MB, allQueuedBytes: 400 * MB },
  ]
) {
  Deno.test(`[http.slow-readers-share] unread answers beyond the limit of ${title} disconnect the oldest client of the agent that holds the most, and no client of another agent`, async () => {
    await using fixture = await openFixture({ maxMemory, limits: { allQueuedBytes } });
    const size = 20 * MB;
    using slow = await requestUnread(fixture, await openSession(fixture, "second"), size);
    const first = await openSession(fixture, "first");
    using oldest = await requestUnread(fixture, first, size);
    using newest = await requestUnread(fixture, first, size);
    assert.equal(await receivesAll(oldest, size), false);
    assert.equal(await receivesAll(slow, size), true);
    assert.equal(await receivesAll(newest, size), true);
  });
}

Deno.test("[http.resume-share] kept messages of one agent's sessions displace no messages that are kept for another agent", async () => {
  await using fixture = await openFixture({
    limits: { streamAfterMs: 20, maxReplayChars: 4000, maxTotalReplayChars: 10_000 },
  });
  const second = await openSession(fixture, "second");
  const reader = new EventReader(
    await second.post(request("wait"), { "mcp-protocol-version": "2025-11-25" }),
  );
  const lastEventId = (await reader.nextEvent())?.id ?? "";
  await reader.cancel();
  for (let count = 0; count < 4; count++) {
    const first = await openSession(fixture, "first");
    const firstReader = new EventReader(await first.post(request("flood", 1, { size: 60 })));
    await firstReader.nextMessage();
    await firstReader.cancel();
  }
  const [secondSession] = fixture.gatewaySessions;
  await waitUntil("the call arrives", () => secondSession?.heldCalls.length === 1);
  const result = { came: "meanwhile".repeat(100) };
  secondSession?.heldCalls.forEach((call) => call.reply(result));
  const response = await second.get({ "last-event-id": lastEventId });
  assert.equal(response.status, 200);
  const [answer = ""] = await new EventReader(response).remainingMessages();
  assert.deepEqual(JSON.parse(answer).result, result);
});

Deno.test("[http.session-share] an agent that opens sessions without end ends no idle session of another agent", async () => {
  await using fixture = await openFixture({
    settings: { maxSessions: 4 },
    limits: { evictableAfterMs: 0 },
  });
  const second = await openSession(fixture, "second");
  for (let count = 0; count < 8; count++) await openSession(fixture, "first");
  const response = await second.post(request("fill", 1, { size: 1 }));
  assert.equal(response.status, 200);
  await response.text();
});
