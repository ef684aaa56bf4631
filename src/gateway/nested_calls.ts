import { CallerError } from "../errors.ts";
import { OWN_SERVER, RUN_CODE } from "../own_server.ts";
import { startOfText } from "../text.ts";
import type { NestedCall, NestedOutcome } from "./own_server/mod.ts";
import type { EncodedOutcome, OperationRequest, Outcome } from "./operation.ts";
import type { PerformingContext } from "./performing.ts";
import { runOperation } from "./pipeline.ts";
import { readServerArguments } from "./tools/mod.ts";

/** Maximum length of the part of a call's id that is the id of the outer request, in UTF-16 code units. */
const MAX_OUTER_ID_LENGTH = 48;

/** The name of a nested call in records: that of the tool with which an agent makes the same call. */
const OPERATION = "execute_tool";

/** The calls that one run of code makes. Each is an operation of its own, decided by the rules in force when it is made. */
export class NestedCalls {
  readonly #outer: PerformingContext;
  #count = 0;
  #progress = 0;

  /** @param outer The call that runs the code. */
  constructor(outer: PerformingContext) {
    this.#outer = outer;
  }

  /** Makes a call as the agent that runs the code. Never throws. */
  async run(call: NestedCall): Promise<NestedOutcome> {
    const { connection, offers, context } = this.#outer;
    const { outcome } = await runOperation(this.#createRequest(call), {
      connection,
      offers,
      context: context.latest(),
    });
    return outcome;
  }

  #createRequest(
    { server, tool, args, parsedArgs, memory, signal, clock }: NestedCall,
  ): OperationRequest<EncodedOutcome & { readonly outcome: NestedOutcome }> {
    const { toolContext: { caller }, request, span } = this.#outer;
    const { requestId, unansweredCount, meta, onProgress } = request;
    return {
      name: OPERATION,
      method: "tools/call",
      claimedAgent: caller.agent,
      meta: span.addTraceContext(meta),
      requestId: `${startOfText(String(requestId), MAX_OUTER_ID_LENGTH)}.${++this.#count}`,
      outer: { requestId, clock },
      ...(server === OWN_SERVER && tool === RUN_CODE && { fault: nestedCodeError() }),
      unansweredCount,
      memory,
      signal,
      // The progress of all calls is one sequence for the client, whose numbers must increase.
      onProgress: onProgress && (({ message }) => {
        onProgress({ progress: ++this.#progress, ...(message !== undefined && { message }) });
      }),
      decode: () => ({
        kind: "server-tool",
        server,
        tool,
        args: readServerArguments(tool, { value: parsedArgs, text: args }),
        timeoutMs: undefined,
      }),
      encode: encodeNested,
    };
  }
}

function encodeNested(outcome: Outcome): EncodedOutcome & { readonly outcome: NestedOutcome } {
  switch (outcome.kind) {
    case "result": {
      const { kind, result, value, isToolError, bytes } = outcome;
      return { outcome: { kind, result, value, isToolError }, bytes };
    }
    case "denied":
    case "failed":
      return { outcome: { kind: "error", error: outcome.error } };
    case "rpc-error": {
      const { error: { code, message } } = outcome;
      return { outcome: { kind: "rpc-error", code, message } };
    }
    case "internal-error":
    case "cancelled":
      return { outcome };
    case "gateway-result":
    case "input-required":
      throw new TypeError(`A nested call has no outcome of this kind: ${outcome.kind}`);
  }
}

function nestedCodeError(): CallerError {
  const message = "Code cannot call run_code. Put all the work into one program.";
  return new CallerError("INVALID_ARGUMENTS", message);
}
