import type { Settings } from "../config/mod.ts";
import { type ClientConnection, isReadOnly, type Tool } from "../downstream/mod.ts";
import { utf8Bytes } from "../jsonrpc/mod.ts";
import { type CallLimits, limitsOf, type Permit } from "../limits/mod.ts";
import type { Log } from "../log.ts";
import {
  type AccessRequest,
  type Decision,
  type IdentityContext,
  type Resolution,
  resolveAgent,
} from "../policy/mod.ts";
import type { Span, Tracer } from "../trace.ts";
import type { EncodedOutcome, Operation, OperationRequest, Outcome } from "./operation.ts";
import {
  type OperationRecord,
  OperationRecorder,
  type RecordContext,
  type Records,
  type Subject,
} from "./records.ts";
import {
  denialErrorBody,
  type ErrorBody,
  errorBodyOf,
  identityErrorBody,
  limitErrorBody,
} from "./error_body.ts";
import type { Snapshot } from "./snapshot.ts";
import {
  callServerTool,
  type GatewayTool,
  similarAllowedServers,
  type StatusSource,
} from "./tools/mod.ts";

/** The context of operations; each operation reads the snapshot once. */
export interface PipelineContext {
  /** The active configuration. */
  readonly snapshot: Snapshot;
  /** The agent that the connection is bound to, and the default agent. */
  readonly identity: Pick<IdentityContext, "bound" | "defaultAgent">;
  /** Rate and concurrency limits of the agents. */
  readonly limits: CallLimits;
  /** The audit log and the metrics. */
  readonly records: Records;
  /** Starts the spans of operations. */
  readonly tracer: Tracer;
  /** Transport of the client. */
  readonly transport: Settings["transport"];
  /** Log for the gateway's own errors. */
  readonly log: Log;
  /** Source of the gateway's state. */
  readonly gateway: StatusSource;
}

/**
 * Runs one operation, from its arguments to its record. Never throws: an error while deciding denies,
 * and any other unexpected error is logged and answered as an internal error.
 *
 * @param options The client's connection, and the active context.
 * @returns The encoded outcome. It has been recorded, so it may be sent to the client.
 */
export async function runOperation<E extends EncodedOutcome>(
  request: OperationRequest<E>,
  { connection, context }: { connection: ClientConnection; context: PipelineContext },
): Promise<E> {
  const span = startSpan(request, connection, context);
  const session = connection.connectionId;
  const recorder = new OperationRecorder({ records: context.records, request, session, span });
  let record: OperationRecord;
  try {
    record = await runStages(request, { connection, context, span, recorder });
  } catch (error) {
    const caller = callerToRecord(request, context);
    record = { caller, outcome: outcomeOfError(error, request, context) };
  }
  const answer = request.encode(record.outcome);
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

/** The name, which no agent has, under which the calls of unidentified callers are counted together. */
const UNIDENTIFIED = "";

/** The context that all stages of an operation share. */
interface StageContext {
  readonly connection: ClientConnection;
  readonly context: PipelineContext;
  readonly span: Span;
  readonly recorder: OperationRecorder;
}

/** Runs an operation up to its outcome, or up to the stage that denies it. */
async function runStages(
  request: OperationRequest,
  stageContext: StageContext,
): Promise<OperationRecord> {
  const { context, span, recorder } = stageContext;
  const { snapshot: { policy, servers, configuration: { rules } }, limits } = context;

  // Arguments.
  const decoded = decodeOperation(request, context);
  const { operation } = decoded;
  const accessRequest = operation && accessRequestFor(operation, context.transport);
  const subject = operation && describeSubject(operation, accessRequest, servers);

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
  });
  const permit = admission instanceof Promise ? await admission : admission;
  if (permit.kind === "denied") {
    return { caller, subject, outcome: { kind: "denied", error: limitErrorBody(permit) } };
  }
  try {
    if (operation === undefined) return { caller, outcome: decoded.outcome };
    if ("error" in resolution) {
      // Unidentified callers do not count in the metrics of servers.
      const uncountedSubject = subject && { ...subject, isCounted: false };
      const error = identityErrorBody(resolution.error);
      return { caller, subject: uncountedSubject, outcome: { kind: "denied", error } };
    }
    const { agent } = resolution;

    // Decision.
    const decisionSpan = span.child("decision");
    const decision = accessRequest && policy.decide(agent, accessRequest);
    if (decision !== undefined) decisionSpan.set({ "gateway.rule": decision.rule });
    decisionSpan.end();
    const rule = decision?.rule;
    if (accessRequest !== undefined && decision?.effect === "deny") {
      const { name } = request;
      const error = explainDenial(decision, { agent, accessRequest, operation: name, context });
      return { caller, subject, rule, outcome: { kind: "denied", error } };
    }

    // The server, or the gateway's own tool.
    let outcome: Outcome;
    try {
      const beforeSend = (tool: Tool) =>
        recorder.begin({ caller, subject, rule }, { isReadOnly: isReadOnly(tool) });
      outcome = await performOperation(operation, {
        agent,
        permit,
        request,
        beforeSend,
        stageContext,
      });
    } catch (error) {
      outcome = outcomeOfError(error, request, context);
    }
    return { caller, subject, rule, outcome };
  } finally {
    permit[Symbol.dispose]();
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
    return { outcome: outcomeOfError(error, request, context) };
  }
}

