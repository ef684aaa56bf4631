import { withTimeout } from "./wait.ts";

/** Members of a JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/** A JSON-RPC message; any member may be missing. */
export interface Message {
  readonly jsonrpc?: string;
  readonly id?: string | number | null;
  readonly method?: string;
  readonly params?: Fields;
  readonly result?: Fields;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/** A message and its text. */
export interface ReceivedMessage {
  readonly message: Message;
  readonly text: string;
}

/** Parameters of `initialize`. */
export interface InitializeParams {
  /** Default: the newest revision. */
  readonly protocolVersion?: string;
  readonly capabilities?: Fields;
}

interface PendingWait {
  readonly matches: (message: Message) => boolean;
  readonly resolve: (received: ReceivedMessage) => void;
  readonly reject: (error: Error) => void;
}

/** A program or service with line-based input and output. */
export interface LineTransport {
  /** All lines so far. */
  readonly lines: readonly string[];
  /** Called with each line. */
  onLine: (line: string) => void;
  /** Called at the end of the lines. */
  onEnd: () => void;
  /** The program's standard error. */
  readonly stderr: string;
  /** Writes text. */
  write(text: string | Uint8Array<ArrayBuffer>): Promise<void>;
}

/** A client without any library: it sends text, and sees each answer as text. */
export class RawClient {
  /** All messages so far; those of a batch separately. */
  readonly receivedMessages: ReceivedMessage[] = [];
  /** Lines that are not JSON-RPC, which a program must never write to standard output. */
  readonly malformedLines: string[] = [];
  readonly transport: LineTransport;
  readonly #pendingWaits = new Set<PendingWait>();
  readonly #requestHandlers = new Map<string, (params: Fields) => unknown>();
  #nextId = 1;
  #hasEnded = false;

  /** Listens to a program. */
  constructor(program: LineTransport) {
    this.transport = program;
    program.onLine = (line) => this.#receiveLine(line);
    program.onEnd = () => {
      this.#hasEnded = true;
      for (const { reject } of this.#pendingWaits) reject(this.#endError());
      this.#pendingWaits.clear();
    };
  }

  /** Sends a line unchanged. */
  async sendLine(text: string): Promise<void> {
    await this.transport.write(`${text}\n`);
  }

  /** Sends a request and waits for its answer. */
  async request(method: string, params: Fields = {}, id = this.newId()): Promise<Message> {
    return (await this.requestText(method, JSON.stringify(params), id)).message;
  }

  /** Sends a request with parameters as JSON text, and waits for its answer. */
  async requestText(method: string, params: string, id = this.newId()): Promise<ReceivedMessage> {
    const answer = this.waitForAnswer(id);
    // The program may end during the write; the caller sees the error afterwards.
    answer.catch(() => {});
    await this.sendLine(
      `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"${method}","params":${params}}`,
    );
    return await answer;
  }

  /** Sends a notification. */
  async notify(method: string, params: Fields = {}): Promise<void> {
    await this.sendLine(JSON.stringify({ jsonrpc: "2.0", method, params }));
  }

  /** Sends `initialize`, and returns the server's result. */
  async initialize(
    { protocolVersion = "2025-11-25", capabilities = {} }: InitializeParams = {},
  ): Promise<Message> {
    const clientInfo = { name: "raw", version: "1" };
    const answer = await this.request("initialize", { protocolVersion, capabilities, clientInfo });
    await this.notify("notifications/initialized");
    return answer;
  }

  /** Answers the requests of a method with the handler's result; not if that is `undefined`. */
  setRequestHandler(method: string, handler: (params: Fields) => unknown): void {
    this.#requestHandlers.set(method, handler);
  }

  /** The answer to a request that has been sent, or will be. */
  waitForAnswer(id: string | number | null): Promise<ReceivedMessage> {
    return this.waitForMessage(`the answer to ${id}`, (message) => {
      return message.method === undefined && message.id === id;
    });
  }

  /** The next matching message. */
  waitForMessage(what: string, matches: PendingWait["matches"]): Promise<ReceivedMessage> {
    if (this.#hasEnded) return Promise.reject(this.#endError());
    const arrived = new Promise<ReceivedMessage>((resolve, reject) => {
      this.#pendingWaits.add({ matches, resolve, reject });
    });
    return withTimeout(what, arrived);
  }

  /** Parameters of all notifications of a method so far. */
  notificationParams(method: string): Fields[] {
    return this.receivedMessages.filter(({ message }) => message.method === method)
      .map(({ message }) => message.params ?? {});
  }

  /** A new id. */
  newId(): string | number {
    return this.#nextId++;
  }

  #receiveLine(line: string): void {
    const messages = parseLine(line);
    if (messages === undefined) return void this.malformedLines.push(line);
    for (const message of messages) {
      const received = { message, text: line };
      this.receivedMessages.push(received);
      void this.#answerRequest(message);
      for (const waiting of this.#pendingWaits) {
        if (!waiting.matches(message)) continue;
        this.#pendingWaits.delete(waiting);
        waiting.resolve(received);
      }
    }
  }

  async #answerRequest({ id, method, params = {} }: Message): Promise<void> {
    if (method === undefined || id === undefined) return;
    const handler = this.#requestHandlers.get(method);
    const result = await handler?.(params);
    if (handler !== undefined && result === undefined) return;
    const answer = handler === undefined
      ? { error: { code: -32601, message: `This client does not know ${method}` } }
      : { result };
    await this.sendLine(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
  }

  #endError(): Error {
    return new Error(`The program ended. It said on stderr:\n${this.transport.stderr}`);
  }
}

/** The messages of a line; `undefined` if it is not JSON-RPC. */
function parseLine(line: string): Message[] | undefined {
  try {
    const value: Message | Message[] = JSON.parse(line);
    const messages = Array.isArray(value) ? value : [value];
    return messages.every(({ jsonrpc }) => jsonrpc === "2.0") ? messages : undefined;
  } catch {
    return undefined;
  }
}
