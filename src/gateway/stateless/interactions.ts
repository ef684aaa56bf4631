import { MAX_REQUEST_ID_LENGTH } from "../../audit/mod.ts";
import type { Settings } from "../../config/mod.ts";
import type { GivenInput, InputRequest } from "../../downstream/mod.ts";
import { CallerError } from "../../errors.ts";
import { isRecord } from "../../json.ts";
import { RPC_CODES } from "../../jsonrpc/mod.ts";
import type { Log } from "../../log.ts";
import type { Metrics } from "../../metrics/mod.ts";
import { startOfText } from "../../text.ts";
import { createErrorBody } from "../error_body.ts";
import type { InteractionRecord, OperationRequest, Outcome } from "../operation.ts";
import { MAX_ROUNDS } from "../relay.ts";
import type { clientCodec2025 } from "../revisions/mod.ts";
import { Interaction } from "./interaction.ts";
import {
  clientOf,
  holdMemory,
  type InteractiveCall,
  lengthOf,
  principalOf,
  type RawAnswer,
  type UnsealedAnswer,
  withFault,
} from "./interactive_call.ts";
import { createToken, ParkedOperations, type ParkedOperationsOptions } from "./parked.ts";
import { digestRequest } from "./request_digest.ts";
import { readState, type SealedState } from "./sealed_state.ts";
import { StateSeal } from "./state_seal.ts";

/** Bytes of a character in memory. */
const BYTES_PER_CHARACTER = 2;

const RESPONSES_NOT_OBJECT =
  "inputResponses must be an object: the keys of inputRequests, each with its answer. " +
  "Send this request again with the same requestState.";

const STATE_NOT_VALID =
  "The call waited for your input, but its requestState is not the one that you received for the " +
  "same call, its time is up, or the gateway was restarted. The call may have had effects. If you " +
  "still want it, make it anew, without requestState.";

const OPERATION_GONE =
  "The call waited for your input and is gone: it was continued before, its time was " +
  "up, the gateway was restarted, or another replica of the gateway has it. The call may have had " +
  "effects. If you still want it, make it anew, without requestState.";

const INPUT_INCOMPLETE =
  "The call waited for your input, and was cancelled because some of it was still missing after " +
  `${MAX_ROUNDS} requests. The call may have had effects. If you still want it, make it anew, ` +
  "without requestState.";

const MEMORY_FULL =
  "The requests of this client take their maximum of memory, so the call could not go on. " +
  "Send this request again when another one is answered.";

/** Options of the interactions of a gateway. */
export interface InteractionsOptions extends ParkedOperationsOptions {
  /** The secret that the key of the seal is derived from, and the time for which operations wait for their clients. */
  readonly settings: Pick<Settings, "stateKey" | "stateTtlS">;
  /** The gateway's version. */
  readonly version: string;
  /** Counts the operations that wait for their clients, and how they ended. */
  readonly metrics: Pick<Metrics, "parked">;
  /** Log for the operator. */
  readonly log: Log;
}

/** The operation that a request continues, if it is not in memory: the request has brought back all that is known of it. */
interface Continuation {
  readonly record: InteractionRecord;
  readonly givenInput: (GivenInput & { readonly server: string }) | undefined;
}

/** A request with a state that may be used for it. */
interface ContinuedRequest<K extends SealedState["kind"]> {
  readonly operationRequest: OperationRequest<clientCodec2025.Answer>;
  readonly state: Extract<SealedState, { readonly kind: K }>;
}

/**
 * The operations of clients that give input only with new requests. An operation that has to wait is parked here, or
 * its state travels sealed with its client.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr}
 */
export class Interactions {
  readonly #options: InteractionsOptions;
  readonly #seal: StateSeal;
  readonly #ttlMs: number;
  readonly #parked: ParkedOperations<Interaction<RawAnswer>>;

  /** Creates the interactions; the key of the seal is made when it is first needed. */
  constructor(options: InteractionsOptions) {
    this.#options = options;
    this.#ttlMs = options.settings.stateTtlS * 1000;
    this.#seal = new StateSeal(options.settings.stateKey);
    this.#parked = new ParkedOperations(options);
  }

