/** JSON-RPC code of what the transport refuses; of the codes that are free for servers. */
const REFUSED = -32000;

/** More about a refusal. */
export interface RefusalOptions {
  /** Code of the JSON-RPC error. */
  readonly code?: number;
  /** Text of the id that is answered. */
  readonly id?: string;
  /** More headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Refuses a request to `/mcp`, with the JSON-RPC error that clients can read.
 *
 * @param status The HTTP status.
 * @param message What happened and what to do.
 * @param options What the JSON-RPC error and the headers say besides.
 */
export function refuse(status: number, message: string, options: RefusalOptions = {}): Response {
  const { code = REFUSED, id = "null", headers = {} } = options;
  const error = JSON.stringify({ code, message });
  return new Response(`{"jsonrpc":"2.0","id":${id},"error":${error}}`, {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}
