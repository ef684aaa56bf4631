/** The stage of the pipeline that makes an allowed call, or lets the gateway's own tool answer. */

import { isReadOnly, type Tool } from "../downstream/mod.ts";
import { OWN_SERVER } from "../own_server.ts";
import type { Span } from "../trace.ts";
import type { CheckTool } from "./deciding.ts";
import { loadItemOperations, notifiedList } from "./offered/mod.ts";
import type { OperationRequest, TargetedOperation } from "./operation.ts";
import type { OperationOptions } from "./pipeline.ts";
import type { UnrelayedOutcome } from "./relay.ts";
import { cutAnswer, findCallResultLimit } from "./result_limit.ts";
import { createSearchContext } from "./targeting.ts";
import { callServerTool, type ToolContext } from "./tools/mod.ts";

/** The context in which an operation is performed. */
export interface PerformingContext extends OperationOptions {
  readonly toolContext: ToolContext;
  readonly request: OperationRequest;
  /** Decides about the tool that is called in the end; absent if the decision does not depend on it. */
  readonly checkTool: CheckTool | undefined;
  /** Records the beginning of the operation, which may leave the gateway only after the promise has resolved. */
  readonly begin: (options: { readonly isReadOnly: boolean }) => Promise<void> | undefined;
  readonly span: Span;
}

/** Performs an allowed operation. */
export async function performOperation(
  operation: TargetedOperation,
  performing: PerformingContext,
): Promise<UnrelayedOutcome> {
  const { toolContext, request, checkTool, begin, span, offers } = performing;
  const { name: gatewayToolName, meta, givenInput, signal, onProgress } = request;
  switch (operation.kind) {
    case "server-tool": {
      const call = {
        toolContext,
        gatewayToolName,
        meta,
        givenInput,
        onProgress,
        span,
        needsOwnList: checkTool !== undefined,
        beforeSend: (tool: Tool, isRemembered: boolean) => {
          checkTool?.(tool);
          return begin({ isReadOnly: !isRemembered && isReadOnly(tool) });
        },
        onResult: (result: unknown) => offers.addResult(operation.server, result),
      };
      const answer = operation.server === OWN_SERVER
        ? await (await import("./own_call.ts")).callOwnTool(operation, { call, performing })
        : await callServerTool(operation, call);
      const maxTokens = findCallResultLimit(operation, performing);
      return maxTokens === undefined || answer.kind !== "result"
        ? answer
        : await cutAnswer(answer, { maxTokens, performing });
    }
    case "gateway-tool":
      return await operation.tool.run(operation.args, toolContext);
    case "listing": {
      offers.changes.noteRequested(notifiedList(operation.list));
      const { maxNameLength } = performing.context;
      const { listOffered } = await loadItemOperations();
      return await listOffered(operation, {
        ...createSearchContext(toolContext, { offers, maxNameLength }),
        serverNames: [...toolContext.servers.keys()],
      });
    }
    case "unsubscription":
    case "server-request": {
      const { requestOffered, unsubscribe } = await loadItemOperations();
      const { caller } = toolContext;
      const beforeSend = () => begin({ isReadOnly: true });
      const options = { caller, offers, meta, givenInput, signal, onProgress, span, beforeSend };
      return operation.kind === "unsubscription"
        ? await unsubscribe(operation.uri, options)
        : await requestOffered(operation, options);
    }
  }
}
