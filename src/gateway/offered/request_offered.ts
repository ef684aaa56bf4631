import type { Caller, CallOptions } from "../../downstream/mod.ts";
import type { GatewayAnswer, ServerAnswer } from "../tools/mod.ts";
import type { ClientOffers } from "./client_offers.ts";
import type { TargetedRequest } from "./targeted_request.ts";

/** The context of a request to a server. */
export interface RequestOptions extends Omit<CallOptions, "timeoutMs"> {
  /** The caller. */
  readonly caller: Caller;
  /** The state of the connection. */
  readonly offers: ClientOffers;
  /** Called before the request is sent; it waits for the promise, and is not sent if it rejects. */
  readonly beforeSend: () => Promise<void> | undefined;
}

/** The answer for a prompt or a template of a server that completes nothing. */
const NO_COMPLETIONS: GatewayAnswer = {
  kind: "gateway-result",
  json: '{"completion":{"values":[]}}',
};

/**
 * Sends a request to its server.
 *
 * @param targeted The request, which the rules allow.
 * @throws {DownstreamError} The server failed.
 */
export async function requestOffered(
  { target: { server }, request }: TargetedRequest,
  { caller, offers, ...options }: RequestOptions,
): Promise<ServerAnswer | GatewayAnswer> {
  if (request.kind === "completion" && server.offers("completions", caller) === false) {
    return NO_COMPLETIONS;
  }
  const { reply, linksError, downstreamMs } = await server.request(
    { ...request, ...options },
    caller,
  );
  if (!reply.ok) {
    const { error, text } = reply;
    return { kind: "rpc-error", error, text, linksError, downstreamMs };
  }
  const { value, text: result, bytes } = reply.result;
  offers.addResult(server.config.name, value);
  return { kind: "result", result, bytes, downstreamMs, isToolError: false };
}
