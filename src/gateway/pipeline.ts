import { type ClientConnection, isReadOnly } from "../downstream/mod.ts";
import { CallerError } from "../errors.ts";
import { limitsOf, type Permit } from "../limits/mod.ts";
import type { Span } from "../trace.ts";
import { type CheckTool, DeniedBeforeSend } from "./deciding.ts";
import {
  type ErrorBody,
  identityErrorBody,
  limitErrorBody,
  missingAgentBody,
} from "./error_body.ts";
import { callerToRecord, connectionAgent, identify, UNIDENTIFIED } from "./identification.ts";
import { judge } from "./judging.ts";
import { type ClientOffers, loadItemOperations, notifiedList } from "./offered/mod.ts";
import type {
  EncodedOutcome,
  Operation,
  OperationRequest,
  Outcome,
  TargetedOperation,
} from "./operation.ts";
import { outcomeOfError } from "./outcome_of_error.ts";
import type { PipelineContext } from "./pipeline_context.ts";
import {
  type OperationRecord,
  OperationRecorder,
  type RecordContext,
  type Subject,
} from "./records.ts";
import { askForLogin, relayInput, type UnrelayedOutcome } from "./relay.ts";
import { describeSubject, parsedMemoryOf } from "./subject.ts";
import { createSearchContext } from "./targeting.ts";
import { callServerTool, type ToolContext } from "./tools/mod.ts";

/** The client's connection, its links, subscriptions and lists, and the active context. */
export interface OperationOptions {
  readonly connection: ClientConnection;
  readonly offers: ClientOffers;
  readonly context: PipelineContext;
}

/**
 * Runs one operation, from its arguments to its record. Never throws: an unexpected error is logged, and answered as
 * an internal error. An error while deciding is a denial instead, which `policy.decide` returns.
 *
 * @param options The client's connection, its links, subscriptions and lists, and the active context.
 * @returns The encoded outcome. It has been recorded, so it may be sent to the client.
 */
export async function runOperation<E extends EncodedOutcome>(
  request: OperationRequest<E>,
  { connection, offers, context }: OperationOptions,
): Promise<E> {
  const span = startSpan(request, connection, context);
  const session = connection.connectionId;
  const recorder = new OperationRecorder({ records: context.records, request, session, span });
  let record: OperationRecord | undefined;
  let answer: E;
  try {
    record = await runStages(request, { connection, offers, context, span, recorder });
    const { hasBegun } = recorder;
    record = askForLogin(record, { channel: connection.channel, request, hasBegun });
    answer = request.encode(record.outcome);
  } catch (error) {
    const outcome = outcomeOfError(error, { request, context });
    record = { caller: callerToRecord(request, context), ...record, outcome };
    answer = request.encode(outcome);
  }
  const recorded = recorder.end(record, answer.bytes);
  if (recorded !== undefined) await recorded;
  return answer;
}

/**
 * Counts a request that is no operation towards the limits of the connection's agent.
 *
 * @param options Id of the client's connection, and the active context.
 * @returns The error if a limit is exceeded, which has been recorded; `undefined` if not.
 */
export async function refuseByLimits(
  request: RecordContext["request"] & Pick<OperationRequest, "unansweredCount">,
  { connectionId, context }: { readonly connectionId: string; readonly context: PipelineContext },
): Promise<ErrorBody | undefined> {
  const { limits, snapshot: { configuration: { rules } }, records, tracer } = context;
  const id = connectionAgent(context);
  const { unansweredCount } = request;
  const agent = id ?? UNIDENTIFIED;
  const denial = await limits.count({ agent, limits: limitsOf(rules, agent), unansweredCount });
  if (denial === undefined) return undefined;
  const error = limitErrorBody(denial);
  const span = tracer.start(request.name, undefined, { kind: "server" });
  const recorder = new OperationRecorder({ records, request, session: connectionId, span });
  const outcome: Outcome = { kind: "denied", error };
  await recorder.end({ caller: { id, agent: id }, outcome }, undefined);
  return error;
}

/**
 * Decides again about an operation that waited for its client, because the rules may have changed.
 *
 * @param request The request with which the client continues the operation.
 * @returns The encoded refusal, which has been recorded; `undefined` if the operation may go on.
 */
export async function decideAgain<E extends EncodedOutcome>(
  request: OperationRequest<E>,
  { connection, offers, context }: OperationOptions,
): Promise<E | undefined> {
  const span = startSpan(request, connection, context);
  const session = connection.connectionId;
  const recorder = new OperationRecorder({ records: context.records, request, session, span });
  const record = await findRefusal(request, { connection, offers, context, span, recorder });
  if (record === undefined) {
    span.end();
    return undefined;
  }
  const answer = request.encode(record.outcome);
  await recorder.end(record, answer.bytes);
  return answer;
}

