import type { Budget } from "../budget.ts";
import type { Pausable } from "../within.ts";
import type { ClientChannel } from "./client_channel.ts";

/**
 * Capabilities that a client declared in its `initialize`. Only known members are kept, so that a server gets nothing
 * else that the client sent, and there are few different sets of capabilities.
 */
export interface ClientCapabilities {
  /** Present if the client can ask a person: in the listed modes, or by forms if none is listed. */
  readonly elicitation?: { readonly [mode in "form" | "url"]?: Readonly<Record<string, never>> };
  /** Present if the client has roots. */
  readonly roots?: { readonly listChanged?: true };
  /** Present if the client can sample a model. */
  readonly sampling?: { readonly tools?: Readonly<Record<string, never>> };
}

/** The client and the agent that a call is for. */
export interface Caller {
  /** Id of the client's connection to the gateway. */
  readonly connectionId: string;
  /** The name of the identified agent. */
  readonly agent: string;
  /** Capabilities of the client. */
  readonly capabilities: ClientCapabilities;
  /** The channel to the client. */
  readonly channel: ClientChannel;
  /** The permit that the caller's operation holds, if the number of operations is limited. */
  readonly permit?: Pausable;
  /**
   * Whether the call stays open while a server needs input, even if its client can give input only with a new request.
   * Default: no; the call ends, and the client makes it again with the input.
   */
  readonly awaitsInput?: boolean;
  /** The budget that a call's memory counts against until the call has been written to the server. Default: the server's. */
  readonly memory?: Budget;
}

/** A client's connection, independent of the agent that calls. */
export type ClientConnection = Omit<Caller, "agent" | "permit" | "awaitsInput" | "memory">;
