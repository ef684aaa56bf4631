/** Calls, and requests for prompts and resources, whose operations may ask their clients for input. */

import type { Budget } from "../../budget.ts";
import type { ClientChannel } from "../../downstream/mod.ts";
import type { CallerError } from "../../errors.ts";
import { type IncomingRequest, JsonText } from "../../jsonrpc/mod.ts";
import { startOfText } from "../../text.ts";
import type { OperationRequest, Outcome } from "../operation.ts";
import type { clientCodec2025, ClientCodec2026 } from "../revisions/mod.ts";
import type { AttachedRequest } from "./interaction.ts";

/** Maximum length of an agent's id in a principal; valid ids are shorter. */
const MAX_AGENT_LENGTH = 64;

/** An outcome that has to be sealed before it is an answer. */
export interface UnsealedAnswer {
  readonly kind: "unsealed";
  readonly outcome: Extract<Outcome, { readonly kind: "input-required" }>;
  readonly bytes?: never;
}

/** The answer to an operation, before its state is sealed. */
export type RawAnswer = clientCodec2025.Answer | UnsealedAnswer;

/** A request whose operation may ask its client for input. */
export interface InteractiveCall {
  readonly request: IncomingRequest;
  /** The request as the operation sees it while it is attached. */
  readonly attached: AttachedRequest;
  /** Identifies the client; over HTTP the same in all replicas. */
  readonly client: string;
  /** Id of the client's connection, for the records. */
  readonly connectionId: string;
  /** The memory of the client; answers that wait for the client count against it. */
  readonly memory: Budget;
  /** The codec of the revision. */
  readonly codec: ClientCodec2026;
  /** Decodes the request; `notifyProgress` receives the progress of the operation. */
  readonly decode: (
    notifyProgress: AttachedRequest["notifyProgress"],
  ) => OperationRequest<clientCodec2025.Answer>;
  /** Runs the operation. */
  readonly run: (
    operationRequest: OperationRequest<RawAnswer>,
    channel: ClientChannel,
  ) => Promise<RawAnswer>;
  /** Decides again about an operation that its client continues; returns the answer if it is refused. */
  readonly decideAgain: (
    operationRequest: OperationRequest<clientCodec2025.Answer>,
    channel: ClientChannel,
  ) => Promise<clientCodec2025.Answer | undefined>;
}

/** Returns a request whose operation fails before it is judged. */
export function withFault(call: InteractiveCall, fault: CallerError): InteractiveCall {
  return { ...call, decode: (notifyProgress) => ({ ...call.decode(notifyProgress), fault }) };
}

/**
 * Counts a request against the memory of its client.
 *
 * @returns An object that ends the counting when it is disposed of, even repeatedly; `undefined` if there is no room.
 */
export function holdMemory({ memory, request }: InteractiveCall): Disposable | undefined {
  const { memory: bytes } = request;
  if (!memory.hasRoom(bytes)) return undefined;
  memory.add(bytes);
  let isHeld = true;
  return {
    [Symbol.dispose]: () => {
      if (isHeld) memory.add(-bytes);
      isHeld = false;
    },
  };
}

/** Identifies the client and the agent of a request. */
export function principalOf(
  { client }: Pick<InteractiveCall, "client">,
  { claimedAgent = "" }: Pick<OperationRequest, "claimedAgent">,
): string {
  return JSON.stringify([client, startOfText(claimedAgent, MAX_AGENT_LENGTH)]);
}

/** Returns the client that a principal names. */
export function clientOf(principal: string): unknown {
  return JSON.parse(principal)[0];
}

/** Returns the length of the texts of an answer, in UTF-16 code units. */
export function lengthOf(answer: RawAnswer): number {
  switch (answer.kind) {
    case "result": {
      const { result } = answer;
      return result instanceof JsonText
        ? result.json.length
        : result.parts.reduce((length, part) => length + part.length, 0);
    }
    case "error":
      return answer.error instanceof JsonText
        ? answer.error.json.length
        : JSON.stringify(answer.error).length;
    case "unsealed":
      return JSON.stringify(answer.outcome.input).length;
    case "none":
      return 0;
  }
}
