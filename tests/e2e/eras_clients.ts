/** Clients of both eras, without a library, over stdio and HTTP. */
import assert from "node:assert/strict";
import { HttpTransport } from "./http_transport.ts";
import { type Fields, type Message, RawClient } from "./raw_client.ts";
import type { RunningGateway } from "./gateway.ts";

/** The revision without sessions. */
export const STATELESS_REVISION = "2026-07-28";

/** A request for input that a client received. */
export interface Question {
  readonly method: string;
  readonly params: Fields;
}

/** Behavior of a client during a request. */
export interface RequestOptions {
  /** Answers a question; by default with what `answerQuestion` returns. */
  readonly answer?: (question: Question) => Fields | Promise<Fields>;
  readonly progressToken?: string | number;
  readonly logLevel?: string;
  /** Further members of `_meta`. */
  readonly meta?: Fields;
  /** Cancels the request. */
  readonly signal?: AbortSignal;
  /** Default: all kinds of questions. A client of the earlier revisions has declared its own when it connected. */
  readonly capabilities?: Fields;
}

/** A finished request, and what came while it ran. */
export interface Finished {
  readonly result?: Fields;
  readonly error?: Message["error"];
  readonly questions: readonly Question[];
  readonly progress: readonly Fields[];
  readonly logs: readonly Fields[];
}

/** A client of one era. */
export interface EraClient {
  /** Sends a request, answers all questions, and waits for its end. */
  request(method: string, params: Fields, options?: RequestOptions): Promise<Finished>;
}

/** Declares every kind of question. */
export const ALL_CAPABILITIES: Fields = {
  elicitation: { form: {}, url: {} },
  sampling: {},
  roots: {},
};

/** Answers a question of any kind. */
export function answerQuestion({ method, params }: Question): Fields {
  if (method === "roots/list") return { roots: [{ uri: "file:///project" }] };
  if (method === "sampling/createMessage") {
    const content = { type: "text", text: "hello" };
    return { role: "assistant", model: "m", stopReason: "endTurn", content };
  }
  return params.mode === "url"
    ? { action: "accept" }
    : { action: "accept", content: { name: "Ada" } };
}

/** A client of the earlier revisions. */
export class EarlierClient implements EraClient {
  readonly raw: RawClient;
  readonly #questionMethods = ["elicitation/create", "sampling/createMessage", "roots/list"];

  constructor(raw: RawClient) {
    this.raw = raw;
  }

  /** Connects to a gateway: over HTTP if it has a URL. */
  static async connect(
    gateway: RunningGateway,
    capabilities: Fields = ALL_CAPABILITIES,
  ): Promise<EarlierClient> {
    const raw = gateway.url === ""
      ? gateway.client
      : new RawClient(new HttpTransport({ url: gateway.url }));
    const client = new EarlierClient(raw);
    await client.raw.initialize({ capabilities });
    return client;
  }

  async request(
    method: string,
    params: Fields,
    { answer = answerQuestion, progressToken, logLevel, meta = {}, signal }: RequestOptions = {},
  ): Promise<Finished> {
    const questions: Question[] = [];
    for (const method of this.#questionMethods) {
      this.raw.setRequestHandler(method, (params) => {
        questions.push({ method, params });
        return answer({ method, params });
      });
    }
    if (logLevel !== undefined) await this.raw.request("logging/setLevel", { level: logLevel });
    const start = this.raw.receivedMessages.length;
    const _meta = { ...meta, ...(progressToken === undefined ? {} : { progressToken }) };
    const withMeta = Object.keys(_meta).length === 0 ? params : { ...params, _meta };
    const id = this.raw.newId();
    signal?.addEventListener("abort", () => {
      void this.raw.notify("notifications/cancelled", { requestId: id });
    }, { once: true });
    const answered = await this.raw.request(method, withMeta, id);
    const received = this.raw.receivedMessages.slice(start).map(({ message }) => message);
    return finish(answered, questions, received, progressToken);
  }
}

/** The answer to a single request, and the notifications that came before it. */
export interface Exchange {
  readonly message: Message;
  readonly notifications: readonly Message[];
}

/** Sends one request, and waits for its answer; when the signal aborts, the request is cancelled and has no answer. */
type Send = (message: Fields, signal?: AbortSignal) => Promise<Exchange>;

/** A client of revision 2026-07-28. */
export class StatelessClient implements EraClient {
  /** Ids of requests, which are unique over all clients. */
  static #nextId = 1;
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** Connects to a gateway: over HTTP if it has a URL, with a token or without. */
  static connect(
    { url, client }: { readonly url: string; readonly client?: RawClient },
    token?: string,
  ): StatelessClient {
    return new StatelessClient(
      url === "" && client !== undefined ? sendOverStdio(client) : (message, signal) => {
        return postMessage(url, message, { token, signal });
      },
    );
  }

