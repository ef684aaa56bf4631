import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { Connections } from "../../../src/gateway/http/connections.ts";
import { EventReader, HttpFixture, request } from "./http_fixture.ts";
import { RawConnection } from "./raw_http.ts";

const LIMIT = 5;

function openFixture(): Promise<HttpFixture> {
  return HttpFixture.open({ limits: { connections: LIMIT, streamAfterMs: 20 } });
}

/** Opens a connection that is idle after its first request. */
async function openIdle(port: number): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  await connection.send(`GET /health HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  assert.ok(await connection.readUntil((text) => text.includes("200 OK")));
  return connection;
}

Deno.test("[http.connections-limit] at the limit of connections, a new one is answered, and the connection that has been idle the longest is closed", async () => {
  await using fixture = await openFixture();
  const connections: RawConnection[] = [];
  for (let count = 0; count < LIMIT; count++) connections.push(await openIdle(fixture.port));
  connections.push(await openIdle(fixture.port));
  const [oldest, ...others] = connections;
  await oldest?.readAll();
  for (const other of others) {
    await other.send(`GET /ready HTTP/1.1\r\nHost: 127.0.0.1:${fixture.port}\r\n\r\n`);
    assert.ok(await other.readUntil((text) => text.split("200 OK").length === 3));
  }
  for (const connection of connections) connection[Symbol.dispose]();
});

Deno.test("[http.connections-limit] at the limit of connections, a connection with an active request stays open", async () => {
  await using fixture = await openFixture();
  const session = await fixture.initialize();
  const reader = new EventReader(
    await session.post(request("wait"), { "mcp-protocol-version": "2025-11-25" }),
  );
  await reader.nextEvent();
  for (let count = 0; count < 2 * LIMIT; count++) {
    using _connection = await openIdle(fixture.port);
  }
  fixture.gatewaySessions[0]?.heldCalls.forEach((call) => call.reply({ done: true }));
  assert.deepEqual(JSON.parse((await reader.nextMessage())?.data ?? "").result, { done: true });
  await reader.cancel();
});

/** A socket of a client, without a connection. */
class FakeSocket extends EventEmitter {
  readonly remoteAddress: string;
  readonly remotePort: number;

  constructor(address: string, port: number) {
    super();
    this.remoteAddress = address;
    this.remotePort = port;
  }

  destroy(): void {
    this.emit("close");
  }
}

Deno.test("[http.connections-limit] at the limit of connections, an idle connection of the network with the most connections is closed", () => {
  const connections = new Connections(4);
  const closed: string[] = [];
  const open = (address: string, port: number): Socket => {
    const socket = new FakeSocket(address, port) as unknown as Socket;
    socket.on("close", () => closed.push(`${address} ${port}`));
    connections.add(socket);
    return socket;
  };
  open("192.0.2.1", 1);
  const active = open("2001:db8::1", 2);
  open("2001:db8::2", 3);
  open("::ffff:192.0.2.2", 4);
  connections.beginRequest({ socket: active, complete: true } as IncomingMessage);
  open("192.0.2.3", 5);
  assert.deepEqual(closed, ["2001:db8::2 3"]);
  open("192.0.2.4", 6);
  assert.deepEqual(closed, ["2001:db8::2 3", "192.0.2.1 1"]);
  assert.equal(connections.count, 4);
});
