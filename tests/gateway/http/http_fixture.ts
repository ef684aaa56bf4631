import assert from "node:assert/strict";
import { Budget } from "../../../src/budget.ts";
import {
  type Authenticator,
  type Credential,
  type HttpLimits,
  HttpService,
} from "../../../src/gateway/http/mod.ts";
import {
  type Channel,
  type IncomingRequest,
  IndependentRequests,
  JsonText,
  Peer,
} from "../../../src/jsonrpc/mod.ts";
import { createLog } from "../../../src/log.ts";

/** Settings of the service that differ from the defaults. */
export interface HttpFixtureOptions {
  readonly limits?: Partial<HttpLimits>;
  readonly settings?: Partial<Parameters<typeof HttpService.open>[0]["settings"]>;
  readonly authenticator?: Authenticator;
  /** Maximum memory that is held, in bytes. Default: 512 MiB. */
  readonly maxMemory?: number;
}

/** Admits every request, like a gateway without credentials. */
export const OPEN_AUTHENTICATOR: Authenticator = {
  requiresCredential: false,
  authenticate: () => Promise.resolve({ kind: "open" }),
  isValid: () => false,
};

/** An integer that a double cannot represent. */
export const BIG_INTEGER = "12345678901234567890";

const ACCEPT = "application/json, text/event-stream";

/** The gateway's end of one client's session. It answers the methods of `#answer`, which are not MCP methods. */
export class FakeGatewaySession {
  /** Calls of `wait` and `flood` that are not answered yet. */
  readonly heldCalls: IncomingRequest[] = [];
  /** Methods of the received notifications. */
  readonly notifications: string[] = [];
  readonly agent: string | undefined;
  readonly peer: Peer;
  isInitialized = false;
  hasDisconnected = false;
  /** Number of calls of `releaseServers`. */
  releaseCount = 0;

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
        return request.reply(new JsonText(`{"big":${BIG_INTEGER}}`));
      case "fill":
        return request.reply({ json: "x".repeat(size) });
      case "flood":
        for (let index = 0; index < 50; index++) {
          this.peer.notify("piece", { json: "x".repeat(size) }, request);
        }
        return void this.heldCalls.push(request);
      case "progress":
        for (const progress of [1, 2]) this.peer.notify("progress", { progress }, request);
        return request.reply({ done: true });
      case "ask": {
        const reply = await this.peer.request("question", {}, { duringRequest: request });
        return request.reply(reply.ok ? reply.result.text : {});
      }
      case "wait":
        return void this.heldCalls.push(request);
      case "fault":
        throw new Error("an internal secret");
      default:
        return request.failUnknownMethod();
    }
  }
}

/** The gateway's side of a client without a session. It answers the methods of `#answer`, which are not MCP methods. */
export class FakeStatelessClient {
  /** Calls of `wait` that are not answered yet. */
  readonly heldCalls: IncomingRequest[] = [];
  readonly requests: IndependentRequests;
  readonly credential: Credential | undefined;
  isAwaited = false;
  hasDisconnected = false;

  constructor(credential: Credential | undefined) {
    this.credential = credential;
    this.requests = new IndependentRequests({
      request: (request) => this.#answer(request),
      unexpected: () => {},
    });
  }

  receive(...received: Parameters<IndependentRequests["receive"]>): IncomingRequest {
    return this.requests.receive(...received);
  }

  disconnect(): void {
    this.hasDisconnected = true;
    this.requests.cancelAll("gone");
  }

  async #answer(request: IncomingRequest): Promise<void> {
    const { size = 0, count = 0, code = 0 } = request.params as Record<string, number>;
    switch (request.method) {
      case "echo":
      case "tools/call":
      case "resources/read":
        return request.reply(request.paramText() ?? {});
      case "fill":
        return request.reply({ json: "x".repeat(size) });
      case "refuse":
        return request.refuse({ code, message: "refused" });
      case "fail":
        return request.fail(new JsonText(`{"code": ${code}, "message": "failed"}`));
      case "progress":
      case "subscriptions/listen":
        for (let index = 0; index < count; index++) {
          // Other work must run between the messages of a flood.
          if (size > 0) await new Promise((resolve) => setTimeout(resolve));
          if (!request.hasSlowReader) {
            request.notify(`{"method":"progress","params":"${"x".repeat(size)}"}`);
          }
        }
        return void this.heldCalls.push(request);
      case "wait":
        return void this.heldCalls.push(request);
      default:
        return request.failUnknownMethod();
    }
  }
}

/** An HTTP service on loopback, and both ends of its sessions. */
export class HttpFixture implements AsyncDisposable {
  readonly service: HttpService;
  /** Logged warnings and errors. */
  readonly log: readonly string[];
  /** The gateway's ends of all sessions, in the order in which they were opened. */
  readonly gatewaySessions: FakeGatewaySession[];
  /** The gateway's sides of all clients without sessions, in the order of their first requests. */
  readonly statelessClients: FakeStatelessClient[];
  /** Statuses and reasons of the refused requests. */
  readonly refused: readonly string[];
  readonly url: string;
  readonly port: number;

  private constructor(
    service: HttpService,
    gatewaySessions: FakeGatewaySession[],
    { statelessClients, log, refused }: {
      readonly statelessClients: FakeStatelessClient[];
      readonly log: readonly string[];
      readonly refused: readonly string[];
    },
  ) {
    this.statelessClients = statelessClients;
    this.log = log;
    this.refused = refused;
    this.service = service;
    this.gatewaySessions = gatewaySessions;
    this.url = service.url;
    this.port = Number(new URL(service.url).port);
  }