/** Performs an allowed operation. */
function performOperation(
  operation: Operation,
  { agent, permit, request, beforeSend, stageContext }: {
    readonly agent: string;
    readonly permit: Permit;
    readonly request: OperationRequest;
    readonly beforeSend: (tool: Tool) => Promise<void> | undefined;
    readonly stageContext: StageContext;
  },
): Promise<Outcome> {
  const { connection: { connectionId, capabilities, channel }, context, span } = stageContext;
  const { gateway, snapshot: { policy, servers, configuration } } = context;
  const { servers: serverConfigs, unavailableReasons } = configuration;
  const { meta, signal, onProgress } = request;
  const caller = { connectionId, agent, capabilities, channel, permit, memory: permit.share };
  const toolContext = {
    caller,
    policy,
    serverConfigs,
    unavailableReasons,
    servers,
    signal,
    gateway,
  };
  switch (operation.kind) {
    case "server-tool":
      return callServerTool(operation, {
        toolContext,
        gatewayToolName: request.name,
        meta,
        onProgress,
        span,
        beforeSend,
      });
    case "gateway-tool":
      return operation.tool.run(operation.args, toolContext);
  }
}

/** @see {@link https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/} */
function startSpan(
  { method, name, meta, requestId }: OperationRequest,
  { connectionId }: ClientConnection,
  { tracer, transport }: PipelineContext,
): Span {
  return tracer.start(`${method} ${name}`, meta, {
    kind: "server",
    attributes: {
      "mcp.method.name": method,
      "mcp.session.id": connectionId,
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": name,
      "jsonrpc.request.id": String(requestId),
      "network.transport": transport === "stdio" ? "pipe" : "tcp",
    },
  });
}

/**
 * Returns the agent that a call without `agent_id` is made as; `undefined` if such a call is denied.
 */
export function connectionAgent(context: PipelineContext): string | undefined {
  const resolution = identify(undefined, context);
  return "agent" in resolution ? resolution.agent : undefined;
}

/** Whether a connection may see and call one of the gateway's tools. */
export function isOffered(
  { httpAccessRequest }: GatewayTool,
  { snapshot, identity: { bound }, transport }: PipelineContext,
): boolean {
  if (transport === "stdio" || httpAccessRequest === undefined) return true;
  const { policy, configuration: { rules } } = snapshot;
  if (bound !== undefined) return policy.allows(bound, httpAccessRequest);
  // An unbound client may call as any agent.
  return rules.agents.keys().some((agent) => policy.allows(agent, httpAccessRequest));
}

