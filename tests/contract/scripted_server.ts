/**
 * An MCP server that follows its script, and otherwise the commands of the test. It runs over any
 * channel: in memory, or as a process (`deno run scripted_server.ts SCRIPT`).
 *
 * It reports every message that it receives with the notification `test/saw`; the notification
 * `test/do` is a command. A `Tap` in front of the gateway hides both from it.
 */
import { type Channel, LineChannel } from "../../src/jsonrpc/mod.ts";

/** Behaviour of the server. Can be sent to a process as JSON. */
export interface Script {
  /** The revision that it supports, whatever was requested; default: the requested one. */
  readonly revision?: string;
  /** Its capabilities. Default: logging, and tools. */
  readonly capabilities?: Fields;
  /** Definitions of its tools as JSON texts, by pages. Default: one page with `TOOLS`. */
  readonly pages?: readonly (readonly string[])[];
  /** Methods that it refuses, with the message or the error. */
  readonly refuses?: Readonly<Record<string, string | Fields>>;
  /** Methods that it leaves to the test to answer. */
  readonly holds?: readonly string[];
  /** Whether it answers nothing at all. */
  readonly hangs?: boolean;
  /** When it exits with code 3 on its own. */
  readonly dies?: "at-start" | "after-handshake";
  /** Text that it prints on stderr before. */
  readonly lastWords?: string;
}

/** A command of the test to the server. */
export interface Command {
  /** Texts to send, each as one message. */
  readonly send?: readonly string[];
  /** Changes to the script. */
  readonly script?: Script;
  /** Exit with this code, without answering pending requests. */
  readonly exit?: number;
}

/** Members of a JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/** A parsed message; any member may be missing. */
export interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Fields;
  readonly result?: unknown;
  readonly error?: Fields;
}

/** Environment of the server. */
export interface Host {
  /** Prints a text on stderr. */
  say(text: string): void;
  /** Ends, after everything that was sent. */
  exit(code: number): void;
}

/** Definition of a tool, as JSON text. */
export function definition(name: string, more: Fields = {}): string {
  return JSON.stringify({ name, inputSchema: { type: "object" }, ...more });
}

/** `echo` answers immediately with its parameters, `held` when the test commands it. */
export const TOOLS: readonly string[] = [definition("echo"), definition("held")];

/** Runs a server with a script. */
export function playScript(channel: Channel, script: Script, host: Host): void {
  const server = new ScriptedServer(channel, script, host);
  const nothing = (): void => {};
  channel.open({ message: (text) => server.take(text), dropped: nothing, closed: nothing });
  server.start();
}

class ScriptedServer {
  readonly #channel: Channel;
  readonly #host: Host;
  #script: Script;
  // Everything that was sent is still in the pipe then, and nothing may follow it.
  #isDying = false;

  constructor(channel: Channel, script: Script, host: Host) {
    this.#channel = channel;
    this.#script = script;
    this.#host = host;
  }

  start(): void {
    if (this.#script.dies === "at-start") this.#die(3);
  }

  take(text: string): void {
    if (this.#isDying) return;
    const message = JSON.parse(text) as Message;
    if (message.method === "test/do") return this.#obey(message.params ?? {});
    this.#send({ method: "test/saw", params: { text } });
    if (message.method === undefined || message.id === undefined) return;
    const { hangs, holds, refuses } = this.#script;
    if (hangs === true || holds?.includes(message.method)) return;
    const refusal = refuses?.[message.method];
    if (refusal !== undefined) {
      const error = typeof refusal === "string" ? { code: -32000, message: refusal } : refusal;
      this.#send({ id: message.id, error });
    } else this.#answer(message);
  }

  #obey({ send = [], script, exit }: Command): void {
    for (const text of send) this.#channel.send(text);
    this.#script = { ...this.#script, ...script };
    if (exit !== undefined) this.#die(exit);
  }

  #answer({ id, method, params = {} }: Message): void {
    const { revision, capabilities = { logging: {}, tools: {} }, dies } = this.#script;
    switch (method) {
      case "initialize": {
        const protocolVersion = revision ?? params.protocolVersion;
        const serverInfo = { name: "scripted", version: "1" };
        this.#send({ id, result: { protocolVersion, capabilities, serverInfo } });
        if (dies === "after-handshake") this.#die(3);
        break;
      }
      case "ping":
      case "logging/setLevel":
        return this.#send({ id, result: {} });
      case "tools/list":
        return this.#listTools(id, Number(params.cursor ?? 0));
      case "tools/call":
        if (params.name === "held") break;
        return this.#send({ id, result: { content: [{ type: "text", text: "done" }], params } });
      default:
        this.#send({ id, error: { code: -32601, message: `Method not found: ${method}` } });
    }
  }

  #listTools(id: Message["id"], page: number): void {
    const { pages = [TOOLS] } = this.#script;
    const next = page + 1 < pages.length ? `,"nextCursor":"${page + 1}"` : "";
    const tools = `{"tools":[${(pages[page] ?? []).join(",")}]${next}}`;
    this.#channel.send(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${tools}}`);
  }

  #send(message: Fields): void {
    this.#channel.send(JSON.stringify({ jsonrpc: "2.0", ...message }));
  }

  #die(code: number): void {
    this.#isDying = true;
    if (this.#script.lastWords !== undefined) this.#host.say(this.#script.lastWords);
    this.#host.exit(code);
  }
}

if (import.meta.main) {
  const channel = new LineChannel(Deno.stdin.readable, Deno.stdout.writable);
  playScript(channel, JSON.parse(Deno.args[0] ?? "{}"), {
    say: (text) => Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`)),
    exit: (code) => void channel.flush().then(() => Deno.exit(code)),
  });
}
