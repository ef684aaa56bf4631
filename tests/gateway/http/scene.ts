import assert from "node:assert/strict";
import { type Authenticator, type HttpLimits, HttpService } from "../../../src/gateway/http/mod.ts";
import { type Channel, type IncomingRequest, JsonText, Peer } from "../../../src/jsonrpc/mod.ts";
import { createLog } from "../../../src/log.ts";

/** Options of a service. */
export interface SceneOptions {
  readonly limits?: Partial<HttpLimits>;
  readonly settings?: Partial<Parameters<typeof HttpService.open>[0]["settings"]>;
  readonly authenticator?: Authenticator;
}

/** Lets every request in, as a gateway without credentials does. */
export const OPEN: Authenticator = {
  isConfigured: false,
  authenticate: () => Promise.resolve({ kind: "open" }),
  isValid: () => false,
};

/** An integer that a double cannot represent. */
export const BIG = "12345678901234567890";

const ACCEPT = "application/json, text/event-stream";

/** A client's session as the gateway behind the service sees it. */
export class Client {
  /** Calls of `wait` in progress. */
  readonly waiting: IncomingRequest[] = [];
  /** Methods of notifications so far. */
  readonly notifications: string[] = [];
  readonly agent: string | undefined;
  readonly peer: Peer;
  isInitialized = false;
  hasLeft = false;
  /** Number of times that its servers were released. */
  releases = 0;

  constructor(channel: Channel, agent: string | undefined) {
    this.agent = agent;
    this.peer = new Peer(channel, {
      answersInvalidMessages: true,
      request: (request) => this.#answer(request),
      notification: (method) => void this.notifications.push(method),
      unexpected: () => {},
      closed: () => {},
    });
  }

  async #answer(request: IncomingRequest): Promise<void> {
    const { size = 0 } = (request.params ?? {}) as { size?: number };
    switch (request.method) {
      case "initialize":
        this.isInitialized = true;
        return request.reply({ protocolVersion: "2025-11-25" });
      case "echo":
        return request.reply(request.paramText() ?? {});
      case "big":
        return request.reply(new JsonText(`{"big":${BIG}}`));
      case "fill":
        return request.reply({ json: "x".repeat(size) });
      case "flood":
        for (let at = 0; at < 50; at++) {
          this.peer.notify("piece", { json: "x".repeat(size) }, request);
        }
        return void this.waiting.push(request);
      case "progress":
        for (const progress of [1, 2]) this.peer.notify("progress", { progress }, request);
        return request.reply({ done: true });
      case "ask": {
        const reply = await this.peer.request("question", {}, { during: request });
        return request.reply(reply.ok ? reply.result.text : {});
      }
      case "wait":
        return void this.waiting.push(request);
      case "fault":
        throw new Error("a secret of the inside");
      default:
        return request.failUnknownMethod();
    }
  }
}

/** A service with sessions that answer a few methods. */
export class Scene implements AsyncDisposable {
  readonly service: HttpService;
  /** Logged warnings and errors. */
  readonly log: readonly string[];
  /** All clients so far. */
  readonly clients: Client[];
  readonly url: string;
  readonly port: number;

  private constructor(service: HttpService, clients: Client[], log: readonly string[]) {
    this.log = log;
    this.service = service;
    this.clients = clients;
    this.url = service.url;
    this.port = Number(new URL(service.url).port);
  }

  static async open(options: SceneOptions = {}): Promise<Scene> {
    const clients: Client[] = [];
    const log: string[] = [];
    const service = await HttpService.open({
      settings: {
        host: "127.0.0.1",
        port: 0,
        allowedHosts: [],
        corsOrigins: [],
        maxSessions: 1000,
        sessionIdleS: 1800,
        sessionMaxS: 86_400,
        ...options.settings,
      },
      revisions: ["2025-11-25", "2025-06-18", "2025-03-26"],
      authenticator: options.authenticator ?? OPEN,
      accept: (channel, agent) => {
        const client = new Client(channel, agent);
        clients.push(client);
        return {
          get isInitialized() {
            return client.isInitialized;
          },
          releaseServers: () => void client.releases++,
          disconnect: () => {
            client.hasLeft = true;
            client.peer.cancelIncoming("gone");
          },
        };
      },
      isReady: () => true,
      metrics: () => "figures 1\n",
      log: createLog({ level: "warn", write: (text) => void log.push(text) }),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    return new Scene(service, clients, log);
  }

  /** Sends a request. */
  async send(
    method: string,
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return await fetch(this.url, {
      method,
      headers: { "content-type": "application/json", accept: ACCEPT, ...headers },
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  }

  /** Opens a session. */
  async initialize(headers: Readonly<Record<string, string>> = {}): Promise<SceneSession> {
    const response = await this.send("POST", request("initialize", 0), headers);
    const text = await response.text();
    assert.equal(response.status, 200, text);
    const id = response.headers.get("mcp-session-id");
    assert.ok(id);
    return new SceneSession(this, { "mcp-session-id": id, ...headers });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.close();
  }
}

/** The client's side of a session. */
export class SceneSession {
  /** Headers sent with each request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly #scene: Scene;

  constructor(scene: Scene, headers: Readonly<Record<string, string>>) {
    this.#scene = scene;
    this.headers = headers;
  }

  async post(body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return await this.#scene.send("POST", body, { ...this.headers, ...headers });
  }

  async get(headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return await this.#scene.send("GET", undefined, { ...this.headers, ...headers });
  }

  /** Ends the session, and returns the status. */
  async delete(): Promise<number> {
    const response = await this.#scene.send("DELETE", undefined, this.headers);
    await response.text();
    return response.status;
  }
}

/** A JSON-RPC request. */
export function request(method: string, id: number | string = 1, params: unknown = {}): unknown {
  return { jsonrpc: "2.0", id, method, params };
}

/** An event of a stream. */
export interface StreamEvent {
  readonly id?: string;
  readonly data?: string;
  readonly comment?: string;
}

/** Reads the events of an answer one by one. */
export class EventReader {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";

  constructor(response: Response) {
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    assert.ok(response.body);
    this.#reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next event; `undefined` at the end. */
  async next(): Promise<StreamEvent | undefined> {
    for (;;) {
      const end = this.#rest.indexOf("\n\n");
      if (end >= 0) {
        const event = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 2);
        const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, "m").exec(event)?.[1];
        const [id, data, comment] = [field("id"), field("data"), field("")];
        return {
          ...(id === undefined ? {} : { id }),
          ...(data === undefined ? {} : { data }),
          ...(comment === undefined ? {} : { comment }),
        };
      }
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      this.#rest += value;
    }
  }

  /** The next event with a message. */
  async message(): Promise<{ id: string; data: string } | undefined> {
    for (;;) {
      const event = await this.next();
      if (event === undefined) return undefined;
      if (event.data) return { id: event.id ?? "", data: event.data };
    }
  }

  /** All messages until the end. */
  async rest(): Promise<string[]> {
    const messages: string[] = [];
    for (let event = await this.message(); event; event = await this.message()) {
      messages.push(event.data);
    }
    return messages;
  }

  /** Disconnects. */
  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}
