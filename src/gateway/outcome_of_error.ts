import { errorBodyOf } from "./error_body.ts";
import type { OperationRequest, Outcome } from "./operation.ts";
import type { PipelineContext } from "./pipeline_context.ts";

/** Returns the outcome of an operation that threw, in any of its stages. */
export function outcomeOfError(
  error: unknown,
  { request: { name, signal }, context: { log } }: {
    readonly request: Pick<OperationRequest, "name" | "signal">;
    readonly context: Pick<PipelineContext, "log">;
  },
): Outcome {
  if (signal.aborted) return { kind: "cancelled" };
  const errorBody = errorBodyOf(error);
  if (errorBody !== undefined) return { kind: "failed", error: errorBody };
  const id = crypto.randomUUID();
  const reason = error instanceof Error ? error.stack ?? error.message : String(error);
  log.error("An operation failed for a fault of the gateway", { id, operation: name, reason });
  return { kind: "internal-error", id };
}
