import type { Caller, CallOptions, InputNeeded, RequestOutcome } from "../../downstream/mod.ts";
import type { GatewayAnswer, ServerAnswer } from "../tools/mod.ts";
import type { ClientOffers } from "./client_offers.ts";
import type { TargetedRequest } from "./targeted_request.ts";

/** The context of a request to a server. */
export interface OfferedRequestOptions extends Omit<CallOptions, "timeoutMs"> {
  /** The caller. */
  readonly caller: Caller;
  /** The links, subscriptions and lists of the client's connection. */
  readonly offers: ClientOffers;
  /** Called before the request is sent; it waits for the promise, and is not sent if it rejects. */
  readonly beforeSend: () => Promise<void> | undefined;
}

/** The answer for a prompt or a template of a server that completes nothing. */
const NO_COMPLETIONS: GatewayAnswer = {
  kind: "gateway-result",
  json: '{"completion":{"values":[]}}',
};

/** The answer to a client that ends a subscription which it does not have. */
const NO_SUBSCRIPTION: GatewayAnswer = { kind: "gateway-result", json: "{}" };

/**
 * Sends a request to its server.
 *
 * @param targeted The request, which the rules allow.
 * @throws {CallerError} `RATE_LIMITED`, if the client has too many subscriptions.
 * @throws {DownstreamError} The server failed.
 */
export async function requestOffered(
  { target: { server }, request }: TargetedRequest,
  { caller, offers, ...options }: OfferedRequestOptions,
): Promise<ServerAnswer | GatewayAnswer | InputNeeded> {
  if (request.kind === "subscription") {
    const { uri } = request;
    return toAnswer(await offers.subscriptions.add({ uri, ...options }, { server, caller }));
  }
  if (request.kind === "completion" && server.offers("completions", caller) === false) {
    return NO_COMPLETIONS;
  }
  const outcome = await server.request({ ...request, ...options }, caller);
  if (outcome.kind === "input-required") return outcome;
  if (outcome.reply.ok) offers.addResult(server.config.name, outcome.reply.result.value);
  return toAnswer(outcome);
}

/**
 * Ends a subscription of the client, if there is one.
 *
 * @throws {DownstreamError} The server failed.
 */
export async function unsubscribe(
  uri: string,
  { caller, offers, ...options }: OfferedRequestOptions,
): Promise<ServerAnswer | GatewayAnswer> {
  const outcome = await offers.subscriptions.remove({ uri, ...options }, caller);
  return outcome === undefined ? NO_SUBSCRIPTION : toAnswer(outcome);
}

function toAnswer({ reply, urlInputError, downstreamMs }: RequestOutcome): ServerAnswer {
  if (!reply.ok) {
    const { error, text } = reply;
    return { kind: "rpc-error", error, text, urlInputError, downstreamMs };
  }
  const { text: result, value, bytes } = reply.result;
  return { kind: "result", result, value, bytes, downstreamMs, isToolError: false };
}
