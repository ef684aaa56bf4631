/** JSON-RPC code of refusals by the transport, from the range for implementations. */
const REFUSED = -32000;

/** Options of a refusal. */
export interface RefusalOptions {
  /** Code of the JSON-RPC error; default -32000. */
  readonly code?: number;
  /** Id of the refused request as JSON text. */
  readonly id?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Refuses a request to `/mcp`, with the JSON-RPC error that clients can read.
 *
 * @param status The HTTP status.
 * @param message Says what happened and what to do.
 */
export function refuse(status: number, message: string, options: RefusalOptions = {}): Response {
  const { code = REFUSED, id = "null", headers = {} } = options;
  const error = JSON.stringify({ code, message });
  return new Response(`{"jsonrpc":"2.0","id":${id},"error":${error}}`, {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}
