import assert from "node:assert/strict";
import { AgentSession } from "../../e2e/agent_session.ts";
import type { Fields, LineTransport, Message } from "../../e2e/raw_client.ts";
import { claim } from "../../gateway/stateless/claims.ts";
import type { ClientTransport } from "./transport.ts";

/** The members that every result has, and those that say how long a client may use it again. */
const COMPLETE =
  /"result":\{"resultType":"complete","_meta":\{"io\.modelcontextprotocol\/serverInfo":\{[^{}]*\}/;
const CACHING = /,"ttlMs":\d+,"cacheScope":"private"/;

/** Methods whose results say how long a client may use them again. */
const CACHEABLE = [
  "tools/list",
  "resources/list",
  "resources/templates/list",
  "resources/read",
  "prompts/list",
];

/**
 * Returns the same transport for clients of revision 2026-07-28. The clients write and read as those of earlier
 * revisions do: their requests get claims, and the members of the revision are checked and removed from results.
 *
 * @param deviations Further tests that this transport does not pass, with the reasons.
 */
export function withoutSessions(
  transport: ClientTransport,
  deviations: ClientTransport["deviations"] = {},
): ClientTransport {
  return {
    name: `${transport.name} without sessions`,
    deviations: {
      ...deviations,
      "[protocol.ids] an answer has the unchanged id of its request": "there is no ping",
      "[offered.capabilities] resources, prompts and completions are declared":
        "there is no handshake",
      "[offered.requests] a server can ask the client during a read":
        "a request for input is an answer",
      "[protocol.ids] an id in use is refused, and the call continues": "there is no ping",
    },
    start: async (servers) => {
      const opened = await transport.start(servers);
      return {
        notFoundCode: -32602,
        connect: async (client = {}) => {
          assert.ok(client !== false, "There is no handshake");
          const session = await opened.connect(false);
          const { capabilities = {} } = client;
          return new AgentSession(new ClaimingTransport(session.client.transport, capabilities));
        },
        [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
      };
    },
  };
}

/** Adds claims to the requests of a client, and removes the members of the revision from results. */
class ClaimingTransport implements LineTransport {
  readonly lines: string[] = [];
  onLine: (line: string) => void = () => {};
  onEnd: () => void = () => {};
  readonly #transport: LineTransport;
  readonly #meta: string;
  readonly #methods = new Map<Message["id"], string>();

  constructor(transport: LineTransport, capabilities: Fields) {
    this.#transport = transport;
    this.#meta = JSON.stringify(claim({ capabilities })).slice(1, -1);
    transport.onLine = (line) => this.#receive(line);
    transport.onEnd = () => this.onEnd();
  }

  get stderr(): string {
    return this.#transport.stderr;
  }

  async write(text: string | Uint8Array<ArrayBuffer>): Promise<void> {
    assert.equal(typeof text, "string");
    const lines = String(text).split("\n");
    await this.#transport.write(lines.map((line) => this.#addClaim(line)).join("\n"));
  }

  #addClaim(line: string): string {
    if (line === "") return line;
    const { id, method, params } = JSON.parse(line);
    if (id === undefined) return line;
    this.#methods.set(id, method);
    if (params === undefined) return `${line.slice(0, -1)},"params":{"_meta":{${this.#meta}}}}`;
    if (params._meta !== undefined) return line.replace('"_meta":{', `"_meta":{${this.#meta},`);
    const separator = Object.keys(params).length === 0 ? "" : ",";
    return line.replace('"params":{', `"params":{"_meta":{${this.#meta}}${separator}`);
  }

  #receive(line: string): void {
    const message: Message = JSON.parse(line);
    const received = message.result === undefined ? line : this.#withoutMembers(line, message);
    this.lines.push(received);
    this.onLine(received);
  }

  #withoutMembers(line: string, { id, result }: Message): string {
    const [complete = assert.fail(line)] = COMPLETE.exec(line) ?? [];
    const [before = "", after = ""] = line.split(complete);
    const isCacheable = CACHEABLE.includes(this.#methods.get(id) ?? "");
    assert.equal(result?.cacheScope, isCacheable ? "private" : undefined, line);
    assert.equal(typeof result?.ttlMs, isCacheable ? "number" : "undefined", line);
    const others = after.replace(CACHING, "");
    return others.startsWith("}")
      ? `${before}"result":{${others.slice(1).replace(/^,/, "")}`
      : `${before}"result":{"_meta":{${others.slice(1)}`;
  }
}
