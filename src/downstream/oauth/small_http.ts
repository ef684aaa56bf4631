/**
 * Maximum size of a request's head, in bytes. The head may be large: browsers ignore the port of a cookie,
 * so they send the cookies of all servers on this machine.
 */
const MAX_HEAD_BYTES = 64 * 1024;

/** The end of a request's head. */
const HEAD_END = "\r\n\r\n";

const REASON_PHRASES: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
};

/** An HTTP response. */
export interface SmallResponse {
  readonly status: 200 | 400 | 404;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Reads the head of a GET request from a connection.
 *
 * @returns The path and query; `undefined` if it is not a GET request, is too long, or ends early.
 * @throws Any error of the system if the connection is closed.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9112#section-3}
 */
export async function readRequestTarget(connection: Deno.Conn): Promise<string | undefined> {
  const decoder = new TextDecoder("latin1");
  const chunk = new Uint8Array(4096);
  let head = "";
  // The head is read completely: closing a connection with unread bytes discards the response.
  for (let searchedLength = 0; !head.includes(HEAD_END, searchedLength - HEAD_END.length);) {
    const size = await connection.read(chunk);
    if (size === null || head.length + size > MAX_HEAD_BYTES) return undefined;
    searchedLength = head.length;
    head += decoder.decode(chunk.subarray(0, size));
  }
  return /^GET (\/\S*) HTTP\/1\.[01]\r\n/.exec(head)?.[1];
}

/**
 * Writes a response, after which the connection can be closed.
 *
 * @throws Any error of the system if the client does not read it.
 */
export async function writeResponse(
  connection: Deno.Conn,
  { status, headers, body }: SmallResponse,
): Promise<void> {
  const bytes = new TextEncoder().encode(body);
  const allHeaders = { ...headers, "content-length": String(bytes.length), connection: "close" };
  const lines = Object.entries(allHeaders).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = new TextEncoder().encode(
    `HTTP/1.1 ${status} ${REASON_PHRASES[status]}\r\n${lines}\r\n`,
  );
  for (const part of [head, bytes]) {
    for (let offset = 0; offset < part.length;) {
      offset += await connection.write(part.subarray(offset));
    }
  }
  await connection.closeWrite();
}
