/** JSON-RPC code of errors of the transport, from the range for implementations. */
const TRANSPORT_ERROR = -32000;

/** Options of an error response. */
export interface ErrorResponseOptions {
  /** Code of the JSON-RPC error; default -32000. */
  readonly code?: number;
  /** Id of the refused request as JSON text. */
  readonly id?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Creates the response to a refused request, with a JSON-RPC error that clients can read.
 *
 * @param status The HTTP status.
 * @param message The problem and what to do.
 */
export function errorResponse(
  status: number,
  message: string,
  options: ErrorResponseOptions = {},
): Response {
  const { code = TRANSPORT_ERROR, id = "null", headers = {} } = options;
  const error = JSON.stringify({ code, message });
  return new Response(`{"jsonrpc":"2.0","id":${id},"error":${error}}`, {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}

/** Creates the response to a request that the gateway cannot handle now. */
export function unavailableResponse(message: string): Response {
  return errorResponse(503, message, { headers: { "retry-after": "5" } });
}

/** Creates the response to a request whose method the MCP endpoint does not take; `allow` lists those that it takes. */
export function methodErrorResponse(allow: string): Response {
  const methods = allow.replace(/, (?=\w+$)/, " and ");
  return errorResponse(405, `This endpoint takes ${methods}`, { headers: { allow } });
}
