import type { Budget } from "../../budget.ts";
import type { ReadThrottle } from "../../jsonrpc/mod.ts";
import type { Log } from "../../log.ts";
import type { RemoteFailure } from "../remote_failure.ts";
import type { MessageRole } from "../revisions/mod.ts";
import type { HttpRequester } from "./http_requester.ts";
import type { IncomingText } from "./sse_parser.ts";

/** A message to a server. */
export interface OutgoingMessage {
  /** The message as it is sent. */
  readonly text: string;
  /** The id of a request, as JSON text; `undefined` for other messages. */
  readonly id: string | undefined;
  /** The message's special role in the connection, if it has one. */
  readonly role: MessageRole | undefined;
  /** HTTP headers of a request that belongs to no session; `undefined` if it belongs to the session. */
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** Called when a part of its response has arrived. */
  readonly onResponsePart: () => void;
}

/** Sends messages to a remote server, and receives the server's messages. */
export interface RemoteClient {
  /** Whether the server keeps a session under an id, which it may forget. */
  readonly hasSessionId: boolean;
  /**
   * Sends a message. For a request, resolves when the response is complete, or when no response can
   * arrive any more.
   *
   * @param message The message.
   * @param signal Cancels sending; its reason is thrown.
   * @returns A function that explains why no answer arrived, to be called only in that case; `undefined` if
   * the answer may still arrive.
   * @throws {RemoteFailure} if the message cannot be sent or its response cannot be read.
   * @throws {DownstreamError} if a login is needed.
   */
  send(
    message: OutgoingMessage,
    signal: AbortSignal,
  ): Promise<(() => RemoteFailure) | undefined>;
  /** Sets headers that are sent with every later request. */
  setHeaders(headers: Readonly<Record<string, string>>): void;
  /** Opens streams again that may have died while the machine slept. */
  reopenStreams(): void;
  /**
   * Ends the session at the server.
   *
   * @param withinMs Maximum time, in milliseconds.
   */
  endSession(withinMs: number): Promise<void>;
  /** Aborts everything immediately. */
  close(): void;
}

/** Receives messages from the server of a client. */
export interface RemoteClientListener {
  /** Receives a message; returns a promise that the next message waits for, if any. */
  readonly onMessage: (data: IncomingText) => Promise<void> | void;
  /** Called when the session is lost. */
  readonly onLost: (failure: RemoteFailure) => void;
}

/** Options of a client. */
export interface RemoteClientOptions extends RemoteClientListener {
  /** The address of the server. */
  readonly url: URL;
  /** Sends its requests. */
  readonly requester: HttpRequester;
  /** Size limit of a message, in bytes. */
  readonly maxBytes: number;
  /** The server's memory budget; `undefined` if it is not limited. */
  readonly memory: Budget | undefined;
  /** Returns a promise to await before reading more from the server, while the gateway's only client does not read. */
  readonly untilClientReads: (() => Promise<void> | undefined) | undefined;
  /** Maximum wait for a server that says it is busy, for the first message and later ones, in milliseconds. */
  readonly maxBusyWaitMs: { readonly start: number; readonly call: number };
  /** The throttles of the streams that are being read. */
  readonly throttles: Set<ReadThrottle>;
  readonly log: Log;
  /** The server's name, for the log. */
  readonly server: string;
}
