/** The result stage of the pipeline for clients that give input only with a new request. */

import type { ClientChannel, InputNeeded, InputRequest, NeededInput } from "../downstream/mod.ts";
import { DownstreamError } from "../errors.ts";
import { isRecord } from "../json.ts";
import { type JsonText, utf8Bytes } from "../jsonrpc/mod.ts";
import type { OperationRequest, Outcome } from "./operation.ts";
import type { OperationRecord } from "./records.ts";

/** Maximum number of times that the client of one operation is asked; official clients give up after 10. */
export const MAX_ROUNDS = 32;

/** Maximum number of requests for input at a time. */
export const MAX_REQUESTS = 100;

/** Maximum size of a server's state as JSON, in bytes: the client holds it, sealed and together with the gateway's. */
const MAX_SERVER_STATE_BYTES = 60 * 1024;

/** Maximum number of times that the client of one operation has been asked when it is asked to log in. */
const MAX_ROUNDS_BEFORE_LOGIN = 1;

/** The context of an outcome. */
export interface RelayContext {
  /** Name of the server; `undefined` if the operation has none. */
  readonly server: string | undefined;
  /** The channel to the client. */
  readonly channel: ClientChannel;
  readonly request: Pick<OperationRequest, "interaction">;
  /** Whether the audit log has an entry of the operation's beginning. */
  readonly hasBegun: boolean;
}

/** An outcome before it is known whether its client has to give input. */
export type UnrelayedOutcome =
  | Exclude<Outcome, { readonly kind: "input-required" }>
  | InputNeeded;

/**
 * Returns the outcome for the client of an operation. A server of an earlier revision that refuses a call until a
 * person has opened links needs input, too, if the client can show links.
 *
 * @throws {DownstreamError} if the server needs input that the client cannot give, or asks without end.
 */
export function relayInput(outcome: UnrelayedOutcome, context: RelayContext): Outcome {
  switch (outcome.kind) {
    case "input-required":
      return requireInput(outcome, { ...context, beginsAnew: false });
    case "rpc-error": {
      const { downstreamMs, urlInputError } = outcome;
      if (urlInputError === undefined || context.request.interaction === undefined) return outcome;
      const input = context.channel.supports("url") ? readUrlRequests(urlInputError) : undefined;
      return input === undefined
        ? outcome
        : requireInput({ input, downstreamMs }, { ...context, beginsAnew: true });
    }
    default:
      return outcome;
  }
}

/**
 * Asks the client of an operation that needs a login, if it can show the link to it. The operation begins anew with the
 * client's next request, which waits for the login. The client is asked once more, and then the operation fails.
 *
 * @returns The record with the outcome for the client.
 */
export function askForLogin(
  record: OperationRecord,
  { channel, request: { interaction }, hasBegun }: Omit<RelayContext, "server">,
): OperationRecord {
  const { outcome, subject } = record;
  if (outcome.kind !== "failed" || outcome.error.code !== "AUTH_REQUIRED") return record;
  const { error: { url } } = outcome;
  const server = subject?.server;
  const canAsk = interaction !== undefined && interaction.rounds <= MAX_ROUNDS_BEFORE_LOGIN &&
    channel.relaysInput && channel.supports("url");
  if (server === undefined || url === undefined || !canAsk) return record;
  const message = `[${server}] The server needs you to log in at ${new URL(url).host}. ` +
    "Open the link and log in; then let the call continue.";
  const requests = { g1: { kind: "url", params: { mode: "url", url, message } } } as const;
  const input = { requests, state: undefined };
  const kind = "input-required";
  return {
    ...record,
    outcome: { kind, server, input, beginsAnew: true, hasBegun, downstreamMs: 0 },
  };
}

function requireInput(
  { input, downstreamMs }: Omit<InputNeeded, "kind">,
  { server = "", channel, request: { interaction }, hasBegun, beginsAnew }: RelayContext & {
    readonly beginsAnew: boolean;
  },
): Outcome {
  const fail = (reason: string): never => {
    const message = `Server "${server}" ${reason}, so the call was ended`;
    throw new DownstreamError("SERVER_UNAVAILABLE", server, message, { retryable: false });
  };
  if (interaction === undefined) return fail("asked for input, which this request cannot have");
  const kinds = Object.values(input.requests).map(({ kind }) => kind);
  const unsupported = kinds.find((kind) => !channel.supports(kind));
  if (unsupported !== undefined) {
    return fail(`asked for input (${unsupported}), which the client does not support`);
  }
  if (
    input.state !== undefined && utf8Bytes(JSON.stringify(input.state)) > MAX_SERVER_STATE_BYTES
  ) {
    return fail(`sent a state of more than ${MAX_SERVER_STATE_BYTES} bytes`);
  }
  if (interaction.rounds >= MAX_ROUNDS || kinds.length > MAX_REQUESTS) {
    return fail("asked for input too often");
  }
  return { kind: "input-required", server, input, beginsAnew, hasBegun, downstreamMs };
}

/** Reads the links that a person has to open from the error of a server; `undefined` if it has none. */
function readUrlRequests(error: JsonText): NeededInput | undefined {
  const { data: { elicitations } } = JSON.parse(error.json);
  const links: unknown[] = Array.isArray(elicitations) ? elicitations : [];
  const requests = links.filter(isRecord).map(
    ({ elicitationId: _, ...params }, index): [string, InputRequest] => {
      return [`g${index + 1}`, { kind: "url", params: { ...params, mode: "url" } }];
    },
  );
  return requests.length === 0
    ? undefined
    : { requests: Object.fromEntries(requests), state: undefined };
}