async function findRefusal(
  request: OperationRequest,
  stageContext: StageContext,
): Promise<OperationRecord | undefined> {
  const { context, offers, span } = stageContext;
  const caller = callerToRecord(request, context);
  try {
    const operation = request.decode();
    const resolution = identify(request.claimedAgent, context);
    const subject = describeSubject(operation, context);
    if ("error" in resolution) {
      const error = identityErrorBody(resolution.error);
      return { caller, subject, outcome: { kind: "denied", error } };
    }
    const { agent } = resolution;
    const toolContext = createToolContext({ request, agent, stageContext });
    const judged = await judge(operation, {
      request,
      agent,
      subject,
      toolContext,
      offers,
      context,
      span,
    });
    if (judged.kind === "refused") return judged.record;
    return judged.askedBy === undefined ? undefined : judged.deny?.(judged.askedBy);
  } catch (error) {
    return { caller, outcome: outcomeOfError(error, { request, context }) };
  }
}

/** The context that all stages of an operation share. */
interface StageContext extends OperationOptions {
  readonly span: Span;
  readonly recorder: OperationRecorder;
}

/** Runs an operation up to its outcome, or up to the stage that denies it. */
async function runStages(
  request: OperationRequest,
  stageContext: StageContext,
): Promise<OperationRecord> {
  const { context } = stageContext;
  const { snapshot: { configuration: { rules } }, limits } = context;

  // Arguments.
  const decoded = decodeOperation(request, context);
  const { operation } = decoded;
  const subject = operation && describeSubject(operation, context);

  // Caller.
  const resolution = identify(request.claimedAgent, context);
  const caller = "agent" in resolution
    ? { id: resolution.agent, agent: resolution.agent }
    : callerToRecord(request, context);

  // Limits: before any refusal and before expensive work, so that probing is limited too.
  const { unansweredCount } = request;
  const memory = request.memory + (operation === undefined ? 0 : parsedMemoryOf(operation));
  const { agent: countedAgent = UNIDENTIFIED } = caller;
  const admission = limits.admit({
    agent: countedAgent,
    limits: limitsOf(rules, countedAgent),
    unansweredCount,
    memory,
    isContinued: request.interaction?.continued !== undefined,
  });
  const permit = admission instanceof Promise ? await admission : admission;
  if (permit.kind === "denied") {
    return { caller, subject, outcome: { kind: "denied", error: limitErrorBody(permit) } };
  }
  try {
    if (operation === undefined) return { caller, outcome: decoded.outcome };
    if ("error" in resolution) {
      const canName = canNameAgent(operation);
      if (!canName) stageContext.offers.logMissingAgent();
      if (operation.kind === "listing") {
        stageContext.offers.changes.noteRequested(notifiedList(operation.list));
        const { emptyList } = await loadItemOperations();
        return { caller, outcome: emptyList(operation.list) };
      }
      // Unidentified callers do not count in the metrics of servers.
      const uncountedSubject = subject && { ...subject, isCounted: false };
      const error = canName || context.identity.bound !== undefined
        ? identityErrorBody(resolution.error)
        : missingAgentBody(resolution.error);
      return { caller, subject: uncountedSubject, outcome: { kind: "denied", error } };
    }
    if (request.fault !== undefined) {
      return { caller, subject, outcome: outcomeOfError(request.fault, { request, context }) };
    }
    return await runAdmitted(operation, {
      request,
      agent: resolution.agent,
      permit,
      subject,
      stageContext,
    });
  } finally {
    permit[Symbol.dispose]();
  }
}

/** An operation of an identified agent, within its limits. */
interface AdmittedRequest {
  readonly request: OperationRequest;
  readonly agent: string;
  readonly permit: Permit;
  readonly subject: Subject | undefined;
  readonly stageContext: StageContext;
}