  static async open(options: HttpFixtureOptions = {}): Promise<HttpFixture> {
    const gatewaySessions: FakeGatewaySession[] = [];
    const statelessClients: FakeStatelessClient[] = [];
    const log: string[] = [];
    const refused: string[] = [];
    const service = await HttpService.open({
      settings: {
        host: "127.0.0.1",
        port: 0,
        allowedHosts: [],
        corsOrigins: [],
        trustedProxies: [],
        maxSessions: 1000,
        sessionIdleS: 1800,
        sessionMaxS: 86_400,
        ...options.settings,
      },
      revisions: ["2025-11-25", "2025-06-18", "2025-03-26"],
      authenticator: options.authenticator ?? OPEN_AUTHENTICATOR,
      memory: new Budget(options.maxMemory ?? 512 * 1024 * 1024),
      accept: (channel, agent) => {
        const gatewaySession = new FakeGatewaySession(channel, agent);
        gatewaySessions.push(gatewaySession);
        return {
          get isInitialized() {
            return gatewaySession.isInitialized;
          },
          releaseServers: () => void gatewaySession.releaseCount++,
          disconnect: () => {
            gatewaySession.hasDisconnected = true;
            gatewaySession.peer.cancelIncoming("gone");
          },
        };
      },
      acceptStateless: (credential) => {
        const connection = new FakeStatelessClient(credential);
        statelessClients.push(connection);
        return connection;
      },
      isReady: () => true,
      metrics: () => "figures 1\n",
      onRefused: ({ status, reason = "" }) => void refused.push(`${status} ${reason}`),
      log: createLog({ level: "warn", write: (text) => void log.push(text) }),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    return new HttpFixture(service, gatewaySessions, { statelessClients, log, refused });
  }

  /** Sends an HTTP request. */
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
  async initialize(headers: Readonly<Record<string, string>> = {}): Promise<FixtureSession> {
    const response = await this.send("POST", request("initialize", 0), headers);
    const text = await response.text();
    assert.equal(response.status, 200, text);
    const id = response.headers.get("mcp-session-id");
    assert.ok(id);
    return new FixtureSession(this, { "mcp-session-id": id, ...headers });
  }

  /** Sends a request without a session, with the headers of its revision unless others are given. */
  async sendStateless(
    method: string,
    params: Readonly<Record<string, unknown>> = {},
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return await this.send("POST", statelessRequest(method, params), {
      ...statelessHeaders(method, params),
      ...headers,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.close();
  }
}

/** The client's side of a session. */
export class FixtureSession {
  /** Headers sent with each request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly #fixture: HttpFixture;

  constructor(fixture: HttpFixture, headers: Readonly<Record<string, string>>) {
    this.#fixture = fixture;
    this.headers = headers;
  }

  async post(body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return await this.#fixture.send("POST", body, { ...this.headers, ...headers });
  }

  async get(headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return await this.#fixture.send("GET", undefined, { ...this.headers, ...headers });
  }

  /** Ends the session, and returns the status. */
  async delete(): Promise<number> {
    const response = await this.#fixture.send("DELETE", undefined, this.headers);
    await response.text();
    return response.status;
  }
}

/** Creates a JSON-RPC request. */
export function request(method: string, id: number | string = 1, params: unknown = {}): unknown {
  return { jsonrpc: "2.0", id, method, params };
}

/** The claim of revision 2026-07-28. */
export const CLAIM = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
};

/** Creates a request of revision 2026-07-28. */
export function statelessRequest(
  method: string,
  params: Readonly<Record<string, unknown>> = {},
): unknown {
  return request(method, 1, { _meta: CLAIM, ...params });
}

/** Returns the headers of a request of revision 2026-07-28. */
export function statelessHeaders(
  method: string,
  { name, uri }: Readonly<Record<string, unknown>> = {},
): Record<string, string> {
  const named = name ?? uri;
  return {
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": method,
    ...(typeof named === "string" ? { "mcp-name": named } : {}),
  };
}

/** An event of a stream. */
export interface StreamEvent {
  readonly id?: string;
  readonly data?: string;
  readonly comment?: string;
}

/** Reads the events of a streamed response. */
export class EventReader {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #unparsed = "";

  constructor(response: Response) {
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    assert.ok(response.body);
    this.#reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Reads the next event; `undefined` at the end. */
  async nextEvent(): Promise<StreamEvent | undefined> {
    for (;;) {
      const end = this.#unparsed.indexOf("\n\n");
      if (end >= 0) {
        const event = this.#unparsed.slice(0, end);
        this.#unparsed = this.#unparsed.slice(end + 2);
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
      this.#unparsed += value;
    }
  }

  /** Reads the next event with a message; `undefined` at the end. */
  async nextMessage(): Promise<{ id: string; data: string } | undefined> {
    for (;;) {
      const event = await this.nextEvent();
      if (event === undefined) return undefined;
      if (event.data) return { id: event.id ?? "", data: event.data };
    }
  }

  /** Reads all messages until the end. */
  async remainingMessages(): Promise<string[]> {
    const messages: string[] = [];
    for (let event = await this.nextMessage(); event; event = await this.nextMessage()) {
      messages.push(event.data);
    }
    return messages;
  }

  /** Closes the stream. */
  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}
