import assert from "node:assert/strict";
import type { PipelineContext } from "../../src/gateway/pipeline_context.ts";

/** The part of the context of operations that only calls use which need an approval. */
export const WITHOUT_APPROVALS: Pick<PipelineContext, "latest" | "approvals"> = {
  latest: () => assert.fail("no call needs an approval"),
  approvals: () => assert.fail("no call needs an approval"),
};
