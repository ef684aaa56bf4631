import type { RpcError } from "../jsonrpc/mod.ts";

/**
 * The kind of problem. Each kind has its own fix. `refused` to `closed` are problems of the connection,
 * `tls-expired` to `no-tls` of its encryption, and `status` to `not-mcp` of the answer. `no-permission` is a
 * missing permission of the gateway.
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
  | "redirect-loop"
  | "web-page"
  | "not-mcp";

/** Options of a `RemoteFailure`. */
export interface RemoteFailureOptions extends ErrorOptions {
  /**
   * Whether the request reached its tool: `never` if it did not, so that it may be sent again; `maybe` if
   * the connection broke and the tool may have run; `refused` if the server answered with something other
   * than a result.
   */
  readonly reach: "never" | "maybe" | "refused";
  /** Whether the failure ends the whole session, as the crash of a process does. */
  readonly endsSession?: boolean;
  /** The HTTP status, if there was one. */
  readonly status?: number | undefined;
  /** Whether the server asks the gateway to wait. */
  readonly isBusy?: boolean;
  /** The kind of problem. */
  readonly problem?: RemoteProblem | undefined;
  /** The JSON-RPC error that an answer held. */
  readonly rpcError?: RpcError | undefined;
}

/** A remote server cannot be reached, or did not answer as it should. */
export class RemoteFailure extends Error {
  /** The name of the class. */
  override readonly name = "RemoteFailure";
  /** Whether the request reached its tool; see `RemoteFailureOptions`. */
  readonly reach: "never" | "maybe" | "refused";
  /** Whether the failure ends the whole session. */
  readonly endsSession: boolean;
  /** The HTTP status, if there was one. */
  readonly status: number | undefined;
  /** Whether the server asks the gateway to wait. */
  readonly isBusy: boolean;
  /** The kind of problem; `undefined` if it is unknown. */
  readonly problem: RemoteProblem | undefined;
  /** The JSON-RPC error that the answer held. */
  readonly rpcError: RpcError | undefined;

  /**
   * Creates the failure.
   *
   * @param message Description, such as `it answered with HTTP 500`, without headers and without the
   * userinfo, path and query of the url.
   * @param options The details of the failure.
   */
  constructor(message: string, options: RemoteFailureOptions) {
    super(message, options);
    this.reach = options.reach;
    this.endsSession = options.endsSession ?? false;
    this.status = options.status;
    this.isBusy = options.isBusy ?? false;
    this.problem = options.problem;
    this.rpcError = options.rpcError;
  }
}

/** Returns the failure of a remote server that caused an error, if there is one. */
export function remoteFailureBehind(error: unknown): RemoteFailure | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof RemoteFailure) return cause;
  }
  return undefined;
}
