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

/** A message, and the line of text in which it arrived. */
export interface ReceivedMessage {
  readonly message: Message;
  readonly text: string;
}

/** Parameters of `initialize` that a test can choose. */
export interface InitializeParams {
  /** Default: 2025-11-25. */
  readonly protocolVersion?: string;
  readonly capabilities?: Fields;
}

/** A call of `waitForMessage` that has not found its message yet. */
interface PendingWait {
  readonly matches: (message: Message) => boolean;
  readonly resolve: (received: ReceivedMessage) => void;
  readonly reject: (error: Error) => void;
}

/** Connection to a program or service that sends and receives messages, one per line. */
export interface LineTransport {
  /** Lines received so far. */
  readonly lines: readonly string[];
  /** Called with each line received. */
  onLine: (line: string) => void;
  /** Called when no more lines will arrive. */
  onEnd: () => void;
  /** The standard error of the program or service. */
  readonly stderr: string;
  /** Writes text, which may contain several lines. */
  write(text: string | Uint8Array<ArrayBuffer>): Promise<void>;
}

/** An MCP client without a library: tests can send any text, and read the text of every answer. */
export class RawClient {
  /** Messages received so far; each message of a batch has its own entry. */
  readonly receivedMessages: ReceivedMessage[] = [];
  /** Received lines that are not JSON-RPC; a server must not write any to standard output. */
  readonly malformedLines: string[] = [];
  readonly transport: LineTransport;
  readonly #pendingWaits = new Set<PendingWait>();
  readonly #requestHandlers = new Map<string, (params: Fields) => unknown>();
  #nextId = 1;
  #hasEnded = false;

  /** Takes over `onLine` and `onEnd` of the transport. */
  constructor(transport: LineTransport) {
    this.transport = transport;
    transport.onLine = (line) => this.#receiveLine(line);
    transport.onEnd = () => {
      this.#hasEnded = true;
      for (const { reject } of this.#pendingWaits) reject(this.#createEndError());
      this.#pendingWaits.clear();
    };
  }

  /** Sends a line of text as it is, valid or not. */
  async sendLine(text: string): Promise<void> {
    await this.transport.write(`${text}\n`);
  }

  /** Sends a request and waits for its answer. */
  async request(method: string, params: Fields = {}, id = this.newId()): Promise<Message> {
    return (await this.requestText(method, JSON.stringify(params), id)).message;
  }

  /** Sends a request with parameters as JSON text, and returns the answer with its text. */
  async requestText(method: string, params: string, id = this.newId()): Promise<ReceivedMessage> {
    const answer = this.waitForAnswer(id);
    // The program may end during the write; the caller gets the error from the await below.
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

  /** Sends `initialize` and `notifications/initialized`, and returns the answer to `initialize`. */
  async initialize(
    { protocolVersion = "2025-11-25", capabilities = {} }: InitializeParams = {},
  ): Promise<Message> {
    const clientInfo = { name: "raw", version: "1" };
    const answer = await this.request("initialize", { protocolVersion, capabilities, clientInfo });
    await this.notify("notifications/initialized");
    return answer;
  }

  /** Answers requests of a method with the handler's result; sends no answer if it is `undefined`. */
  setRequestHandler(method: string, handler: (params: Fields) => unknown): void {
    this.#requestHandlers.set(method, handler);
  }

  /** Waits for the answer to a request; call it before the answer can arrive. */
  waitForAnswer(id: string | number | null): Promise<ReceivedMessage> {
    return this.waitForMessage(`the answer to ${id}`, (message) => {
      return message.method === undefined && message.id === id;
    });
  }

  /** Waits for the next message that matches. */
  waitForMessage(description: string, matches: PendingWait["matches"]): Promise<ReceivedMessage> {
    if (this.#hasEnded) return Promise.reject(this.#createEndError());
    const arrived = new Promise<ReceivedMessage>((resolve, reject) => {
      this.#pendingWaits.add({ matches, resolve, reject });
    });
    return withTimeout(description, arrived);
  }

  /** Returns the parameters of all notifications of a method received so far. */
  notificationParams(method: string): Fields[] {
    return this.receivedMessages.filter(({ message }) => message.method === method)
      .map(({ message }) => message.params ?? {});
  }

  /** Returns an id that this client has not used yet. */
  newId(): string | number {
    return this.#nextId++;
  }

  #receiveLine(line: string): void {
    const messages = parseLine(line);
    if (messages === undefined) return void this.malformedLines.push(line);
    for (const message of messages) {
      const receivedMessage = { message, text: line };
      this.receivedMessages.push(receivedMessage);
      void this.#answerRequest(message);
      for (const wait of this.#pendingWaits) {
        if (!wait.matches(message)) continue;
        this.#pendingWaits.delete(wait);
        wait.resolve(receivedMessage);
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

  #createEndError(): Error {
    return new Error(`The program ended. Its standard error was:\n${this.transport.stderr}`);
  }
}

/** Parses a line into its messages; `undefined` if the line is not JSON-RPC. */
function parseLine(line: string): Message[] | undefined {
  try {
    const value: Message | Message[] = JSON.parse(line);
    const messages = Array.isArray(value) ? value : [value];
    return messages.every(({ jsonrpc }) => jsonrpc === "2.0") ? messages : undefined;
  } catch {
    return undefined;
  }
}
