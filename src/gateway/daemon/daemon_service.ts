import type { Budget } from "../../budget.ts";
import { type Channel, LineChannel } from "../../jsonrpc/mod.ts";
import type { Log } from "../../log.ts";
import {
  closeConnection,
  ENDING_METHOD,
  type Hello,
  type HelloAnswer,
  isHello,
  MAX_HELLO_BYTES,
  parseLine,
  readFirstLine,
  type SharedListener,
  SocketStream,
  untilClosed,
  writeLine,
} from "../../shared_socket/mod.ts";
import { wait, within } from "../../within.ts";
import type { SharedClient } from "../gateway_options.ts";

/** Time for the first line of a connection, in milliseconds. */
const HELLO_MS = 5000;

/** Pause after a connection could not be accepted, in milliseconds. */
const ACCEPT_RETRY_MS = 100;

/** Maximum number of connections whose first line has not come. */
const MAX_SILENT_CONNECTIONS = 64;

/** Maximum number of clients. */
const MAX_CLIENTS = 1000;

/** Time that the calls of a client that has closed its end have to be answered, in milliseconds. */
const CLIENT_GONE_MS = 1000;

/** Time for requests that are on their way when a daemon announces its end, in milliseconds. */
const LAST_REQUESTS_MS = 100;

/** Minimum time that a daemon waits for its first client, in milliseconds. */
const FIRST_CLIENT_MS = 15_000;

/** Options of the service. */
export interface DaemonServiceOptions {
  /** The listener; the service closes it. */
  readonly listener: SharedListener;
  /** The daemon key that each hello must have. */
  readonly key: string;
  /** Time for which the daemon lives without a client, in milliseconds. */
  readonly lingerMs: number;
  /**
   * Starts to serve a client; `onClosed` must be called when the client has closed its end, or with the reason why the
   * connection ends otherwise.
   */
  readonly accept: (
    channel: Channel,
    options: {
      readonly agent: string | undefined;
      readonly onClosed: (cause?: Error) => void;
    },
  ) => SharedClient;
  /** Returns a warning about a client's agent, if there is one. */
  readonly warningOf: (agent: string | undefined) => string | undefined;
  /** Returns the memory budget of a client's agent. */
  readonly memoryOf: (agent: string | undefined) => Budget;
  /** Returns the daemon's status without its clients. */
  readonly status: () => Promise<Readonly<Record<string, unknown>>>;
  /** Log for the operator. */
  readonly log: Log;
}

interface ConnectedRelay {
  readonly channel: LineChannel;
  readonly client: SharedClient;
  readonly hello: Hello;
  readonly since: string;
}

/** The first line of a connection, which may be anything. */
interface ReceivedHello {
  readonly hello: unknown;
  /** The proof that the hello must have. */
  readonly proof: string | undefined;
  /** Bytes that have been read after the line. */
  readonly extraBytes: Uint8Array;
}

function reasonOf({ message, cause }: Error): string {
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}

/** The clients of a daemon. */
export class DaemonService {
  /** Resolves to a reason when the daemon should end: a command asked for it, or there has been no client for a while. */
  readonly ended: Promise<string>;
  readonly #options: DaemonServiceOptions;
  readonly #end: (reason: string) => void;
  readonly #relays = new Set<ConnectedRelay>();
  readonly #connections = new Set<Deno.Conn>();
  /** The connections whose first line has not come, the oldest first. */
  readonly #silent = new Set<Deno.Conn>();
  #isClosing = false;
  #lingerTimer: ReturnType<typeof setTimeout> | undefined;

