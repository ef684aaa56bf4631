import type { JSONRPCMessage } from "@modelcontextprotocol/client";
import { textAt } from "../../jsonrpc/mod.ts";
import type { SseData } from "./sse_splitter.ts";
import type { Received } from "./unanswered.ts";

/** A message of ours on its way to a server. */
export interface Outgoing {
  /** The message as it leaves. */
  readonly text: string;
  /** Its id as JSON text, where it is a request. */
  readonly id: string | undefined;
  /** Its method, where it is no answer. */
  readonly method: string | undefined;
}

/** The answer to a request as it arrives. */
export interface Exchange {
  /** What was sent. */
  readonly outgoing: Outgoing;
  /** Whether it is answered by a stream, which the SDK reads on its own. */
  isStream: boolean;
  /** Whether the answer has come. */
  isAnswered: boolean;
  /** The last id of an event on it, by which it can be taken up again. */
  lastEventId: string | undefined;
  /** Why the stream ended early, where the network did it. */
  failure: Error | undefined;
  /** What came of it. */
  readonly received: Received;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** A message as the SDK knows it. */
export type Stub = JSONRPCMessage;

/**
 * What the SDK's transports see of messages. They parse and check every message, and write it again:
 * numbers beyond 2^53, `1.0`, duplicate keys and what its schemas do not know would not arrive as
 * sent, and an odd message would be refused as a whole. So a message goes around them, and they get a
 * stub with the number of a ticket; it says only whether there is an answer in it, because that ends
 * the wait for a stream to be resumed.
 */
export class Tickets {
  readonly #received = new Map<number, SseData>();
  readonly #sent = new Map<number, Exchange>();
  #next = 1;

  /**
   * Keeps what was received.
   *
   * @param data The message.
   * @param answers Whether there is an answer in it.
   * @returns Its stub as JSON.
   */
  keep(data: SseData, answers: boolean): string {
    const ticket = this.#next++;
    this.#received.set(ticket, data);
    const stub = answers
      ? { jsonrpc: "2.0", id: 0, result: { ticket } }
      : { jsonrpc: "2.0", method: "ticket", params: { ticket } };
    return JSON.stringify(stub);
  }

  /** Takes what was received back, by its stub. */
  take(stub: unknown): SseData | undefined {
    const ticket = ticketOf(stub);
    const data = this.#received.get(ticket);
    this.#received.delete(ticket);
    return data;
  }

  /** Keeps what is to be sent, until `forget`. */
  send(
    outgoing: Outgoing,
    signal: AbortSignal,
  ): { readonly stub: Stub; readonly exchange: Exchange } {
    const ticket = this.#next++;
    const exchange: Exchange = {
      outgoing,
      signal,
      isStream: false,
      isAnswered: false,
      lastEventId: undefined,
      failure: undefined,
      received: {
        status: 0,
        type: "",
        encoding: undefined,
        data: undefined,
        events: 0,
        head: undefined,
      },
    };
    this.#sent.set(ticket, exchange);
    const { id, method } = outgoing;
    // Of the introduction the SDK has to know that it is one: its answer brings the session's id.
    const params = method === "initialize" ? { ...paramsOf(outgoing.text), ticket } : { ticket };
    const stub: Stub = method === undefined
      ? { jsonrpc: "2.0", id: 0, result: { ticket } }
      : id === undefined
      ? { jsonrpc: "2.0", method: "ticket", params }
      : { jsonrpc: "2.0", id: ticket, method, params };
    return { stub, exchange };
  }

  /** What is to be sent, by the stub as JSON. */
  sent(stub: string): Exchange | undefined {
    return this.#sent.get(ticketOf(JSON.parse(stub)));
  }

  /** What was sent is over. */
  forget(stub: Stub): void {
    this.#sent.delete(ticketOf(stub));
  }
}

function ticketOf(stub: unknown): number {
  const { params, result } = stub as Readonly<Record<string, { ticket?: number } | undefined>>;
  return params?.ticket ?? result?.ticket ?? 0;
}

function paramsOf(text: string): Record<string, unknown> {
  return JSON.parse(text).params;
}

/** Whether there is an answer in a message; what is no JSON says nothing. */
export function isAnswer(data: SseData): boolean {
  // Of a long message only the ends are known; servers ask and tell little, and answer much.
  if ("reason" in data) return true;
  const first = data.text.trimStart()[0];
  if (first !== "{") return first === "[";
  try {
    return textAt(data.text, "method") === undefined && textAt(data.text, "id") !== undefined;
  } catch {
    return false;
  }
}