/** Runs the stages from the target to the result. */
async function runAdmitted(
  requested: Operation,
  { request, agent, permit, subject: knownSubject, stageContext }: AdmittedRequest,
): Promise<OperationRecord> {
  const { context, offers, span, recorder } = stageContext;
  const caller = { id: agent, agent };
  const toolContext = createToolContext({ request, agent, permit, stageContext });
  const judged = await judge(requested, {
    request,
    agent,
    subject: knownSubject,
    toolContext,
    offers,
    context,
    span,
  });
  if (judged.kind === "refused") return judged.record;
  const { operation, subject, rule, askedBy, checkTool, deny } = judged;

  // Approval.
  if (askedBy !== undefined && deny !== undefined) return deny(askedBy);

  // The server, or the gateway's own tool.
  try {
    if (request.given !== undefined && request.given.server !== subject?.server) {
      const message =
        "The call waited for input to another server. Make it anew, without requestState.";
      throw new CallerError("INVALID_ARGUMENTS", message);
    }
    const begin = (options: { readonly isReadOnly: boolean }) =>
      recorder.begin({ caller, subject, rule }, options);
    const unrelayed = await performOperation(operation, {
      toolContext,
      request,
      checkTool,
      begin,
      stageContext,
    });
    const { connection: { channel } } = stageContext;
    const { hasBegun } = recorder;
    const outcome = relayInput(unrelayed, { server: subject?.server, channel, request, hasBegun });
    if (outcome.kind !== "input-required" || hasBegun) return { caller, subject, rule, outcome };
    // The client may never continue the operation, so the end may never be recorded.
    await begin({ isReadOnly: false });
    return { caller, subject, rule, outcome: { ...outcome, hasBegun: true } };
  } catch (error) {
    if (error instanceof DeniedBeforeSend && deny !== undefined) return deny(error.decision);
    return { caller, subject, rule, outcome: outcomeOfError(error, { request, context }) };
  }
}

/** Returns the operation, or the outcome if the arguments are invalid. */
function decodeOperation(
  request: OperationRequest,
  context: PipelineContext,
): { operation: Operation } | { operation?: undefined; outcome: Outcome } {
  try {
    return { operation: request.decode() };
  } catch (error) {
    return { outcome: outcomeOfError(request.fault ?? error, { request, context }) };
  }
}

/** Returns the context of the gateway's tools for an operation. */
function createToolContext(
  { request, agent, permit, stageContext }: {
    readonly request: OperationRequest;
    readonly agent: string;
    /** Absent if the operation is only judged. */
    readonly permit?: Permit;
    readonly stageContext: Pick<StageContext, "connection" | "context">;
  },
): ToolContext {
  const { connection: { connectionId, capabilities, channel }, context } = stageContext;
  const { gateway, snapshot: { policy, servers, configuration } } = context;
  const limited = permit && { permit, memory: permit.share };
  return {
    caller: { connectionId, agent, capabilities, channel, ...limited },
    policy,
    serverConfigs: configuration.servers,
    unavailableReasons: configuration.unavailableReasons,
    servers,
    signal: request.signal,
    gateway,
  };
}

/** Performs an allowed operation. */
async function performOperation(
  operation: TargetedOperation,
  { toolContext, request, checkTool, begin, stageContext }: {
    readonly toolContext: ToolContext;
    readonly request: OperationRequest;
    readonly checkTool: CheckTool | undefined;
    readonly begin: (options: { readonly isReadOnly: boolean }) => Promise<void> | undefined;
    readonly stageContext: StageContext;
  },
): Promise<UnrelayedOutcome> {
  const { name: gatewayToolName, meta, given, signal, onProgress } = request;
  const { span, offers, context: { maxNameLength } } = stageContext;
  switch (operation.kind) {
    case "server-tool":
      return await callServerTool(operation, {
        toolContext,
        gatewayToolName,
        meta,
        given,
        onProgress,
        span,
        beforeSend: (tool) => {
          checkTool?.(tool);
          return begin({ isReadOnly: isReadOnly(tool) });
        },
        onResult: (result) => offers.addResult(operation.server, result),
      });
    case "gateway-tool":
      return await operation.tool.run(operation.args, toolContext);
    case "listing": {
      offers.changes.noteRequested(notifiedList(operation.list));
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
      const options = { caller, offers, meta, given, signal, onProgress, span, beforeSend };
      return operation.kind === "unsubscription"
        ? await unsubscribe(operation.uri, options)
        : await requestOffered(operation, options);
    }
  }
}

/** Whether the request of an operation has an argument for the agent's id, as those of the gateway's own tools have. */
function canNameAgent({ kind }: Operation): boolean {
  return kind === "server-tool" || kind === "gateway-tool";
}

/** @see {@link https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/} */
function startSpan(
  { method, name, unknownTool, meta, requestId }: OperationRequest,
  { connectionId }: ClientConnection,
  { tracer, transport }: PipelineContext,
): Span {
  const isToolCall = name !== method;
  const isGatewayTool = isToolCall && unknownTool === undefined;
  return tracer.start(isGatewayTool ? `${method} ${name}` : method, meta, {
    kind: "server",
    attributes: {
      "mcp.method.name": method,
      "mcp.session.id": connectionId,
      ...(isToolCall && { "gen_ai.operation.name": "execute_tool" }),
      ...(isGatewayTool && { "gen_ai.tool.name": name }),
      "jsonrpc.request.id": String(requestId),
      "network.transport": transport === "stdio" ? "pipe" : "tcp",
    },
  });
}