  /** Starts to accept connections. */
  constructor(options: DaemonServiceOptions) {
    this.#options = options;
    ({ promise: this.ended, resolve: this.#end } = Promise.withResolvers<string>());
    this.#startLingerTimer(Math.max(options.lingerMs, FIRST_CLIENT_MS));
    void this.#acceptAll();
  }

  /** Number of clients. */
  get clientCount(): number {
    return this.#relays.size;
  }

  /** Stops accepting connections, so that the next relay starts another daemon. */
  async refuseNewClients(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#lingerTimer);
    await this.#options.listener.close();
  }

  /**
   * Makes the relays send new requests to another daemon, and answers the requests that have arrived.
   *
   * @param callsMs Maximum time for the calls, in milliseconds.
   */
  async drain(callsMs: number): Promise<void> {
    const relays = [...this.#relays];
    for (const { channel } of relays) channel.send(`{"jsonrpc":"2.0","method":"${ENDING_METHOD}"}`);
    if (relays.length > 0) await wait(LAST_REQUESTS_MS);
    await Promise.all(relays.map(async ({ channel, client }) => {
      await client.session.end(callsMs);
      await within(channel.close(), CLIENT_GONE_MS);
    }));
  }

  /** Closes the connections of all clients. */
  close(): void {
    for (const connection of this.#connections) closeConnection(connection);
  }

  async #acceptAll(): Promise<void> {
    const { listener: { listener }, log } = this.#options;
    while (!this.#isClosing) {
      try {
        const connection = await listener.accept();
        void this.#receive(connection);
      } catch (error) {
        if (this.#isClosing) return;
        log.warn("Cannot accept a client", { reason: String(error) });
        // Usually there are too many open files, and the next attempt would fail immediately, too.
        await wait(ACCEPT_RETRY_MS);
      }
    }
  }

  async #receive(connection: Deno.Conn): Promise<void> {
    if (this.#isClosing) return closeConnection(connection);
    this.#connections.add(connection);
    this.#silent.add(connection);
    if (this.#silent.size > MAX_SILENT_CONNECTIONS) this.#closeOldestSilent();
    try {
      const received = await this.#readHello(connection)
        .finally(() => this.#silent.delete(connection));
      await this.#answer(connection, received);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log.debug("A connection to the daemon failed", { reason });
    } finally {
      this.#connections.delete(connection);
      closeConnection(connection);
    }
  }

  /** Makes room for the next connection. A relay that was only slow connects again. */
  #closeOldestSilent(): void {
    const oldest = this.#silent.values().next().value;
    if (oldest === undefined) return;
    this.#silent.delete(oldest);
    closeConnection(oldest);
  }

  async #readHello(connection: Deno.Conn): Promise<ReceivedHello> {
    const proof = await this.#options.listener.authenticate(connection);
    const { line, extraBytes } = await readFirstLine(connection, {
      maxBytes: MAX_HELLO_BYTES,
      withinMs: HELLO_MS,
    });
    return { hello: parseLine(line), proof, extraBytes };
  }

  async #answer(
    connection: Deno.Conn,
    { hello, proof, extraBytes }: ReceivedHello,
  ): Promise<void> {
    // Without an answer, the relay starts another daemon.
    if (this.#isClosing) return;
    if (!isHello(hello)) {
      const error = "this shared gateway does not understand the hello of another version";
      return await this.#refuse(connection, error);
    }
    const fault = this.#findFault(hello, proof);
    if (fault !== undefined) return await this.#refuse(connection, fault);
    const warning = hello.action === "connect" ? this.#options.warningOf(hello.agent) : undefined;
    if (warning !== undefined) this.#options.log.warn(warning);
    const answer: HelloAnswer = { ok: true, pid: Deno.pid, warning };
    await writeLine(connection, answer);
    switch (hello.action) {
      case "connect":
        // The daemon has announced its end to the other relays only. This one has sent nothing yet, so its connection may close.
        if (this.#isClosing) return;
        return await this.#serve(connection, hello, extraBytes);
      case "status":
        return await writeLine(connection, await this.#readStatus());
      case "end":
        this.#end("a command asked for it");
        // The connection ends together with the process, so that the sender sees when the process has ended.
        this.#connections.delete(connection);
        return await untilClosed(connection);
    }
  }

  async #refuse(connection: Deno.Conn, error: string): Promise<void> {
    this.#options.log.warn("A connection to the daemon was refused", { reason: error });
    const refusal: HelloAnswer = { ok: false, error };
    await writeLine(connection, refusal);
  }

  #findFault(hello: Hello, proof: string | undefined): string | undefined {
    const { key } = this.#options;
    if (hello.proof !== proof) return "the client has no access to the file of the port";
    // Commands of any version may read the status of all daemons, and end them.
    if (hello.action !== "connect") return undefined;
    if (hello.key !== key) return "this shared gateway has another configuration";
    return this.#relays.size >= MAX_CLIENTS
      ? `this shared gateway has ${MAX_CLIENTS} clients already`
      : undefined;
  }

  async #serve(connection: Deno.Conn, hello: Hello, extraBytes: Uint8Array): Promise<void> {
    const { accept, memoryOf, lingerMs, log } = this.#options;
    const { agent, pid } = hello;
    const stream = new SocketStream(connection, extraBytes);
    const channel = new LineChannel(stream, stream, {
      pauseWhenUnread: true,
      memory: memoryOf(agent),
    });
    const { promise: closed, resolve: onClosed } = Promise.withResolvers<Error | undefined>();
    const client = accept(channel, { agent, onClosed });
    const relay: ConnectedRelay = { channel, client, hello, since: new Date().toISOString() };
    this.#relays.add(relay);
    clearTimeout(this.#lingerTimer);
    log.info("A client has connected", { pid, ...(agent === undefined ? {} : { agent }) });
    let cause: Error | undefined;
    try {
      cause = await closed;
      await client.session.end(CLIENT_GONE_MS);
      client.disconnect();
      await within(channel.close(), CLIENT_GONE_MS);
    } finally {
      this.#relays.delete(relay);
      if (cause === undefined) log.info("A client has disconnected", { pid });
      else log.warn("A client was disconnected", { pid, reason: reasonOf(cause) });
      if (this.#relays.size === 0 && !this.#isClosing) this.#startLingerTimer(lingerMs);
    }
  }

  /** Ends the daemon after a time, unless a client connects. */
  #startLingerTimer(ms: number): void {
    clearTimeout(this.#lingerTimer);
    this.#lingerTimer = setTimeout(() => this.#end(`no client for ${ms / 1000} s`), ms);
  }

  async #readStatus(): Promise<Readonly<Record<string, unknown>>> {
    const clients = [...this.#relays].map(({ client, hello: { pid, agent = null }, since }) => {
      return { pid, agent, since, ...client.session.describe() };
    });
    return { ...await this.#options.status(), clients };
  }
}
