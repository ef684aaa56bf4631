/**
 * Serves from source and restarts the gateway whenever a source file changes, while the client stays
 * connected: the handshake is repeated for the new gateway, and pending requests are answered with an
 * error. This is not `deno run --watch`, which loses messages during a restart and keeps running when the
 * client has disconnected.
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LineChannel, textAt } from "../src/jsonrpc/mod.ts";
import { permissionFlags } from "./permissions.ts";

const SOURCE = fileURLToPath(new URL("../src/", import.meta.url));

/** Delay of a restart in milliseconds, because editors write a file in several steps. */
const DEBOUNCE_MS = 200;

/** Maximum time that a gateway may take to end before it is killed, in milliseconds. */
const END_MS = 4000;

/** A process of the gateway, and the messages to and from it. */
interface GatewayProcess {
  readonly channel: LineChannel;
  readonly child: Deno.ChildProcess;
}

/** Relays messages between the client and the current gateway process. */
class Relay {
  readonly #client = new LineChannel(Deno.stdin.readable, Deno.stdout.writable);
  readonly #args: readonly string[];
  // The two messages of the client's handshake, which are repeated for a new process.
  #initialize: string | undefined;
  #initialized: string | undefined;
  // Ids of the client's pending requests, as JSON text.
  readonly #pending = new Set<string>();
  #current: GatewayProcess;

  constructor(args: readonly string[]) {
    this.#args = args;
    this.#current = this.#start();
  }

  /** Relays until the client has disconnected and the gateway has ended. */
  async serve(): Promise<void> {
    const { promise: disconnected, resolve } = Promise.withResolvers<void>();
    this.#client.open({
      message: (text) => this.#handleClientMessage(text),
      dropped: () => {},
      closed: () => resolve(),
    });
    await disconnected;
    await end(this.#current);
  }

  /** Restarts the gateway. */
  async restart(): Promise<void> {
    const previous = this.#current;
    this.#current = this.#start();
    await end(previous);
    for (const id of this.#pending) {
      const error = { code: -32603, message: "The gateway was restarted; repeat the request" };
      this.#client.send(`{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`);
    }
    this.#pending.clear();
  }

  #start(): GatewayProcess {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", ...permissionFlags("start"), join(SOURCE, "main.ts"), ...this.#args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const channel = new LineChannel(child.stdout, child.stdin);
    const startedGateway = { channel, child };
    channel.open({
      message: (text) => {
        const answeredId = textAt(text, "method") === undefined ? textAt(text, "id") : undefined;
        // Answers to a repeated handshake and late messages of the previous process are dropped.
        const isForwarded = answeredId === undefined
          ? this.#current === startedGateway
          : this.#pending.delete(answeredId);
        if (isForwarded) this.#client.send(text);
      },
      dropped: () => {},
      closed: () => {},
    });
    if (this.#initialize !== undefined) channel.send(this.#initialize);
    if (this.#initialized !== undefined) channel.send(this.#initialized);
    return startedGateway;
  }

  #handleClientMessage(text: string): void {
    try {
      JSON.parse(text);
    } catch {
      // The gateway answers invalid JSON with an error.
      this.#current.channel.send(text);
      return;
    }
    const method = textAt(text, "method");
    const id = textAt(text, "id");
    if (method === '"initialize"') this.#initialize = text;
    if (method === '"notifications/initialized"') this.#initialized = text;
    if (method !== undefined && id !== undefined) this.#pending.add(id);
    this.#current.channel.send(text);
  }
}

/** Closes a gateway's input, as a client does, and waits for its end. */
async function end({ channel, child }: GatewayProcess): Promise<void> {
  const timer = setTimeout(() => child.kill("SIGKILL"), END_MS);
  await channel.endWriting();
  await child.status;
  clearTimeout(timer);
  await channel.close();
}

async function watch(relay: Relay): Promise<never> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  for await (const { kind } of Deno.watchFs(SOURCE)) {
    if (kind === "access") continue;
    clearTimeout(timer);
    timer = setTimeout(() => {
      // deno-lint-ignore no-console
      console.error("A source file changed: restarting");
      relay.restart();
    }, DEBOUNCE_MS);
  }
  throw new Error("The watcher of the source files ended");
}

const relay = new Relay(Deno.args);
await Promise.race([relay.serve(), watch(relay)]);
Deno.exit(0);
