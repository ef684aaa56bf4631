/** Maximum size of a request's head in bytes; it contains the cookies of other local programs. */
const MAX_HEAD = 64 * 1024;

/** Ends the head. */
const END = "\r\n\r\n";

const WORDS: Readonly<Record<number, string>> = { 200: "OK", 400: "Bad Request", 404: "Not Found" };

/** A response. */
export interface SmallAnswer {
  readonly status: 200 | 400 | 404;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Reads the head of a GET request from a connection.
 *
 * @returns The path and query; `undefined` if this is no GET request.
 * @throws Any error of the system, if the connection is closed in the meantime.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9112#section-3}
 */
export async function readTarget(connection: Deno.Conn): Promise<string | undefined> {
  const decoder = new TextDecoder("latin1");
  const chunk = new Uint8Array(4096);
  let head = "";
  // The head is read completely: closing a connection with unread bytes discards the response.
  for (let seen = 0; !head.includes(END, seen - END.length);) {
    const size = await connection.read(chunk);
    if (size === null || head.length + size > MAX_HEAD) return undefined;
    seen = head.length;
    head += decoder.decode(chunk.subarray(0, size));
  }
  return /^GET (\/\S*) HTTP\/1\.[01]\r\n/.exec(head)?.[1];
}

/**
 * Writes a response, after which the connection can be closed.
 *
 * @throws Any error of the system, if the peer does not read it.
 */
export async function writeAnswer(
  connection: Deno.Conn,
  { status, headers, body }: SmallAnswer,
): Promise<void> {
  const bytes = new TextEncoder().encode(body);
  const all = { ...headers, "content-length": String(bytes.length), connection: "close" };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = new TextEncoder().encode(`HTTP/1.1 ${status} ${WORDS[status]}\r\n${lines}\r\n`);
  for (const part of [head, bytes]) {
    for (let at = 0; at < part.length;) at += await connection.write(part.subarray(at));
  }
  await connection.closeWrite();
}
