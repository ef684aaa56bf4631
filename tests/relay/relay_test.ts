import assert from "node:assert/strict";
import { Relay } from "../../src/relay/relay.ts";
import { ENDING_METHOD, SharingError, SocketStream } from "../../src/shared_socket/mod.ts";
import { waitUntil, withTimeout } from "../e2e/wait.ts";

type Fields = Record<string, unknown>;

const INITIALIZE = { id: "first", method: "initialize", params: { capabilities: {} } };

/** Lines of JSON, as they arrive. */
class Lines {
  readonly messages: Fields[] = [];
  readonly #decoder = new TextDecoder();
  #rest = "";

  add(bytes: Uint8Array): void {
    const [first = "", ...others] = this.#decoder.decode(bytes, { stream: true }).split("\n");
    const lines = [this.#rest + first, ...others];
    this.#rest = lines.pop() ?? "";
    this.messages.push(...lines.map((line) => JSON.parse(line)));
  }

  find(members: Fields): Promise<Fields> {
    return waitUntil(JSON.stringify(members), () => {
      return this.messages.find((message) =>
        Object.entries(members).every(([key, value]) => message[key] === value)
      );
    }, 40_000);
  }
}

function lineOf(message: Fields): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
}

/** The daemon's end of a connection. */
class Daemon implements Disposable {
  readonly received = new Lines();
  readonly #connection: Deno.Conn;

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /** Reads until the connection ends. */
  async read(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (;;) {
        const count = await this.#connection.read(buffer);
        if (count === null) return;
        this.received.add(buffer.subarray(0, count));
      }
    } catch {
      // It is closed here.
    }
  }

  async send(message: Fields): Promise<void> {
    await this.#connection.write(lineOf(message));
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

/** A relay, with both of its ends. */
class RelayFixture implements AsyncDisposable {
  readonly client = new Lines();
  readonly relay: Relay;
  readonly ended: Promise<void>;
  /** Called instead of connecting, if it is set. */
  onOpen: (() => Promise<undefined>) | undefined;
  openCount = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #port = (this.#listener.addr as Deno.NetAddr).port;
  readonly #chunks: Uint8Array[] = [];
  #wake = (): void => {};
  #hasInputEnded = false;

  constructor(onOpen?: () => Promise<undefined>) {
    this.onOpen = onOpen;
    this.relay = new Relay({
      input: { read: () => this.#read(), cancel: () => this.endInput() },
      write: async (bytes) => await Promise.resolve(this.client.add(bytes)),
      open: async () => {
        this.openCount++;
        if (this.onOpen !== undefined) return await this.onOpen();
        return {
          stream: new SocketStream(await Deno.connect({ hostname: "127.0.0.1", port: this.#port })),
        };
      },
    });
    this.ended = this.relay.run();
    this.ended.catch(() => {});
  }

  /** Accepts the relay's next connection. */
  async accept(): Promise<Daemon> {
    return new Daemon(await withTimeout("a connection", this.#listener.accept(), 10_000));
  }

  send(message: Fields): void {
    this.#chunks.push(lineOf(message));
    this.#wake();
  }

  endInput(): Promise<void> {
    this.#hasInputEnded = true;
    this.#wake();
    return Promise.resolve();
  }

  async #read(): Promise<{ done: false; value: Uint8Array } | { done: true }> {
    while (this.#chunks.length === 0 && !this.#hasInputEnded) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const value = this.#chunks.shift();
    return value === undefined ? { done: true } : { done: false, value };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.relay.stop();
    await this.ended.catch(() => {});
    this.#listener.close();
  }
}

/** Starts a relay whose client waits for the answer to `initialize`. */
async function startInitializing(fixture: RelayFixture): Promise<Daemon> {
  const daemon = await fixture.accept();
  void daemon.read();
  fixture.send(INITIALIZE);
  await daemon.received.find({ id: "first" });
  return daemon;
}

Deno.test("[shared.initialize] if the daemon ends before it answers initialize and no other starts, the client gets the reason", async () => {
  await using fixture = new RelayFixture();
  const daemon = await startInitializing(fixture);
  fixture.onOpen = () => Promise.reject(new Error("error: It cannot start:\n  one\n  two\n"));
  daemon[Symbol.dispose]();
  const { error } = await fixture.client.find({ id: "first" });
  assert.match(String((error as Fields).message), /: It cannot start: one two$/);
});

Deno.test("[shared.initialize] an initialize that was not answered is sent to the next daemon", async () => {
  await using fixture = new RelayFixture();
  const first = await startInitializing(fixture);
  first[Symbol.dispose]();
  using second = await fixture.accept();
  void second.read();
  await second.received.find({ id: "first" });
  await second.send({ id: "first", result: {} });
  await fixture.client.find({ id: "first" });
  fixture.send({ id: 2, method: "tools/list" });
  await second.received.find({ id: 2 });
  assert.equal(fixture.client.messages.length, 1);
  assert.equal(second.received.messages.filter(({ id }) => id === "first").length, 1);
});

Deno.test("[shared.initialize] a daemon that announces its end and does not answer initialize is replaced, also if another one is connected", async () => {
  await using fixture = new RelayFixture();
  const first = await startInitializing(fixture);
  await first.send({ method: ENDING_METHOD });
  await first.send({ method: "notifications/after" });
  await fixture.client.find({ method: "notifications/after" });
  fixture.send({ id: 2, method: "ping" });
  using second = await fixture.accept();
  void second.read();
  await second.received.find({ id: "first" });
  await second.send({ id: "first", result: {} });
  await second.received.find({ id: 2 });
  first[Symbol.dispose]();
  using third = await fixture.accept();
  void third.read();
  await third.received.find({ id: "first" });
  await third.send({ id: "first", result: { third: true } });
  const { result } = await fixture.client.find({ id: "first" });
  assert.deepEqual(result, { third: true });
  await fixture.client.find({ id: 2 });
});

Deno.test("[shared.initialize] daemons that end one after the other do not keep the client waiting", async () => {
  await using fixture = new RelayFixture();
  (await startInitializing(fixture))[Symbol.dispose]();
  for (let count = 2; count <= 3; count++) {
    const daemon = await fixture.accept();
    void daemon.read();
    await daemon.received.find({ id: "first" });
    daemon[Symbol.dispose]();
  }
  const { error } = await fixture.client.find({ id: "first" });
  assert.match(String((error as Fields).message), /ended before it answered/);
  assert.equal(fixture.openCount, 3);
});

Deno.test("[shared.initialize] no daemon is started for a client that has closed its end", async () => {
  await using fixture = new RelayFixture();
  const daemon = await startInitializing(fixture);
  const reading = daemon.read();
  await fixture.endInput();
  await reading;
  daemon[Symbol.dispose]();
  await fixture.ended;
  assert.equal(fixture.openCount, 1);
});

Deno.test("[shared.stop] a relay that is asked to end waits neither for a daemon nor for the next attempt", async () => {
  for (
    const onOpen of [() => new Promise<undefined>(() => {}), () => Promise.resolve(undefined)]
  ) {
    await using fixture = new RelayFixture(onOpen);
    fixture.send(INITIALIZE);
    await waitUntil("it opens a connection", () => fixture.openCount > 0);
    const start = performance.now();
    fixture.relay.stop();
    await fixture.ended;
    assert.ok(performance.now() - start < 500);
  }
});

Deno.test("[shared.daemon-gone] while each daemon ends at once, attempts are at least a second apart", async () => {
  const times: number[] = [];
  await using fixture = new RelayFixture(() => {
    times.push(performance.now());
    return Promise.resolve(undefined);
  });
  fixture.send(INITIALIZE);
  fixture.send({ id: 2, method: "tools/call", params: { name: "execute_tool" } });
  const { error } = await fixture.client.find({ id: "first" });
  assert.match(String((error as Fields).message), /each one ended at once/);
  assert.equal(times.length, 6);
  for (const [index, time] of times.entries()) {
    assert.ok(index === 0 || time - (times[index - 1] ?? 0) > 900);
  }
});

Deno.test("[shared.start-failure] a relay that can use no daemon at its start answers the first request", async () => {
  await using fixture = new RelayFixture(() => Promise.reject(new SharingError("it is stopped")));
  fixture.send({ method: "notifications/x" });
  fixture.send(INITIALIZE);
  await assert.rejects(fixture.ended, /it is stopped/);
  const { error } = await fixture.client.find({ id: "first" });
  assert.match(String((error as Fields).message), /not available: it is stopped$/);
});

Deno.test("[shared.lines] large answers to a daemon that is ending do not mix", async () => {
  await using fixture = new RelayFixture();
  using first = await startInitializing(fixture);
  await first.send({ id: "first", result: {} });
  await first.send({ method: ENDING_METHOD });
  for (const id of [101, 102, 103]) await first.send({ id, method: "roots/list" });
  await fixture.client.find({ id: 103 });
  fixture.send({ id: 2, method: "tools/list" });
  using second = await fixture.accept();
  void second.read();
  await second.received.find({ id: "first" });
  await second.send({ id: "first", result: {} });
  await second.received.find({ id: 2 });
  for (const id of [101, 102, 103]) {
    fixture.send({ id, result: { text: String(id % 10).repeat(3_000_000) } });
  }
  for (const id of [101, 102, 103]) {
    const { result } = await first.received.find({ id });
    assert.equal((result as Fields).text, String(id % 10).repeat(3_000_000));
  }
  assert.ok(!second.received.messages.some(({ id }) => id === 101));
});

Deno.test("[shared.list-changes] after another daemon has taken over, the client is told of each list that it has requested and that can change", async () => {
  await using fixture = new RelayFixture();
  const first = await startInitializing(fixture);
  await first.send({ id: "first", result: {} });
  await fixture.client.find({ id: "first" });
  fixture.send({ method: "notifications/initialized" });
  const methods = ["tools/list", "resources/templates/list", "prompts/get"];
  for (const [index, method] of methods.entries()) {
    fixture.send({ id: index, method });
    await first.received.find({ id: index });
    await first.send({ id: index, result: {} });
    await fixture.client.find({ id: index });
  }
  first[Symbol.dispose]();
  await waitUntil("the connection has ended", () => !fixture.relay.isConnected);
  const messageCount = fixture.client.messages.length;
  fixture.send({ id: 9, method: "ping" });
  using second = await fixture.accept();
  void second.read();
  await second.received.find({ id: "first" });
  const capabilities = {
    tools: {},
    resources: { listChanged: true },
    prompts: { listChanged: true },
  };
  await second.send({ id: "first", result: { capabilities } });
  await second.received.find({ id: 9 });
  await second.send({ id: 9, result: {} });
  await fixture.client.find({ id: 9 });
  assert.deepEqual(
    fixture.client.messages.slice(messageCount).map(({ id, method }) => method ?? id),
    ["notifications/resources/list_changed", 9],
  );
});
