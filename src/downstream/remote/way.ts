import type { Turn } from "../../jsonrpc/mod.ts";
import type { Log } from "../../log.ts";
import type { RemoteFailure } from "../remote_failure.ts";
import type { Requests } from "./requests.ts";
import type { SseData } from "./sse_splitter.ts";
import type { Outgoing, Tickets } from "./tickets.ts";

/** The SDK's part of it, which takes 0.1 s and 30 MB to load. */
export type Sdk = Pick<
  typeof import("@modelcontextprotocol/client"),
  "StreamableHTTPClientTransport" | "SSEClientTransport"
>;

/** How messages travel to a remote server and back. */
export interface Way {
  /** Whether the server keeps a session under an id, which it may forget. */
  readonly hasSessionId: boolean;
  /**
   * Sends a message.
   *
   * @param message The message.
   * @param signal Gives up; its reason is thrown.
   * @returns Where no answer will come any more, why: to be asked only if none has come. `undefined`
   * where it may come yet.
   * @throws {RemoteFailure} where it fails.
   */
  send(message: Outgoing, signal: AbortSignal): Promise<(() => RemoteFailure) | undefined>;
  /** Takes the revision that was agreed on, which requests name from then on. */
  negotiated(revision: string): void;
  /**
   * Tells the server that the session is over.
   *
   * @param withinMs How long that may take, in milliseconds.
   */
  leave(withinMs: number): Promise<void>;
  /** Breaks off everything at once. */
  close(): void;
}

/** What a way is made with. */
export interface WayOptions {
  readonly sdk: Sdk;
  readonly url: URL;
  readonly requests: Requests;
  readonly tickets: Tickets;
  /** The longest message that is taken, in bytes. */
  readonly maxBytes: number;
  /** How long a server may be waited for that says it is busy, in milliseconds. */
  readonly busyMs: { readonly start: number; readonly call: number };
  /** Loops that read, which can be asked to pause. */
  readonly turns: Set<Turn>;
  readonly log: Log;
  /** The server's name, for the log. */
  readonly server: string;
  /** Takes a message. */
  readonly onMessage: (data: SseData) => void;
  /** The session is over. */
  readonly onLost: (failure: RemoteFailure) => void;
}
