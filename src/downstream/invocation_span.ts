import type { Reply } from "../jsonrpc/mod.ts";
import type { Span } from "../trace.ts";
import type { Invocation } from "./invocation.ts";
import type { Session } from "./session.ts";

/**
 * Starts the span of a request within the span of its operation.
 *
 * @see {@link https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/}
 */
export function startSpan(
  { server, transport, codec }: Session,
  { operation, invocation }: { readonly operation: Span; readonly invocation: Invocation },
): Span {
  const method = codec.methodOf(invocation);
  const { name, attributes } = describeInvocation(invocation);
  return operation.child(name === undefined ? method : `${method} ${name}`, {
    kind: "client",
    attributes: {
      "mcp.method.name": method,
      ...attributes,
      "network.transport": transport.network,
      "gateway.server": server,
    },
  });
}

/** Describes an invocation for its span, without URIs: they may contain secrets. */
function describeInvocation(
  invocation: Invocation,
): { readonly name?: string; readonly attributes: Readonly<Record<string, string>> } {
  if (invocation.kind === "tool") {
    const { name } = invocation.tool;
    const attributes = { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name };
    return { name, attributes };
  }
  if (invocation.kind !== "prompt") return { attributes: {} };
  const { name } = invocation;
  return { name, attributes: { "gen_ai.prompt.name": name } };
}

/** Marks the span as failed if the server or the tool answered with an error. */
export function markFailure(
  span: Span,
  { reply, isToolError }: { readonly reply: Reply; readonly isToolError: boolean },
): void {
  if (!reply.ok) {
    const code = String(reply.error.code);
    span.set({ "rpc.response.status_code": code });
    span.fail(code);
  } else if (isToolError) span.fail("tool_error");
}
