import type { ServerConfig } from "../config/mod.ts";
import { DownstreamError } from "../errors.ts";
import { RPC_CODES, type RpcError } from "../jsonrpc/mod.ts";
import { RemoteFailure } from "./remote_failure.ts";
import { redactExcerpt } from "./secrets.ts";

/**
 * Whether a JSON-RPC error may mean that the server does not know the session.
 *
 * @param error The error; `undefined` if there was none.
 */
export function refusesSession(error: RpcError | undefined): boolean {
  if (error === undefined) return false;
  return error.code === RPC_CODES.invalidRequest || /session|initiali[sz]/i.test(error.message);
}

/**
 * Describes the failure of a call that was answered with an error about the session.
 *
 * @param config The server's entry.
 * @param error The error of the answer.
 */
export function createSessionRefusal(config: ServerConfig, error: RpcError): DownstreamError {
  const reason = `it answered with error ${error.code}: ${redactExcerpt(error.message, config)}`;
  const cause = new RemoteFailure(reason, { reach: "refused" });
  const message = `Server "${config.name}" is not available: ${reason}.`;
  return new DownstreamError("SERVER_UNAVAILABLE", config.name, message, { cause });
}
