import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Authenticator } from "../../../src/gateway/http/mod.ts";
import { limitPipelining } from "../../../src/gateway/http/pipelining.ts";
import { RequestTurns } from "../../../src/gateway/http/request_turns.ts";
import { waitUntil } from "../../e2e/wait.ts";
import { HttpFixture, request } from "./http_fixture.ts";
import { postText, RawConnection, sendRaw } from "./raw_http.ts";

/** Number of requests that start without a wait. */
const FREE_COUNT = 8;

/** Takes turns and records which requests start, in their order. */
class RecordedTurns {
  readonly turns = new RequestTurns();
  readonly started: string[] = [];
  readonly dropped: string[] = [];
  readonly #pending: Promise<void>[] = [];

  take(party: string, connection: string, count: number): void {
    for (let number = 0; number < count; number++) {
      this.#pending.push(this.#take(party, connection));
    }
  }

  async settle(): Promise<void> {
    await Promise.all(this.#pending);
  }

  async #take(party: string, connection: string): Promise<void> {
    const mayStart = await this.turns.take({ party, connection });
    (mayStart ? this.started : this.dropped).push(connection);
  }
}

function nextEventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

Deno.test("[http.turns] at most eight requests start in a turn of the event loop", async () => {
  const recorded = new RecordedTurns();
  recorded.take("network a", "a1", 5 * FREE_COUNT);
  const counts: number[] = [];
  while (recorded.started.length < 5 * FREE_COUNT) {
    const countBefore = recorded.started.length;
    await nextEventLoopTurn();
    counts.push(recorded.started.length - countBefore);
  }
  assert.ok(counts.every((count) => count <= 2 * FREE_COUNT), String(counts));
  assert.ok(counts.length >= 4, String(counts));
  await recorded.settle();
});

Deno.test("[http.turns] a pause four times as long follows the short requests of a flood", async () => {
  const turns = new RequestTurns();
  const startedAt = performance.now();
  let workedMs = 0;
  await Promise.all(Array.from({ length: 6 * FREE_COUNT }, async () => {
    await turns.take({ party: "network a", connection: "a1" });
    const workedAt = performance.now();
    while (performance.now() < workedAt + 0.5);
    workedMs += performance.now() - workedAt;
  }));
  assert.ok(performance.now() - startedAt > 3 * workedMs, String(workedMs));
});

Deno.test("[http.turns] networks take turns, and so do the connections of each", async () => {
  const recorded = new RecordedTurns();
  recorded.take("network a", "a1", FREE_COUNT + 4);
  recorded.take("network a", "a2", 2);
  recorded.take("network b", "b1", 2);
  await recorded.settle();
  assert.deepEqual(recorded.started.slice(FREE_COUNT), [
    ...["a1", "b1", "a2", "b1"],
    ...["a1", "a2", "a1", "a1"],
  ]);
});

Deno.test("[http.turns] the waiting requests of a closed connection are dropped", async () => {
  const recorded = new RecordedTurns();
  recorded.take("network a", "a1", FREE_COUNT);
  recorded.take("network a", "a2", 3);
  recorded.take("network b", "a2", 1);
  recorded.take("network b", "b1", 1);
  recorded.turns.drop("a2");
  await recorded.settle();
  assert.deepEqual(recorded.started.slice(FREE_COUNT), ["b1"]);
  assert.deepEqual(recorded.dropped, ["a2", "a2", "a2", "a2"]);
});

const FLOOD = "192.0.2.1";
const OTHER = "198.51.100.1";
const TOKEN = "Bearer amg_other";

/** A service behind a trusted proxy; records the addresses of requests in the order in which they are authenticated. */
async function openRecordingService() {
  const addresses: string[] = [];
  const acceptedTokens = new Set([TOKEN]);
  const authenticator: Authenticator = {
    requiresCredential: true,
    authenticate: ({ authorization, address }) => {
      addresses.push(address);
      return Promise.resolve(
        acceptedTokens.has(authorization ?? "")
          ? { kind: "credential", credential: { id: "other", agent: "other" } }
          : { kind: "refused", status: 401, message: "no" },
      );
    },
    isValid: () => true,
  };
  const settings = { trustedProxies: ["127.0.0.1"] };
  return {
    fixture: await HttpFixture.open({ authenticator, settings }),
    addresses,
    acceptedTokens,
  };
}

function post(port: number, address: string, headers: Record<string, string> = {}): string {
  const body = JSON.stringify(request("initialize"));
  return postText(port, { headers: { "x-forwarded-for": address, ...headers }, body });
}

Deno.test("[http.turns] the request of another network waits for one request of a flood, and not for all", async () => {
  const { fixture, addresses } = await openRecordingService();
  await using _ = fixture;
  using connection = await RawConnection.open(fixture.port);
  await connection.send(post(fixture.port, FLOOD).repeat(15) + post(fixture.port, OTHER));
  await waitUntil("all requests are authenticated", () => addresses.length === 16);
  assert.equal(addresses.indexOf(OTHER), FREE_COUNT + 1);
});

Deno.test("[http.turns] a message with a credential does not wait for a flood if the credential was accepted last", async () => {
  const { fixture, addresses, acceptedTokens } = await openRecordingService();
  await using _ = fixture;
  const headers = { authorization: TOKEN };
  const single = post(fixture.port, OTHER, { ...headers, connection: "close" });
  const findPositionInFlood = async () => {
    addresses.length = 0;
    using connection = await RawConnection.open(fixture.port);
    const flood = post(fixture.port, FLOOD).repeat(15);
    await connection.send(flood + post(fixture.port, OTHER, headers));
    await waitUntil("all requests are authenticated", () => addresses.length === 16);
    return addresses.indexOf(OTHER);
  };
  assert.equal((await sendRaw(fixture.port, single)).status, 200);
  assert.equal(await findPositionInFlood(), FREE_COUNT);
  acceptedTokens.clear();
  assert.equal((await sendRaw(fixture.port, single)).status, 401);
  assert.equal(await findPositionInFlood(), FREE_COUNT + 1);
});

Deno.test("[http.turns] the waiting requests of a connection that is closed are not handled", async () => {
  const { fixture, addresses } = await openRecordingService();
  await using _ = fixture;
  await sendRaw(fixture.port, post(fixture.port, FLOOD).repeat(17));
  const headers = { authorization: TOKEN, connection: "close" };
  const { status } = await sendRaw(fixture.port, post(fixture.port, OTHER, headers));
  assert.equal(status, 200);
  assert.deepEqual(addresses, [...Array(FREE_COUNT).fill(FLOOD), OTHER]);
});

for (
  const { description, text } of [
    { description: "requests", text: "GET / HTTP/1.1\r\nHost: a\r\n\r\n" },
    {
      description: "requests with bodies",
      text: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
    },
    { description: "requests without a host", text: "GET / HTTP/1.1\r\n\r\n" },
  ]
) {
  Deno.test(`[http.smuggling] of a thousand pipelined ${description}, no more are parsed than the limit and one`, async () => {
    let parsedCount = 0;
    let requestCount = 0;
    const server = createServer(() => requestCount += 1);
    server.on("connection", (socket: Socket) => {
      limitPipelining(socket, () => ++parsedCount <= 16);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    using connection = await RawConnection.open((server.address() as AddressInfo).port);
    await connection.send(text.repeat(1000));
    await connection.readAll();
    assert.equal(parsedCount, 17);
    assert.equal(requestCount, text.includes("Host") ? 16 : 0);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
}
