import { Budget } from "../../src/budget.ts";
import { Approvals, Mailbox } from "../../src/approvals/mod.ts";
import { OwnServer } from "../../src/gateway/own_server/mod.ts";
import type { PipelineContext } from "../../src/gateway/pipeline_context.ts";

/** Completes the context of operations, with rules that do not change, and without a mailbox for approvals. */
export function withoutMailbox(
  context: Omit<PipelineContext, "latest" | "approvals" | "ownServer">,
): PipelineContext {
  const mailbox = new Approvals(new Mailbox(""));
  const approvals = () => Promise.resolve(mailbox);
  const whole: PipelineContext = {
    ...context,
    latest: () => whole,
    approvals,
    ownServer: new OwnServer({
      approvals,
      codeTimeoutMs: 30_000,
      maxSandboxes: 4,
      hasSeveralAgents: () => false,
      resultsFolder: "",
      memoryOf: () => new Budget(Infinity),
      version: "0",
      log: context.log,
    }),
  };
  return whole;
}
