import { DownstreamError } from "../../errors.ts";
import { isRecord } from "../../json.ts";
import type { Reply } from "../../jsonrpc/mod.ts";
import type { Invocation } from "../invocation.ts";
import { describeIncomplete, describeKind } from "./describe_value.ts";

/** The methods of invocations. */
const METHODS: Readonly<Record<Invocation["kind"], string>> = {
  tool: "tools/call",
  resource: "resources/read",
  subscribe: "resources/subscribe",
  unsubscribe: "resources/unsubscribe",
  prompt: "prompts/get",
  completion: "completion/complete",
};

/** Returns the method of an invocation. */
export function methodOf({ kind }: Invocation): string {
  return METHODS[kind];
}

/** Returns the members of the parameters that are about the invoked item, as parts of a text. */
export function writeInvocationMembers(invocation: Invocation): string[] {
  switch (invocation.kind) {
    case "tool": {
      const { tool, args } = invocation;
      return [`"name":${JSON.stringify(tool.name)},"arguments":`, args.json];
    }
    case "resource":
    case "subscribe":
    case "unsubscribe":
      return [`"uri":${JSON.stringify(invocation.uri)}`];
    case "prompt": {
      const { name, args } = invocation;
      const nameMember = `"name":${JSON.stringify(name)}`;
      return args === undefined ? [nameMember] : [`${nameMember},"arguments":`, args.json];
    }
    case "completion": {
      const { reference, argument, context } = invocation;
      const ref = reference.kind === "prompt"
        ? { type: "ref/prompt", name: reference.name }
        : { type: "ref/resource", uri: reference.uri };
      const contextTexts = context === undefined ? [] : [',"context":', context.json];
      return [`"ref":${JSON.stringify(ref)},"argument":`, argument.json, ...contextTexts];
    }
  }
}

/** The invocation and the server that an answer is about. */
interface AnswerContext {
  readonly invocation: Invocation;
  readonly server: string;
}

/** Returns whether the answer to an invocation is an error of the tool. */
export function isToolError(answer: Reply, context: AnswerContext): boolean {
  if (!answer.ok) return false;
  const { value } = answer.result;
  if (!isRecord(value)) throw createNoResultError(value, context);
  requireComplete(value, context);
  return context.invocation.kind === "tool" && value.isError === true;
}

/** Describes the failure of an invocation that was answered with a value other than an object. */
function createNoResultError(
  value: unknown,
  { invocation, server }: AnswerContext,
): DownstreamError {
  const isCall = invocation.kind === "tool";
  const request = isCall ? "the call" : methodOf(invocation);
  const message =
    `Server "${server}" answered ${request} with ${describeKind(value)} instead of a ` +
    `result. ${
      isCall ? "The tool may have done its work; report" : "Report"
    } this to the authors ` +
    "of the server.";
  return new DownstreamError("SERVER_UNAVAILABLE", server, message);
}

/** @throws {DownstreamError} The result does not complete its invocation. */
function requireComplete(
  result: Readonly<Record<string, unknown>>,
  { invocation, server }: AnswerContext,
): void {
  const incompleteness = describeIncomplete(result);
  if (incompleteness === undefined) return;
  const message =
    `Server "${server}" answered with ${incompleteness}, which is not a complete result and which this ` +
    "gateway does not know.";
  const hint = "Use another tool, or call again with all the input the tool may ask for";
  const details = invocation.kind === "tool" ? { hint } : {};
  throw new DownstreamError("SERVER_UNAVAILABLE", server, message, details);
}
