import { DownstreamError } from "../errors.ts";
import { isRecord } from "../json.ts";
import type { RpcError } from "../jsonrpc/mod.ts";
import { STATELESS_CODES } from "../revisions.ts";
import type { ClientCapabilities } from "./caller.ts";
import type { Session } from "./session.ts";

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
  if (code !== STATELESS_CODES.missingCapability || !isRecord(data)) return undefined;
  const { requiredCapabilities } = data;
  if (!isRecord(requiredCapabilities)) return undefined;
  const { server, declared } = session;
  const unforwarded = (["elicitation", "roots", "sampling"] as const).filter((name) => {
    return Object.hasOwn(requiredCapabilities, name) &&
      capabilities[name] !== undefined && declared[name] === undefined;
  });
  if (unforwarded.length === 0) return undefined;
  const names = unforwarded.map((name) => `"${name}"`).join(" and ");
  const message =
    `Server "${server}" needs ${names} of the client, which "gateway.forward" of its ` +
    "entry does not include; the operator of the gateway can add it there.";
  return new DownstreamError("SERVER_UNAVAILABLE", server, message, { retryable: false });
}
