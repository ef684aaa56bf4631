import { DownstreamError } from "../errors.ts";
import { isRecord } from "../json.ts";
import type { RpcError } from "../jsonrpc/mod.ts";
import type { ClientCapabilities } from "./caller.ts";
import type { Session } from "./session.ts";

/**
 * JSON-RPC code of a request that needs a capability which was not declared.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic}
 */
const MISSING_CAPABILITY = -32021;

/**
 * Explains that a server needs a capability which the client has, but which the server's entry does not forward;
 * `undefined` if that is not why the server refused a request.
 */
export function explainUnforwarded(
  { code, data }: RpcError,
  { session, capabilities }: {
    readonly session: Session;
    readonly capabilities: ClientCapabilities;
  },
): DownstreamError | undefined {
  if (code !== MISSING_CAPABILITY || !isRecord(data) || !isRecord(data.requiredCapabilities)) {
    return undefined;
  }
  const { server, declared } = session;
  const unforwarded = (["elicitation", "roots", "sampling"] as const).filter((name) => {
    return Object.hasOwn(data.requiredCapabilities as object, name) &&
      capabilities[name] !== undefined && declared[name] === undefined;
  });
  if (unforwarded.length === 0) return undefined;
  const names = unforwarded.map((name) => `"${name}"`).join(" and ");
  const message =
    `Server "${server}" needs ${names} of the client, which "gateway.forward" of its ` +
    "entry does not include; the operator of the gateway can add it there.";
  return new DownstreamError("SERVER_UNAVAILABLE", server, message);
}