function identify(
  agentId: string | undefined,
  { snapshot, identity }: PipelineContext,
): Resolution {
  const { configuration: { rules }, policy } = snapshot;
  return resolveAgent(agentId, {
    ...identity,
    denyOnMissing: rules.denyOnMissingAgent,
    has: policy.has,
  });
}

/**
 * Returns the caller to record if it is not identified: the agent that the connection is bound to, or
 * on an unbound connection the agent id that the call claims.
 */
function callerToRecord(
  { claimedAgent }: OperationRequest,
  { identity: { bound } }: PipelineContext,
): OperationRecord["caller"] {
  if (!bound) return { id: claimedAgent, agent: undefined };
  return { id: bound, agent: bound, claimedId: claimedAgent === bound ? undefined : claimedAgent };
}

/**
 * Returns the access to decide about; `undefined` if any identified agent has it. Reading the gateway's
 * status needs permission only over HTTP: over stdio the client belongs to the user.
 */
function accessRequestFor(
  operation: Operation,
  transport: Settings["transport"],
): AccessRequest | undefined {
  switch (operation.kind) {
    case "server-tool": {
      const { server, tool, args } = operation;
      return { kind: "tool", server, tool, args: () => args?.value ?? {} };
    }
    case "gateway-tool": {
      const { tool, args } = operation;
      return tool.accessRequest?.(args) ??
        (transport === "http" ? tool.httpAccessRequest : undefined);
    }
  }
}

/** Returns the memory of the parsed arguments of an operation, in bytes, if they were sent as a string of JSON. */
function parsedMemoryOf(operation: Operation): number {
  return operation.kind === "server-tool" ? operation.args?.parsedMemory ?? 0 : 0;
}

function describeSubject(
  operation: Operation,
  accessRequest: AccessRequest | undefined,
  servers: ReadonlyMap<string, unknown>,
): Subject | undefined {
  if (operation.kind === "gateway-tool") {
    if (accessRequest?.kind !== "server") return undefined;
    const { server } = accessRequest;
    return { server, isCounted: servers.has(server) };
  }
  const { server, tool, args } = operation;
  const argsBytes = args && utf8Bytes(args.text.json);
  return { server, isCounted: servers.has(server), tool, argsBytes, args: args?.text };
}

/** Returns the error for a denied operation; logs the errors while deciding, if there were any. */
function explainDenial(
  decision: Decision,
  { context: { snapshot, log }, ...denial }: {
    readonly operation: string;
    readonly agent: string;
    readonly accessRequest: AccessRequest;
    readonly context: PipelineContext;
  },
): ErrorBody {
  const { operation, agent, accessRequest } = denial;
  const { policy, configuration: { servers: serverConfigs } } = snapshot;
  const { errors } = decision;
  if (errors.length > 0) {
    const errorId = crypto.randomUUID();
    const reason = errors.map(({ stack, message }) => stack ?? message).join("\n");
    log.error("Denied an operation because deciding about it failed", {
      id: errorId,
      operation,
      agent,
      reason,
    });
    return denialErrorBody(decision, { ...denial, similarServers: [], errorId });
  }
  // Similar server names help only if the whole server is denied, not a single tool.
  const isServerDenied = accessRequest.kind !== "status" &&
    !policy.allows(agent, { kind: "server", server: accessRequest.server });
  const similarServers = isServerDenied
    ? similarAllowedServers(accessRequest.server, { agent, policy, serverConfigs })
    : [];
  return denialErrorBody(decision, { ...denial, similarServers, errorId: undefined });
}

/** Returns the outcome of an operation that threw. */
function outcomeOfError(
  error: unknown,
  { name, signal }: OperationRequest,
  { log }: PipelineContext,
): Outcome {
  if (signal.aborted) return { kind: "cancelled" };
  const errorBody = errorBodyOf(error);
  if (errorBody !== undefined) return { kind: "failed", error: errorBody };
  const id = crypto.randomUUID();
  const reason = error instanceof Error ? error.stack ?? error.message : String(error);
  log.error("An operation failed for a fault of the gateway", { id, operation: name, reason });
  return { kind: "internal-error", id };
}
