import type { ClientConnection } from "../downstream/mod.ts";
import { CallerError } from "../errors.ts";
import { limitsOf, type Permit } from "../limits/mod.ts";
import type { Span } from "../trace.ts";
import type { ApprovedOperation, RefusedCall } from "./approving.ts";
import { DeniedBeforeSend } from "./deciding.ts";
import {
  type ErrorBody,
  identityErrorBody,
  limitErrorBody,
  missingAgentBody,
} from "./error_body.ts";
import { callerToRecord, connectionAgent, identify, UNIDENTIFIED } from "./identification.ts";
import { judge, type JudgedOperation } from "./judging.ts";
import { type ClientOffers, loadItemOperations, notifiedList } from "./offered/mod.ts";
import type { EncodedOutcome, Operation, OperationRequest, Outcome } from "./operation.ts";
import { outcomeOfError } from "./outcome_of_error.ts";
import type { PipelineContext } from "./pipeline_context.ts";
import {
  type OperationRecord,
  OperationRecorder,
  type RecordContext,
  type Subject,
} from "./records.ts";
import { performOperation } from "./performing.ts";
import { askForLogin, relayInput } from "./relay.ts";
import { describeSubject, parsedMemoryOf } from "./subject.ts";
import type { ToolContext } from "./tools/mod.ts";

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
    record = withApproval(
      askForLogin(record, { channel: connection.channel, request, hasBegun }),
    );
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
    const judgedOperation = await judge(operation, {
      request,
      agent,
      subject,
      toolContext,
      offers,
      context,
      span,
    });
    // An operation about which a person would have to be asked has been approved, or waits for that.
    return judgedOperation.kind === "refused" ? judgedOperation.record : undefined;
  } catch (error) {
    return { caller, outcome: outcomeOfError(error, { request, context }) };
  }
}

/** Returns a record whose outcome has the approval, if the client continues the operation with another request. */
function withApproval(record: OperationRecord): OperationRecord {
  const { approval, binding, outcome } = record;
  if (approval === undefined || binding === undefined) return record;
  if (outcome.kind !== "input-required") return record;
  return { ...record, outcome: { ...outcome, approved: { approval, binding } } };
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
  const decodeResult = decodeOperation(request, context);
  const { operation } = decodeResult;
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
    clock: request.outer?.clock,
  });
  const permit = admission instanceof Promise ? await admission : admission;
  if (permit.kind === "denied") {
    return { caller, subject, outcome: { kind: "denied", error: limitErrorBody(permit) } };
  }
  try {
    if (operation === undefined) return { caller, outcome: decodeResult.outcome };
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
  const { connection, offers, span, recorder } = stageContext;
  const caller = { id: agent, agent };
  const toolContextIn = (context: PipelineContext): ToolContext => {
    return createToolContext({ request, agent, permit, stageContext: { connection, context } });
  };
  const judgeBy = (context: PipelineContext): Promise<JudgedOperation> => {
    const toolContext = toolContextIn(context);
    const subject = knownSubject;
    return judge(requested, { request, agent, subject, toolContext, offers, context, span });
  };
  const judgedOperation = await judgeBy(stageContext.context);
  if (judgedOperation.kind === "refused") return judgedOperation.record;

  // Approval.
  const approvalResult: ApprovedOperation | RefusedCall = judgedOperation.askedBy === undefined
    ? { kind: "approved", judgedOperation, context: stageContext.context, approval: undefined }
    : await (await loadApproving()).approveCall(judgedOperation, {
      request,
      agent,
      permit,
      connection,
      offers,
      judgeBy,
      context: stageContext.context,
    });
  if (approvalResult.kind === "refused") return approvalResult.record;
  const { judgedOperation: allowed, context, approval, binding } = approvalResult;
  const { operation, subject, rule, shadow, checkTool, deny } = allowed;

  // The server, or the gateway's own tool.
  const record = { caller, subject, rule, shadow, approval, binding };
  try {
    if (request.givenInput !== undefined && request.givenInput.server !== subject?.server) {
      const message =
        "The call waited for input to another server. Make it anew, without requestState.";
      throw new CallerError("INVALID_ARGUMENTS", message);
    }
    const begin = (options: { readonly isReadOnly: boolean }) => recorder.begin(record, options);
    const unrelayed = await performOperation(operation, {
      toolContext: toolContextIn(context),
      request,
      checkTool,
      begin,
      span,
      connection,
      offers,
      context,
    });
    const { channel } = connection;
    const { hasBegun } = recorder;
    const outcome = relayInput(unrelayed, { server: subject?.server, channel, request, hasBegun });
    if (outcome.kind !== "input-required" || hasBegun) return { ...record, outcome };
    // The client may never continue the operation, so the end may never be recorded.
    await begin({ isReadOnly: false });
    return { ...record, outcome: { ...outcome, hasBegun: true } };
  } catch (error) {
    if (error instanceof DeniedBeforeSend && deny !== undefined) {
      return { ...deny(error.decision), approval };
    }
    return { ...record, outcome: outcomeOfError(error, { request, context }) };
  }
}

/** Loads the approval stage, which few calls need. */
function loadApproving(): Promise<typeof import("./approving.ts")> {
  return import("./approving.ts");
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
  const awaitsInput = request.outer !== undefined;
  return {
    caller: { connectionId, agent, capabilities, channel, awaitsInput, ...limited },
    policy,
    serverConfigs: configuration.servers,
    unavailableReasons: configuration.unavailableReasons,
    servers,
    signal: request.signal,
    gateway,
  };
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
