import assert from "node:assert/strict";
import { waitUntil } from "../../e2e/wait.ts";
import { AuthenticatorFixture, sha256 } from "./authenticator_fixture.ts";
import { type FixtureSession, HttpFixture, request } from "./http_fixture.ts";
import { postText, RawConnection, sendRaw } from "./raw_http.ts";

/** An HTTP service with a limit of connections, and agents that send requests on connections of their own. */
class SharedService implements AsyncDisposable {
  readonly #fixture: HttpFixture;
  readonly #sessions = new Map<string, FixtureSession>();
  readonly #opened: RawConnection[] = [];
  #callCount = 0;

  private constructor(fixture: HttpFixture) {
    this.#fixture = fixture;
  }

  static async open(
    connections: number,
    agents: readonly string[],
  ): Promise<SharedService> {
    const { authenticator } = await AuthenticatorFixture.open({
      agents: Object.fromEntries(
        agents.map((agent) => [agent, { token_sha256: [sha256(`amg_${agent}`)] }]),
      ),
    });
    const fixture = await HttpFixture.open({ authenticator, limits: { connections } });
    const service = new SharedService(fixture);
    for (const agent of agents) {
      const headers = { authorization: `Bearer amg_${agent}` };
      service.#sessions.set(agent, await fixture.initialize(headers));
    }
    return service;
  }

  /** Opens a connection with a call that is not answered yet. */
  async openCall(agent: string): Promise<RawConnection> {
    const connection = await this.#connect();
    await connection.send(this.#post(agent, request("wait", ++this.#callCount), {}));
    await waitUntil("the call arrives", () => this.#heldCalls.length === this.#callCount);
    return connection;
  }

  /** Opens a connection with a request whose body does not arrive whole. */
  async openPartialBody(agent: string): Promise<RawConnection> {
    const connection = await this.#connect();
    const headers = { expect: "100-continue" };
    await connection.send(this.#post(agent, undefined, { headers, missingBytes: 60_000 }));
    await connection.readUntil((text) => text.startsWith("HTTP/1.1 100 Continue"));
    return connection;
  }

  /** Sends a request on a new connection, and returns the status of the response; 0 if there is none. */
  async requestStatus(agent?: string): Promise<number> {
    const { port } = this.#fixture;
    const headers = { connection: "close" };
    const text = agent === undefined
      ? `GET /health HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`
      : this.#post(agent, request("echo", "e"), { headers });
    return (await sendRaw(port, text)).status;
  }

  /** Answers all calls. */
  answerCalls(): void {
    for (const call of this.#heldCalls) call.reply({ done: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#opened) connection[Symbol.dispose]();
    await this.#fixture[Symbol.asyncDispose]();
  }

  /** Statuses and reasons of the refused requests. */
  get refused(): readonly string[] {
    return this.#fixture.refused;
  }

  get #heldCalls() {
    return this.#fixture.gatewaySessions.flatMap(({ heldCalls }) => heldCalls);
  }

  async #connect(): Promise<RawConnection> {
    const connection = await RawConnection.open(this.#fixture.port);
    this.#opened.push(connection);
    return connection;
  }

  #post(
    agent: string,
    message: unknown,
    { headers, missingBytes = 0 }: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly missingBytes?: number;
    },
  ): string {
    const session = this.#sessions.get(agent) ?? assert.fail();
    const body = message === undefined ? "" : JSON.stringify(message);
    return postText(this.#fixture.port, {
      headers: { ...session.headers, ...headers },
      body,
      missingBytes,
    });
  }
}

async function isAnswered(connection: RawConnection): Promise<boolean> {
  return await connection.readUntil((text) => text.includes('"done":true'));
}

Deno.test("[tenants.connections] an agent whose active requests use its share of the connections gets 503 for the next one, and a call of another agent is answered", async () => {
  await using service = await SharedService.open(8, ["first", "second"]);
  for (let count = 0; count < 6; count++) await service.openCall("first");
  assert.equal(await service.requestStatus("first"), 503);
  assert.equal(await service.requestStatus("second"), 200);
  assert.deepEqual(service.refused, ["503 connections"]);
  service.answerCalls();
  await waitUntil("the agent has its share again", async () => {
    return await service.requestStatus("first") === 200;
  });
});

Deno.test("[tenants.connections] an agent with partial bodies on a quarter of the connections gets 503 for the next one, and its whole bodies are read", async () => {
  await using service = await SharedService.open(16, ["first", "second"]);
  for (let count = 0; count < 4; count++) await service.openPartialBody("first");
  const refused = await service.openPartialBody("first");
  assert.ok(await refused.readUntil((text) => text.includes("503 Service Unavailable")));
  assert.match(refused.answer.text, /^retry-after: 5/im);
  assert.equal(await service.requestStatus("first"), 200);
  const other = await service.openPartialBody("second");
  assert.doesNotMatch(other.answer.text, /503/);
});

for (
  const { title, hasPartialBody } of [
    { title: "a connection whose body has not arrived whole", hasPartialBody: true },
    { title: "the connection that has been active the longest", hasPartialBody: false },
  ]
) {
  Deno.test(`[tenants.connections] if all connections are active, ${title} of the agent with the most is closed for a new one`, async () => {
    await using service = await SharedService.open(8, ["first", "second", "third", "fourth"]);
    const second = await service.openCall("second");
    const first: RawConnection[] = [];
    for (let count = 0; count < 5; count++) {
      const opensPartialBody = hasPartialBody && count === 3;
      first.push(
        await (opensPartialBody ? service.openPartialBody("first") : service.openCall("first")),
      );
    }
    const others = [second, await service.openCall("third"), await service.openCall("fourth")];
    assert.equal(await service.requestStatus(), 200);
    service.answerCalls();
    const [closed] = first.splice(hasPartialBody ? 3 : 0, 1);
    assert.ok(closed);
    assert.equal(await isAnswered(closed), false);
    for (const connection of [...first, ...others]) {
      assert.equal(await isAnswered(connection), true);
    }
  });
}

Deno.test("[tenants.connections] if all connections are active and no agent has more than one, a new one is closed", async () => {
  const agents = ["first", "second", "third"];
  await using service = await SharedService.open(3, agents);
  const connections: RawConnection[] = [];
  for (const agent of agents) connections.push(await service.openCall(agent));
  assert.equal(await service.requestStatus(), 0);
  service.answerCalls();
  for (const connection of connections) assert.equal(await isAnswered(connection), true);
});
