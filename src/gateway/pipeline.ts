import { type Caller, type ClientConnection, supportsUrlElicitation } from "../downstream/mod.ts";
import {
  type CancelSignal,
  JsonText,
  RPC_CODES,
  type RpcError,
  utf8Bytes,
} from "../jsonrpc/mod.ts";
import { type CallLimits, limitsOf } from "../limits/mod.ts";
import type { Log } from "../log.ts";
import {
  type Decision,
  type Identity,
  type Question,
  type Resolution,
  resolveAgent,
} from "../policy/mod.ts";
import type { Tracer } from "../trace.ts";
import { OperationRecord, type Records, type Subject } from "./records.ts";
import type { Snapshot } from "./snapshot.ts";
import {
  type Arguments,
  type GatewayTool,
  nearServers,
  parseArguments,
  type StatusSource,
  type Usable,
} from "./tools/mod.ts";
import {
  errorResult,
  rpcErrorResult,
  textResult,
  wireDenial,
  type WireError,
  wireErrorOf,
  wireLimit,
  wireRefusal,
} from "./wire_error.ts";

/** JSON-RPC code of "URL elicitation required", which clients act on themselves. */
const URL_ELICITATION_REQUIRED = -32042;

/** One call of a gateway tool, as a client sent it. */
export interface Operation {
  /** The tool. */
  readonly tool: GatewayTool;
  /** Its arguments as parsed. */
  readonly arguments: unknown;
  /** Gives the text of an argument as it came. */
  readonly argumentText: (name: string) => JsonText | undefined;
  /** Fields of the request's `_meta`, where it has any. */
  readonly meta: Readonly<Record<string, unknown>> | undefined;
  /** Id of the request. */
  readonly requestId: string | number;
  /** Requests of the client that wait for an answer, this one included. */
  readonly unanswered: number;
  /** Aborts when the client cancels or is gone. */
  readonly signal: CancelSignal;
  /** Takes a server's progress, where the client asked for it. */
  readonly onProgress?: ((params: Readonly<Record<string, unknown>>) => void) | undefined;
}

/** What operations run on; the snapshot is taken once for each. */
export interface Surroundings {
  /** The configuration in force. */
  readonly snapshot: Snapshot;
  /** The agent that the process or the credential stands for, and the fallback. */
  readonly identity: Pick<Identity, "bound" | "defaultAgent">;
  /** How much agents may do. */
  readonly limits: CallLimits;
  /** Audit and figures. */
  readonly records: Records;
  /** Begins the traces of operations. */
  readonly tracer: Tracer;
  /** How the client is connected, in the words of the semantic conventions. */
  readonly transport: "pipe" | "tcp";
  /** Takes the gateway's own faults. */
  readonly log: Log;
  /** The gateway's own state. */
  readonly gateway: StatusSource;
}

/** What a client gets: a result, an error that it must see as one, or nothing because it cancelled. */
export type Outcome =
  | { readonly kind: "result"; readonly result: JsonText }
  | { readonly kind: "error"; readonly error: JsonText | RpcError }
  | { readonly kind: "cancelled" };

/**
 * Runs one operation, from its arguments to its record. Never throws: whatever goes wrong while
 * deciding denies, and what is not foreseen is logged and answered as an internal error.
 *
 * @param operation What the client asks.
 * @param connection Over which connection.
 * @param surroundings What is in force.
 */
