import { Approvals, Mailbox } from "../../src/approvals/mod.ts";
import type { PipelineContext } from "../../src/gateway/pipeline_context.ts";

/** Completes the context of operations, with rules that do not change, and without a mailbox for approvals. */
export function withoutMailbox(
  context: Omit<PipelineContext, "latest" | "approvals">,
): PipelineContext {
  const approvals = new Approvals(new Mailbox(""));
  const whole: PipelineContext = {
    ...context,
    latest: () => whole,
    approvals: () => Promise.resolve(approvals),
  };
  return whole;
}
