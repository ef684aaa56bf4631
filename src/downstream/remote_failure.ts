import type { RpcError } from "../jsonrpc/mod.ts";

/**
 * What is wrong, by what an operator has to do about it: the connection (`refused` to `closed`), its
 * TLS (`tls-…`), or what was answered.
 */
export type RemoteProblem =
  | "refused"
  | "unknown-host"
  | "unreachable"
  | "no-answer"
  | "proxy"
  | "port-blocked"
  | "no-http"
  | "closed"
  | "tls-expired"
  | "tls-not-yet-valid"
  | "tls-name"
  | "tls-unknown-issuer"
  | "tls-other"
  | "no-tls"
  | "no-permission"
  | "status"
  | "redirect"
  | "web-page"
  | "not-mcp";

/** What is known of a request that failed. */
export interface RemoteFailureOptions extends ErrorOptions {
  /**
   * How far it came: `never` where it cannot have reached a tool, so that it may be sent again;
   * `maybe` where it was cut off, and nobody knows what it has done; `refused` where the server
   * answered it with something else than a result.
   */
  readonly reach: "never" | "maybe" | "refused";
  /** Whether the whole session is over, as a process is that has crashed. */
  readonly endsSession?: boolean;
  /** The HTTP status, where there was one. */
  readonly status?: number;
  /** Whether the server asks to be left alone for a while. */
  readonly isBusy?: boolean;
  /** What is wrong. */
  readonly problem?: RemoteProblem | undefined;
  /** The JSON-RPC error that an answer held. */
  readonly rpc?: RpcError | undefined;
}

/** A remote server cannot be reached, or did not answer as it should. */
export class RemoteFailure extends Error {
  /** Tells this class from others. */
  override readonly name = "RemoteFailure";
  /** How far the request came. */
  readonly reach: "never" | "maybe" | "refused";
  /** Whether the whole session is over. */
  readonly endsSession: boolean;
  /** The HTTP status, where there was one. */
  readonly status: number | undefined;
  /** Whether the server asks to be left alone for a while. */
  readonly isBusy: boolean;
  /** What is wrong; `undefined` where nothing is known of it. */
  readonly problem: RemoteProblem | undefined;
  /** The JSON-RPC error that the answer held. */
  readonly rpc: RpcError | undefined;

  /**
   * Says it.
   *
   * @param message What happened, such as `it answered with HTTP 500`: without the url's userinfo,
   * path and query, and no headers.
   * @param options How far the request came.
   */
  constructor(message: string, options: RemoteFailureOptions) {
    super(message, options);
    this.reach = options.reach;
    this.endsSession = options.endsSession ?? false;
    this.status = options.status;
    this.isBusy = options.isBusy ?? false;
    this.problem = options.problem;
    this.rpc = options.rpc;
  }
}

/** The failure of a remote server that is behind an error, where it is one. */
export function remoteFailureBehind(error: unknown): RemoteFailure | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof RemoteFailure) return cause;
  }
  return undefined;
}