export async function runOperation(
  operation: Operation,
  connection: ClientConnection,
  surroundings: Surroundings,
): Promise<Outcome> {
  const { tool, signal } = operation;
  const { snapshot, identity, limits, records, tracer, transport, log, gateway } = surroundings;
  const { policy, servers, configuration } = snapshot;
  const { name } = tool.definition;
  const record = new OperationRecord(records, {
    operation: name,
    session: connection.client,
    requestId: operation.requestId,
    span: tracer.start(`tools/call ${name}`, operation.meta, {
      kind: "server",
      attributes: {
        "mcp.method.name": "tools/call",
        "mcp.session.id": connection.client,
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "jsonrpc.request.id": String(operation.requestId),
        "network.transport": transport,
      },
    }),
  });
  let slot: Disposable | undefined;
  try {
    noteCaller(record, operation.arguments, identity.bound);

    // Arguments.
    const args = parseArguments(tool, operation.arguments, operation.argumentText);
    const question = questionOf(tool, args, transport);
    const subject = subjectOf(question);
    const own = typeof args.args === "object" ? args.args : undefined;
    record.setSubject(subject, own === undefined ? undefined : utf8Bytes(own.text.text));
    record.setArgs(own?.value);

    // Who is calling.
    const given = typeof args.agent_id === "string" ? args.agent_id : undefined;
    const who = identify(given, surroundings);
    if ("refused" in who) {
      if (given) record.setClaim(given);
      return await refuse(record, wireRefusal(who.refused));
    }
    const { agent } = who;
    record.setAgent(agent);
    if (subject.server !== undefined && servers.has(subject.server)) {
      record.setServer(subject.server);
    }

    // Limits: before what costs, and whatever the rules will say, so that probing them is limited.
    const { rules } = configuration;
    const { unanswered } = operation;
    const admitted = limits.admit({ agent, limits: limitsOf(rules, agent), unanswered });
    const admission = admitted instanceof Promise ? await admitted : admitted;
    if (admission.kind === "refused") return await refuse(record, wireLimit(admission));
    slot = admission;

    // Decision.
    const deciding = record.span.child("decision");
    const decision = question && policy.decide(agent, question);
    if (decision !== undefined) deciding.set({ "gateway.rule": decision.rule });
    deciding.end();
    if (decision !== undefined) {
      record.setRule(decision.rule);
      if (decision.effect === "deny") {
        const what = { ...subject, ...(question?.kind === "status" ? { operation: name } : {}) };
        const errorId = logErrors(decision, { operation: name, agent, log });
        const near = errorId === undefined
          ? nearServersDenied(agent, subject, { policy, entries: configuration.servers })
          : [];
        return await refuse(record, wireDenial(agent, { ...what, near, errorId }, decision.rule));
      }
    }

    // Downstream.
    const { client, capabilities, link } = connection;
    const caller: Caller = { client, agent, capabilities, link };
    const { meta, onProgress } = operation;
    const answer = await tool.run(args, {
      caller,
      policy,
      entries: configuration.servers,
      unused: configuration.unused,
      servers,
      signal,
      meta,
      gateway,
      span: record.span,
      onProgress,
    });

    // Result.
    if (answer.kind === "own") {
      const result = textResult(answer.json, { structured: answer.structured });
      await record.finish("ALLOW", { resultBytes: utf8Bytes(result.text) });
      return { kind: "result", result };
    }
    const { downstreamMs } = answer;
    if (answer.kind === "result") {
      const { result, bytes: resultBytes, isToolError } = answer;
      await record.finish("ALLOW", { resultBytes, downstreamMs, isToolError });
      return { kind: "result", result };
    }
    const { error, text } = answer;
    await record.finish("ERROR", { code: String(error.code), downstreamMs });
    if (error.code === URL_ELICITATION_REQUIRED && supportsUrlElicitation(connection)) {
      return { kind: "error", error: text };
    }
    return { kind: "result", result: rpcErrorResult(answer) };
  } catch (error) {
    if (signal.aborted) {
      await record.finish("ERROR", { code: "CANCELLED" });
      return { kind: "cancelled" };
    }
    const wireError = wireErrorOf(error);
    if (wireError !== undefined) return await fail(record, wireError);
    const id = crypto.randomUUID();
    await record.finish("ERROR", { code: "INTERNAL_ERROR" });
    const reason = error instanceof Error ? error.stack ?? error.message : String(error);
    log.error("An operation failed for a fault of the gateway", { id, operation: name, reason });
    const message = `The gateway failed to run ${name}; its log has the reason under ${id}`;
    return { kind: "error", error: { code: RPC_CODES.internalError, message } };
  } finally {
    slot?.[Symbol.dispose]();
  }
}

/**
 * The agent that a connection stands for by itself: the one that it is bound to, else the one that a
 * call without `agent_id` counts as; `undefined` where such a call is refused.
 */
export function connectionAgent(surroundings: Surroundings): string | undefined {
  const who = identify(undefined, surroundings);
  return "agent" in who ? who.agent : undefined;
}

/** Whether a tool is shown to a connection, and may be called on it. */
export function isOffered(
  { httpPermission }: GatewayTool,
  { snapshot, identity: { bound }, transport }: Surroundings,
): boolean {
  if (transport === "pipe" || httpPermission === undefined) return true;
  const { policy, configuration: { rules } } = snapshot;
  if (bound !== undefined) return policy.allows(bound, httpPermission);
  // A client that is bound to no agent may call as any of them.
  return rules.agents.keys().some((agent) => policy.allows(agent, httpPermission));
}

function identify(given: string | undefined, { snapshot, identity }: Surroundings): Resolution {
  const { configuration: { rules }, policy } = snapshot;
  return resolveAgent(given, {
    ...identity,
    denyOnMissing: rules.denyOnMissingAgent,
    has: policy.has,
  });
}

/** Over a pipe the client is the user's own, and needs no permission for what is not a server's. */
function questionOf(
  tool: GatewayTool,
  args: Arguments,
  transport: "pipe" | "tcp",
): Question | undefined {
  return tool.question?.(args) ?? (transport === "tcp" ? tool.httpPermission : undefined);
}

function subjectOf(question: Question | undefined): Subject {
  switch (question?.kind) {
    case "server":
      return { server: question.server };
    case "tool":
      return { server: question.server, tool: question.tool };
    default:
      return {};
  }
}

/** Logs the faults met while deciding; gives the id under which the log has them. */
function logErrors(
  { errors }: Decision,
  { log, ...about }: { readonly operation: string; readonly agent: string; readonly log: Log },
): string | undefined {
  if (errors.length === 0) return undefined;
  const id = crypto.randomUUID();
  const reason = errors.map(({ stack, message }) => stack ?? message).join("\n");
  log.error("Denied an operation because deciding about it failed", { id, ...about, reason });
  return id;
}

/** What an agent may have meant by a server that it may not use; nothing where only the tool is denied. */
function nearServersDenied(agent: string, { server }: Subject, usable: Usable): readonly string[] {
  if (server === undefined || usable.policy.allows(agent, { kind: "server", server })) return [];
  return nearServers(agent, server, usable);
}

async function refuse(record: OperationRecord, error: WireError): Promise<Outcome> {
  await record.finish("DENY", { code: error.code });
  return { kind: "result", result: errorResult(error) };
}

async function fail(record: OperationRecord, error: WireError): Promise<Outcome> {
  await record.finish("ERROR", { code: error.code });
  return { kind: "result", result: errorResult(error) };
}

/**
 * A call that is refused for its form is recorded, too: as that of the agent the connection is bound
 * to, whatever the caller says of itself; of one that is not bound, what it says is all there is.
 */
function noteCaller(record: OperationRecord, given: unknown, bound: string | undefined): void {
  if (bound) return record.setAgent(bound);
  if (typeof given !== "object" || given === null || !("agent_id" in given)) return;
  if (typeof given.agent_id === "string" && given.agent_id !== "") record.setClaim(given.agent_id);
}