  /** Number of operations whose clients were asked for input, and that have not ended. */
  get size(): number {
    return this.#parked.size;
  }

  /** Runs the operation of a request, or continues the operation whose state the request contains. */
  answer(call: InteractiveCall): Promise<clientCodec2025.Answer> {
    const { requestState: sealed } = call.codec.fieldsOf(call.request.params);
    // Responses without a state belong to nothing.
    return sealed === undefined ? this.#run(call) : this.#continue(call, sealed);
  }

  /** Whether operations wait for further requests of a client. */
  isAwaited(client: string): boolean {
    return this.#parked.some((principal) => clientOf(principal) === client);
  }

  /** Ends the operations of a client that is gone. */
  endClient(client: string): void {
    this.#parked.cancelAll("The client is gone", (principal) => clientOf(principal) === client);
  }

  /** Ends the operation whose client was asked with the answer to a request. */
  cancelRequest(
    { client, requestId }: { readonly client: string; readonly requestId: string },
    reason: string,
  ): void {
    this.#parked.cancelRequest((operation) => {
      return operation.requestId === requestId && clientOf(operation.principal) === client;
    }, reason);
  }

  /** Ends all operations, because the gateway ends. */
  close(): void {
    this.#parked.close("The gateway ends");
  }

  /** Runs an operation, or runs it again with the input that its server needed. */
  async #run(call: InteractiveCall, continuation?: Continuation): Promise<clientCodec2025.Answer> {
    const operationRequest = call.decode((params) => interaction.notifyProgress(params));
    const { interaction, keep } = this.#createInteraction(call, { operationRequest, continuation });
    const givenInput = continuation?.givenInput;
    const run = call.run({
      ...operationRequest,
      ...(givenInput !== undefined && { givenInput }),
      interaction,
      signal: interaction.signal,
      encode: (outcome) => {
        return outcome.kind === "input-required"
          ? { kind: "unsealed", outcome }
          : operationRequest.encode(outcome);
      },
    }, interaction);
    interaction.follow(run, keep);
    return await this.#answerNext(call, interaction);
  }

  #createInteraction(
    call: InteractiveCall,
    { operationRequest, continuation }: {
      readonly operationRequest: OperationRequest<clientCodec2025.Answer>;
      readonly continuation: Continuation | undefined;
    },
  ): {
    readonly interaction: Interaction<RawAnswer>;
    /** Returns what is kept of an answer that waits for its client. */
    readonly keep: (answer: RawAnswer) => RawAnswer;
  } {
    const { parked } = this.#options.metrics;
    const { client, memory } = call;
    const { claimedAgent } = operationRequest;
    // The request itself is not kept: it may take much memory.
    let encode: OperationRequest<clientCodec2025.Answer>["encode"] | undefined =
      operationRequest.encode;
    let keptBytes = 0;
    const interaction: Interaction<RawAnswer> = new Interaction({
      request: call.attached,
      principal: () => principalOf({ client }, { claimedAgent }),
      ...(continuation !== undefined && { record: continuation.record }),
      ttlMs: this.#ttlMs,
      admit: () => {
        const handle = this.#parked.add(interaction);
        if (handle !== undefined) parked.begin();
        return handle;
      },
      onOver: ({ handle, ending }) => {
        memory.add(-keptBytes);
        if (handle === undefined) return;
        this.#parked.remove(handle);
        parked.end(ending);
      },
    });
    const keep = (answer: RawAnswer): RawAnswer => {
      const bytes = BYTES_PER_CHARACTER * lengthOf(answer);
      const tooLarge = memory.hasRoom(bytes) ? undefined : encode?.(createTooLargeOutcome());
      encode = undefined;
      if (tooLarge !== undefined) return tooLarge;
      keptBytes = bytes;
      memory.add(bytes);
      return answer;
    };
    return { interaction, keep };
  }

  /** Continues the operation whose state a request contains, if the request may use it. */
  async #continue(call: InteractiveCall, sealed: unknown): Promise<clientCodec2025.Answer> {
    // The pipeline counts only the first request of an operation that is parked here, so this one is counted as well.
    using held = holdMemory(call);
    if (held === undefined) {
      return await this.#run(withFault(call, new CallerError("RATE_LIMITED", MEMORY_FULL)));
    }
    const { inputResponses } = call.codec.fieldsOf(call.request.params);
    if (inputResponses !== undefined && !isRecord(inputResponses)) {
      return await this.#refuse(call, RESPONSES_NOT_OBJECT);
    }
    const operationRequest = call.decode(() => {});
    const state = await this.#open(sealed, { call, operationRequest });
    if (state?.kind === "park") return await this.#resume(call, { operationRequest, state });
    held[Symbol.dispose]();
    return state === undefined
      ? await this.#refuse(call, STATE_NOT_VALID)
      : await this.#repeat(call, { operationRequest, state });
  }

  /** Returns the state in a request; `undefined` if the request may not use it. */
  async #open(
    sealed: unknown,
    { call, operationRequest }: {
      readonly call: InteractiveCall;
      readonly operationRequest: OperationRequest<clientCodec2025.Answer>;
    },
  ): Promise<SealedState | undefined> {
    if (typeof sealed !== "string") return undefined;
    const state = readState(await this.#seal.open(sealed, call.request.method));
    const remainingMs = (state?.expiresAt ?? 0) - Date.now();
    // A state that expires too late is refused: a clock was set back. The clocks of replicas may differ a little.
    const isUsable = state !== undefined && remainingMs > 0 && remainingMs <= 2 * this.#ttlMs &&
      state.digest === await this.#digest(call, principalOf(call, operationRequest));
    return isUsable ? state : undefined;
  }

  /** Continues an operation that is parked here. */
  async #resume(
    call: InteractiveCall,
    { operationRequest, state }: ContinuedRequest<"park">,
  ): Promise<clientCodec2025.Answer> {
    const interaction = this.#parked.find(state.handle);
    // From here on, a second copy of the request comes too late.
    const isResumed = interaction?.principal === principalOf(call, operationRequest) &&
      interaction.resume(call.attached, state.round);
    if (!isResumed) return await this.#refuse(call, OPERATION_GONE);
    const refusal = await call.decideAgain(operationRequest, interaction);
    if (refusal !== undefined) {
      interaction.cancel("The rules do not allow the call any more", "denied");
      return refusal;
    }
    for (const [key, { kind }] of interaction.requests) {
      const response = call.codec.decodeResponse(call.request, { key, kind });
      if (response !== undefined) interaction.respond(key, response);
    }
    if (!interaction.mustAsk) return await this.#answerNext(call, interaction);
    // Requests that continue an operation count towards no limit, so their number is limited.
    if (interaction.rounds >= MAX_ROUNDS) {
      interaction.cancel("The client does not give the input");
      return await this.#refuse(call, INPUT_INCOMPLETE);
    }
    return await this.#ask(call, { interaction, requests: interaction.park() });
  }

  /** Runs an operation that is not in memory once more. */
  async #repeat(
    call: InteractiveCall,
    { state }: ContinuedRequest<"relay" | "again">,
  ): Promise<clientCodec2025.Answer> {
    const { token, expiresAt, rounds, sealedAt, beginning: continued, server } = state;
    const isFirstUse = this.#parked.use(token, { client: call.client, expiresAt });
    if (!isFirstUse) return await this.#refuse(call, OPERATION_GONE);
    const waitedMs = state.waitedMs + Math.max(0, Date.now() - sealedAt);
    const record = { rounds, waitedMs, continued };
    if (state.kind === "relay") {
      const responses = call.codec.responsesText(call.request);
      const givenInput = { server, responses, state: state.state };
      return await this.#run(call, { record, givenInput });
    }
    const continuation = { record, givenInput: undefined };
    if (!call.codec.declinesInput(call.request)) return await this.#run(call, continuation);
    const message = `Server "${server}" needs a person to open a link, and the person did not. ` +
      "The call was not made again.";
    return await this.#run(
      withFault(call, new CallerError("AUTH_REQUIRED", message)),
      continuation,
    );
  }

  /** Returns the answer to a request: that to the operation, or one that asks for input. */
  async #answerNext(
    call: InteractiveCall,
    interaction: Interaction<RawAnswer>,
  ): Promise<clientCodec2025.Answer> {
    const event = await interaction.next();
    if (event.kind === "asks") {
      return await this.#ask(call, { interaction, requests: event.requests });
    }
    const { answer } = event;
    return answer.kind === "unsealed"
      ? await this.#relay(call, { interaction, outcome: answer.outcome })
      : answer;
  }

  /** Asks for the input that a parked operation needs. */
  async #ask(
    call: InteractiveCall,
    { interaction, requests }: {
      readonly interaction: Interaction<RawAnswer>;
      readonly requests: ReadonlyMap<string, InputRequest>;
    },
  ): Promise<clientCodec2025.Answer> {
    const { principal, handle = "", rounds: round } = interaction;
    const state = { kind: "park", handle, round } as const;
    const answer = await this.#sealAnswer(call, { requests, state, principal });
    // The client has cancelled the request meanwhile, so it does not get the state.
    if (call.attached.signal.aborted) interaction.cancel(call.attached.signal.reason);
    return answer;
  }

  /** Asks for the input that a server needs before the operation is run again. */
  #relay(
    call: InteractiveCall,
    { interaction, outcome }: {
      readonly interaction: Interaction<RawAnswer>;
      readonly outcome: UnsealedAnswer["outcome"];
    },
  ): Promise<clientCodec2025.Answer> {
    const { server, input, beginsAnew, hasBegun, approved } = outcome;
    const { principal, rounds, waitedMs, continued, startedAt } = interaction;
    const id: string | number = JSON.parse(call.request.id);
    const beginning = continued ?? {
      startedAt,
      session: call.connectionId,
      requestId: typeof id === "string" ? startOfText(id, MAX_REQUEST_ID_LENGTH) : id,
      hasBegun,
    };
    const state = {
      kind: beginsAnew ? "again" : "relay",
      server,
      ...(input.state !== undefined && { state: input.state }),
      token: createToken(),
      rounds: rounds + 1,
      waitedMs,
      sealedAt: Date.now(),
      beginning: { ...beginning, hasBegun, ...(approved !== undefined && { approved }) },
    } as const;
    const requests = new Map(Object.entries(input.requests));
    return this.#sealAnswer(call, { requests, state, principal });
  }

  async #sealAnswer(
    call: InteractiveCall,
    { requests, state, principal }: {
      readonly requests: ReadonlyMap<string, InputRequest>;
      readonly state: Readonly<Record<string, unknown>>;
      readonly principal: string;
    },
  ): Promise<clientCodec2025.Answer> {
    const { version } = this.#options;
    const expiresAt = Date.now() + this.#ttlMs;
    const bound = { ...state, digest: await this.#digest(call, principal), expiresAt };
    const sealed = await this.#seal.seal(bound, call.request.method);
    const result = call.codec.encodeInputRequired(requests, { state: sealed, version });
    return { kind: "result", result };
  }

  /** Refuses a request that cannot continue an operation. It counts towards the limits, and is recorded as a failure. */
  async #refuse(call: InteractiveCall, message: string): Promise<clientCodec2025.Answer> {
    const invalid = withFault(call, new CallerError("INVALID_ARGUMENTS", message));
    return await this.#run({
      ...call,
      decode: (notifyProgress) => {
        const operationRequest = invalid.decode(notifyProgress);
        const encode = (outcome: Outcome): clientCodec2025.Answer => {
          if (outcome.kind !== "failed") return operationRequest.encode(outcome);
          const { error: data } = outcome;
          const error = { code: RPC_CODES.invalidParams, message: data.message, data };
          return { kind: "error", error };
        };
        return { ...operationRequest, encode };
      },
    });
  }

  #digest({ request, client }: InteractiveCall, principal: string): Promise<string> {
    return digestRequest(request, { principal, party: `client ${client}` });
  }
}

function createTooLargeOutcome(): Outcome {
  const message = "The call has ended, but its result was too large to be kept while the call " +
    "waited for your input. The call may have had effects.";
  const error = createErrorBody("SERVER_UNAVAILABLE", message, { retryable: false });
  return { kind: "failed", error };
}
