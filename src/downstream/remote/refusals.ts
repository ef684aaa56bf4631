import { RemoteFailure } from "../remote_failure.ts";

/** How much of a refusal is read, in UTF-16 code units, and for how long, in milliseconds. */
const MAX_SIZE = 64 * 1024;
const PATIENCE_MS = 1000;

/** How much of what it says is quoted, in UTF-16 code units. */
const MAX_QUOTE = 200;

const HINTS: Readonly<Record<number, string>> = {
  401: "check the credentials in its headers",
  403: "check the credentials in its headers",
  404: "check its url",
  405: "check its url",
  407: "check the credentials of the proxy",
  502: "the server behind it seems to be down",
  504: "the server behind it did not answer",
};

/** A refusal of a request by HTTP. */
export class HttpRefusal extends RemoteFailure {
  /** What the server says of it, as JSON-RPC has it. */
  readonly said: string | undefined;

  /** @param said What the server says of it. */
  constructor(
    message: string,
    { said, ...options }: {
      readonly status: number;
      readonly said: string | undefined;
      readonly isBusy?: boolean;
    },
  ) {
    super(message, { reach: "refused", ...options });
    this.said = said;
  }
}

/**
 * Puts a refusal into words.
 *
 * @param response The answer; its body is read.
 * @param url What was asked.
 * @param waitMs How long the server asks to be left alone, in milliseconds.
 */
export async function refusalOf(
  response: Response,
  url: URL,
  waitMs?: number,
): Promise<HttpRefusal> {
  const { status } = response;
  const said = await readRefusal(response);
  const quote = said === undefined ? "" : `: ${said}`;
  if (waitMs !== undefined) {
    const message = `${url.host} is busy (HTTP ${status}${quote}) and asks to be tried again in ` +
      `${Math.ceil(waitMs / 1000)} s`;
    return new HttpRefusal(message, { status, said, isBusy: true });
  }
  const hint = HINTS[status] === undefined ? "" : `; ${HINTS[status]}`;
  const message = `${url.host} answered with HTTP ${status}${quote}${hint}`;
  return new HttpRefusal(message, { status, said });
}

/** The message of a JSON-RPC error; a page for people is not quoted. */
async function readRefusal({ body }: Response): Promise<string | undefined> {
  if (body === null) return undefined;
  const reader = body.getReader();
  // One that goes on for ever must not keep who waits.
  const timer = setTimeout(() => void reader.cancel().catch(() => {}), PATIENCE_MS);
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done || text.length > MAX_SIZE) break;
      text += decoder.decode(value, { stream: true });
    }
    const { error } = JSON.parse(text);
    const message: unknown = typeof error === "object" ? error?.message : undefined;
    return typeof message === "string" ? message.slice(0, MAX_QUOTE) : undefined;
  } catch {
    // No JSON, or broken off: the status says enough.
    return undefined;
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => {});
  }
}
