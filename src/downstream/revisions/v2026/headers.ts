import { STATELESS_REVISION } from "../../../revisions.ts";
import type { Invocation } from "../../invocation.ts";
import { methodOf } from "../invocations.ts";
import { encodeHeaderValue } from "./header_values.ts";
import { mirrorArguments } from "./mirrored_arguments.ts";

/**
 * Returns the HTTP headers of a request, which repeat a part of its body.
 *
 * @param method The method.
 * @param options `name`: the name or URI of the item that is requested. `params`: the headers of arguments.
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http}
 */
export function requestHeaders(
  method: string,
  { name, params = {} }: {
    readonly name?: string | undefined;
    readonly params?: Readonly<Record<string, string>>;
  } = {},
): Record<string, string> {
  return {
    ...params,
    "mcp-protocol-version": STATELESS_REVISION,
    "mcp-method": method,
    ...(name === undefined ? {} : { "mcp-name": encodeHeaderValue(name) }),
  };
}

/**
 * Returns the HTTP headers of an invocation.
 *
 * @throws {CallerError} `INVALID_ARGUMENTS`, if a header cannot have the value of its argument.
 */
export function invocationHeaders(invocation: Invocation): Record<string, string> {
  const params = invocation.kind === "tool"
    ? mirrorArguments(invocation.tool, invocation.args.json)
    : {};
  return requestHeaders(methodOf(invocation), { name: nameOf(invocation), params });
}

/** Returns the name or the URI of an invocation that its HTTP headers have. */
function nameOf(invocation: Invocation): string | undefined {
  switch (invocation.kind) {
    case "tool":
      return invocation.tool.name;
    case "prompt":
      return invocation.name;
    case "resource":
      return invocation.uri;
    default:
      return undefined;
  }
}
