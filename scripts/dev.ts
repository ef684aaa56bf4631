/**
 * Serves from source and restarts the gateway whenever a source file changes, while the client stays
 * connected: the new gateway gets the client's handshake, and pending requests are answered with an
 * error. `deno run --watch` loses messages that the client sends during a restart, and keeps running
 * when the client has disconnected.
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LineChannel, textAt } from "../src/jsonrpc/mod.ts";
import { permissionFlags } from "./permissions.ts";

const SOURCE = fileURLToPath(new URL("../src/", import.meta.url));

/** Delay of a restart, because editors write a file in several steps. */
const DEBOUNCE_MS = 200;

/** Maximum time for a gateway to end its servers, in milliseconds. */
const END_MS = 4000;

/** One run of the gateway. */
interface Run {
  readonly channel: LineChannel;
  readonly child: Deno.ChildProcess;
}

/** Relays messages between the client and the current run of the gateway. */
class Relay {
  readonly #client = new LineChannel(Deno.stdin.readable, Deno.stdout.writable);
  readonly #args: readonly string[];
  // The client's handshake, which is repeated for a new run.
  #initialize: string | undefined;
  #initialized: string | undefined;
  // Ids of the client's pending requests, as JSON text.
  readonly #pending = new Set<string>();
  #run: Run;

  constructor(args: readonly string[]) {
    this.#args = args;
    this.#run = this.#start();
  }

  /** Relays until the client has disconnected and the gateway has ended. */
  async serve(): Promise<void> {
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    this.#client.open({
      message: (text) => this.#fromClient(text),
      dropped: () => {},
      closed: () => resolve(),
    });
    await gone;
    await end(this.#run);
  }

  /** Restarts the gateway. */
  async restart(): Promise<void> {
    const last = this.#run;
    this.#run = this.#start();
    await end(last);
    for (const id of this.#pending) {
      const error = { code: -32603, message: "The gateway was restarted; repeat the request" };
      this.#client.send(`{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`);
    }
    this.#pending.clear();
  }

  #start(): Run {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", ...permissionFlags("start"), join(SOURCE, "main.ts"), ...this.#args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const channel = new LineChannel(child.stdout, child.stdin);
    const run = { channel, child };
    channel.open({
      message: (text) => {
        const answers = textAt(text, "method") === undefined ? textAt(text, "id") : undefined;
        // Drop the answer to a repeated handshake, and late messages of the last run.
        const isWanted = answers === undefined ? this.#run === run : this.#pending.delete(answers);
        if (isWanted) this.#client.send(text);
      },
      dropped: () => {},
      closed: () => {},
    });
    if (this.#initialize !== undefined) channel.send(this.#initialize);
    if (this.#initialized !== undefined) channel.send(this.#initialized);
    return run;
  }

  #fromClient(text: string): void {
    try {
      JSON.parse(text);
    } catch {
      return this.#run.channel.send(text);
    }
    const method = textAt(text, "method");
    const id = textAt(text, "id");
    if (method === '"initialize"') this.#initialize = text;
    if (method === '"notifications/initialized"') this.#initialized = text;
    if (method !== undefined && id !== undefined) this.#pending.add(id);
    this.#run.channel.send(text);
  }
}

/** Closes a gateway's input, as a client does, and waits for its end. */
async function end({ channel, child }: Run): Promise<void> {
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
