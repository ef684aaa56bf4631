/** The decision stage of the pipeline, for decisions that depend on the annotations of a tool. */

import { createHeldBackError, type Tool } from "../downstream/mod.ts";
import type { AccessRequest, Decision } from "../policy/mod.ts";
import type { ToolContext } from "./tools/mod.ts";

/** Throws if the rules deny the call of a tool; called before the call is sent. */
export type CheckTool = (tool: Tool) => void;

/** A call that was denied after the decision about it, because the server has changed the tool. */
export class DeniedBeforeSend extends Error {
  /** The new decision. */
  readonly decision: Decision;

  /** @param decision The new decision. */
  constructor(decision: Decision) {
    super("The call is denied");
    this.decision = decision;
  }
}

/**
 * Decides about a call by the annotations of its tool. The server may have to be started to list them. A tool that the
 * server does not list fits no condition of an `allow`, and every condition of a `deny`.
 *
 * @returns The decision, and a check for the tool that is called in the end.
 * @throws {CallerError} `TOOL_CHANGED`, if the tool is held back.
 * @throws {DownstreamError} if the server does not list its tools.
 */
export async function decideByAnnotations(
  request: AccessRequest & { readonly kind: "tool" },
  { servers, caller, signal, policy }: Pick<
    ToolContext,
    "servers" | "caller" | "signal" | "policy"
  >,
): Promise<{ readonly decision: Decision; readonly checkTool: CheckTool }> {
  const decide = (tool: Tool | undefined): Decision => {
    return policy.decide(caller.agent, { ...request, listed: () => tool?.definition });
  };
  const list = await servers.get(request.server)?.list("tools", { caller, signal });
  const { server, tool: name } = request;
  const reason = list?.heldBack.get(name);
  // Annotations that nobody has accepted decide nothing.
  if (reason !== undefined) throw createHeldBackError(reason, { server, kind: "tools", name });
  const decidedTool = list?.get(name);
  const firstDecision = decide(decidedTool);
  return {
    decision: firstDecision,
    checkTool: (tool) => {
      if (tool === decidedTool) return;
      const decision = decide(tool);
      const { effect, isShadowed = false } = decision;
      // A call that had to be asked about has been approved before it is sent.
      const isCovered = isShadowed || effect === "allow" ||
        (effect === "ask" && firstDecision.effect === "ask");
      if (!isCovered) throw new DeniedBeforeSend(decision);
    },
  };
}