  /** Sends a single request. */
  async send(method: string, params: Fields, options: RequestOptions = {}): Promise<Exchange> {
    const id = `stateless-${StatelessClient.#nextId++}`;
    const withClaim = { ...params, _meta: claim(options) };
    return await this.#send({ jsonrpc: "2.0", id, method, params: withClaim }, options.signal);
  }

  async request(method: string, params: Fields, options: RequestOptions = {}): Promise<Finished> {
    const questions: Question[] = [];
    const received: Message[] = [];
    let round: Fields = {};
    for (let rounds = 0;; rounds++) {
      assert.ok(rounds <= 10, "a request is finished after ten rounds");
      const { message, notifications } = await this.send(method, { ...params, ...round }, options);
      received.push(...notifications);
      const { result } = message;
      if (result?.resultType !== "input_required") {
        return finish(message, questions, received, options.progressToken);
      }
      round = await this.#answer(result, questions, options.answer);
    }
  }

  async #answer(
    { inputRequests = {}, requestState }: Fields,
    questions: Question[],
    answer = answerQuestion as RequestOptions["answer"],
  ): Promise<Fields> {
    const inputResponses: Record<string, unknown> = {};
    for (const [key, question] of Object.entries(inputRequests as Record<string, Question>)) {
      questions.push(question);
      inputResponses[key] = await answer?.(question);
    }
    return {
      ...(Object.keys(inputResponses).length === 0 ? {} : { inputResponses }),
      ...(requestState === undefined ? {} : { requestState }),
    };
  }
}

/** Returns the `_meta` of a request of revision 2026-07-28. */
export function claim(
  { capabilities = ALL_CAPABILITIES, logLevel, progressToken, meta = {} }: RequestOptions = {},
): Fields {
  return {
    "io.modelcontextprotocol/protocolVersion": STATELESS_REVISION,
    "io.modelcontextprotocol/clientInfo": { name: "stateless-client", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": capabilities,
    ...(logLevel === undefined ? {} : { "io.modelcontextprotocol/logLevel": logLevel }),
    ...(progressToken === undefined ? {} : { progressToken }),
    ...meta,
  };
}

/** Sends requests on a pipe. */
function sendOverStdio(client: RawClient): Send {
  return async (message, signal) => {
    const id = String(message.id);
    const start = client.receivedMessages.length;
    const cancelled = new Promise<never>((_, reject) => {
      signal?.addEventListener("abort", () => {
        void client.notify("notifications/cancelled", { requestId: id });
        reject(signal.reason);
      }, { once: true });
    });
    const answer = client.waitForAnswer(id);
    answer.catch(() => {});
    await client.sendLine(JSON.stringify(message));
    const received = await Promise.race([answer, cancelled]);
    const notifications = client.receivedMessages.slice(start).map(({ message }) => message)
      .filter(({ method, id }) => method !== undefined && id === undefined);
    return { message: received.message, notifications };
  };
}

/** Headers of a POST of a message of revision 2026-07-28. */
export function statelessHeaders({ method, params }: Message): Record<string, string> {
  const name = params?.name ?? params?.uri;
  return {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    "mcp-protocol-version": STATELESS_REVISION,
    ...(method === undefined ? {} : { "mcp-method": method }),
    ...(typeof name === "string" ? { "mcp-name": encodeHeader(name) } : {}),
  };
}

function encodeHeader(value: string): string {
  if (/^(?!=\?)[!-~]([ -~]*[!-~])?$/.test(value)) return value;
  const bytes = new TextEncoder().encode(value);
  return `=?base64?${btoa(String.fromCharCode(...bytes))}?=`;
}

/** Sends a message by POST, and reads the answer from the JSON or the stream. */
async function postMessage(
  url: string,
  message: Fields,
  { token, signal }: {
    readonly token: string | undefined;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Exchange> {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      ...statelessHeaders(message),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(message),
    ...(signal === undefined ? {} : { signal }),
  });
  const messages = readMessages(response.headers.get("content-type"), await response.text());
  const answer = messages.pop();
  assert.ok(answer !== undefined, `status ${response.status} without a message`);
  return { message: answer, notifications: messages };
}

/** Reads the messages of a response's body. */
export function readMessages(contentType: string | null, body: string): Message[] {
  if (contentType !== "text/event-stream") return body === "" ? [] : [JSON.parse(body)];
  return [...body.matchAll(/^data: (.+)$/gm)].map(([, data = ""]) => JSON.parse(data));
}

function finish(
  { result, error }: Pick<Message, "result" | "error">,
  questions: readonly Question[],
  received: readonly Message[],
  progressToken: unknown,
): Finished {
  const paramsOf = (method: string) => {
    return received.filter((message) => message.method === method)
      .map(({ params = {} }) => params);
  };
  return {
    ...(result === undefined ? {} : { result }),
    ...(error === undefined ? {} : { error }),
    questions,
    progress: paramsOf("notifications/progress")
      .filter((params) => params.progressToken === progressToken),
    logs: paramsOf("notifications/message"),
  };
}
