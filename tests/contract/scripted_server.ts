/**
 * An MCP server that follows a script and commands of the test. It uses any channel: one in memory, or
 * standard input and output of a process (`deno run scripted_server.ts SCRIPT`).
 *
 * The server reports every message that it receives with the notification `test/received`, and
 * executes the notification `test/command`. A `ScriptedConnection` hides both notifications from the
 * gateway.
 */
import { type Channel, LineChannel } from "../../src/jsonrpc/mod.ts";

/** The beginning of every report of the server to the test. */
export const REPORT_PREFIX = '{"jsonrpc":"2.0","method":"test/received"';

/** The beginning of every command of the test to the server. */
export const COMMAND_PREFIX = '{"jsonrpc":"2.0","method":"test/command"';

/** Behaviour of the server; serializable as JSON. */
export interface Script {
  /** The revision that it answers with; by default the requested one. */
  readonly revision?: string;
  /** Its capabilities; by default logging and tools. */
  readonly capabilities?: Fields;
  /** Pages of its tool list, each with definitions as JSON; by default one page with `TOOLS`. */
  readonly pages?: readonly (readonly string[])[];
  /** Pages of its other lists, by their member of the result; by default empty. */
  readonly lists?: Readonly<Record<string, readonly (readonly string[])[]>>;
  /** Methods that it answers with an error, each with the error or its message. */
  readonly refusals?: Readonly<Record<string, string | Fields>>;
  /** Methods that it does not answer, so that the test can answer them. */
  readonly heldMethods?: readonly string[];
  /** Whether it answers no requests at all. */
  readonly isHanging?: boolean;
  /** The moment at which it exits by itself, with code 3. */
  readonly exits?: "at-start" | "after-handshake";
  /** The text that it prints to stderr before it exits. */
  readonly lastOutput?: string;
}

/** A command of the test to the server. */
export interface Command {
  /** Messages to send, as text. */
  readonly send?: readonly string[];
  /** Members of the script to replace. */
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

/** The part of a process that the server uses. */
export interface ServerProcess {
  printToStderr(text: string): void;
  /** Exits once all sent messages are written. */
  exit(code: number): void;
}

/** Creates the definition of a tool, as JSON. */
export function createDefinition(name: string, members: Fields = {}): string {
  return JSON.stringify({ name, inputSchema: { type: "object" }, ...members });
}

/** The default tools: `echo` returns its parameters, `held` is answered by the test. */
export const TOOLS: readonly string[] = [createDefinition("echo"), createDefinition("held")];

/** The members of the results that have the items, by method. */
const LIST_MEMBERS = {
  "resources/list": "resources",
  "resources/templates/list": "resourceTemplates",
  "prompts/list": "prompts",
} as const;

/** Runs a server with a script. */
export function runScriptedServer(channel: Channel, script: Script, process: ServerProcess): void {
  const server = new ScriptedServer(channel, script, process);
  channel.open({
    message: (text) => server.receive(text),
    dropped: () => {},
    closed: () => {},
  });
  server.start();
}

class ScriptedServer {
  readonly #channel: Channel;
  readonly #process: ServerProcess;
  #script: Script;
  /** Whether the server has begun to exit: it writes its last messages, and ignores new messages. */
  #isExiting = false;

  constructor(channel: Channel, script: Script, process: ServerProcess) {
    this.#channel = channel;
    this.#script = script;
    this.#process = process;
  }

  start(): void {
    if (this.#script.exits === "at-start") this.#exit(3);
  }

  receive(text: string): void {
    if (this.#isExiting) return;
    const message = JSON.parse(text) as Message;
    if (message.method === "test/command") return this.#execute(message.params ?? {});
    this.#send({ method: "test/received", params: { text } });
    if (message.method === undefined || message.id === undefined) return;
    const { isHanging, heldMethods, refusals } = this.#script;
    if (isHanging === true || heldMethods?.includes(message.method)) return;
    const refusal = refusals?.[message.method];
    if (refusal !== undefined) {
      const error = typeof refusal === "string" ? { code: -32000, message: refusal } : refusal;
      this.#send({ id: message.id, error });
    } else this.#answer(message);
  }

  #execute({ send = [], script, exit }: Command): void {
    for (const text of send) this.#channel.send(text);
    this.#script = { ...this.#script, ...script };
    if (exit !== undefined) this.#exit(exit);
  }

  #answer({ id, method, params = {} }: Message): void {
    const { revision, capabilities = { logging: {}, tools: {} }, exits } = this.#script;
    switch (method) {
      case "initialize": {
        const protocolVersion = revision ?? params.protocolVersion;
        const serverInfo = { name: "scripted", version: "1" };
        this.#send({ id, result: { protocolVersion, capabilities, serverInfo } });
        if (exits === "after-handshake") this.#exit(3);
        break;
      }
      case "ping":
      case "logging/setLevel":
        return this.#send({ id, result: {} });
      case "tools/list":
        return this.#sendPage(id, "tools", Number(params.cursor ?? 0));
      case "resources/list":
      case "resources/templates/list":
      case "prompts/list":
        return this.#sendPage(id, LIST_MEMBERS[method], Number(params.cursor ?? 0));
      case "resources/read":
      case "resources/subscribe":
      case "resources/unsubscribe":
      case "prompts/get":
      case "completion/complete":
        return this.#send({ id, result: { params } });
      case "tools/call":
        if (params.name === "held") break;
        return this.#send({ id, result: { content: [{ type: "text", text: "done" }], params } });
      default:
        this.#send({ id, error: { code: -32601, message: `Method not found: ${method}` } });
    }
  }

  #sendPage(id: Message["id"], member: string, page: number): void {
    const { pages: toolPages = [TOOLS], lists = {} } = this.#script;
    const pages = member === "tools" ? toolPages : lists[member] ?? [[]];
    const next = page + 1 < pages.length ? `,"nextCursor":"${page + 1}"` : "";
    const result = `{"${member}":[${(pages[page] ?? []).join(",")}]${next}}`;
    this.#channel.send(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`);
  }

  #send(message: Fields): void {
    this.#channel.send(JSON.stringify({ jsonrpc: "2.0", ...message }));
  }

  #exit(code: number): void {
    this.#isExiting = true;
    if (this.#script.lastOutput !== undefined) this.#process.printToStderr(this.#script.lastOutput);
    this.#process.exit(code);
  }
}

if (import.meta.main) {
  const channel = new LineChannel(Deno.stdin.readable, Deno.stdout.writable);
  runScriptedServer(channel, JSON.parse(Deno.args[0] ?? "{}"), {
    printToStderr: (text) => Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`)),
    exit: (code) => void channel.flush().then(() => Deno.exit(code)),
  });
}
