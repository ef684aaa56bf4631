/** How long the beginning of a request may be, in bytes; cookies of other programs are in it. */
const MAX_HEAD = 64 * 1024;

/** What the beginning ends with. */
const END = "\r\n\r\n";

const WORDS: Readonly<Record<number, string>> = { 200: "OK", 400: "Bad Request", 404: "Not Found" };

/** An answer to a request. */
export interface SmallAnswer {
  readonly status: 200 | 400 | 404;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Reads the request that a connection begins with, as far as a page is asked for.
 *
 * @param connection The connection.
 * @returns The path and query that are asked for; `undefined` where it is no such request.
 * @throws What the system says where the connection is closed meanwhile.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9112#section-3}
 */
export async function readTarget(connection: Deno.Conn): Promise<string | undefined> {
  const decoder = new TextDecoder("latin1");
  const chunk = new Uint8Array(4096);
  let head = "";
  // All of it is read, for a connection that is closed over unread bytes takes its answer with it.
  for (let seen = 0; !head.includes(END, seen - END.length);) {
    const size = await connection.read(chunk);
    if (size === null || head.length + size > MAX_HEAD) return undefined;
    seen = head.length;
    head += decoder.decode(chunk.subarray(0, size));
  }
  return /^GET (\/\S*) HTTP\/1\.[01]\r\n/.exec(head)?.[1];
}

/**
 * Answers a request, after which its connection can be closed.
 *
 * @param connection The connection.
 * @param answer What to say.
 * @throws What the system says where nobody takes it.
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
