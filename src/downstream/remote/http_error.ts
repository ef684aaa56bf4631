import { isHtmlPage } from "../http_responses.ts";
import type { RpcError } from "../../jsonrpc/mod.ts";
import { isRecord } from "../../json.ts";
import { RemoteFailure } from "../remote_failure.ts";
import { quoteBody } from "./quote.ts";

/** Maximum length of the part of a body that is read, in UTF-16 code units, and maximum time to read it, in ms. */
const BEGINNING_LENGTH = 64 * 1024;
const READ_TIMEOUT_MS = 1000;

const STATUS_HINTS: Readonly<Record<number, string>> = {
  401: "check the credentials in its headers",
  403: "check the credentials in its headers",
  404: "check its url",
  405: "check its url",
  407: "check the credentials of the proxy",
  501: "check its url",
  502: "the server behind it seems to be down",
  504: "the server behind it did not answer",
};

/** The context in which a server answered with an error status. */
export interface HttpErrorContext {
  /** The address of the request. */
  readonly url: URL;
  /** Removes secrets from a text, before it is quoted. */
  readonly redactSecrets: (text: string) => string;
  /** The wait that a busy server asks for, in milliseconds. */
  readonly waitMs?: number | undefined;
}

/**
 * Describes a response with an error status.
 *
 * @param response The response; its body is read.
 * @param context The request.
 */
export async function createHttpFailure(
  response: Response,
  { url: { host }, redactSecrets, waitMs }: HttpErrorContext,
): Promise<RemoteFailure> {
  const { status } = response;
  const body = await readBeginning(response);
  const excerpt = describeBody(body, redactSecrets);
  const options = {
    reach: "refused",
    status,
    problem: "status",
    rpcError: rpcErrorIn(body),
  } as const;
  if (waitMs !== undefined) {
    const message = `${host} is busy (HTTP ${status}${excerpt}) and asks to be tried again in ` +
      `${Math.ceil(waitMs / 1000)} s`;
    return new RemoteFailure(message, { ...options, isBusy: true });
  }
  const hint = STATUS_HINTS[status] === undefined ? "" : `; ${STATUS_HINTS[status]}`;
  return new RemoteFailure(`${host} answered with HTTP ${status}${excerpt}${hint}`, options);
}

/** Returns a quote of a body, to be appended to a status; empty if there is nothing to quote. */
function describeBody(body: string, redactSecrets: HttpErrorContext["redactSecrets"]): string {
  const quote = quoteBody(body, redactSecrets);
  if (quote === undefined) return "";
  return isHtmlPage(body) ? ` (a web page: ${quote})` : `: ${quote}`;
}

/**
 * Explains the refusal of a message that belongs to a session. According to the specification, 404 means
 * that the session has ended and that the message was not processed. Other statuses are examined by
 * `SessionCheck`.
 *
 * @param cause The failure of the message.
 * @returns A failure of the session if the status is 404; otherwise `cause`.
 */
export function explainSessionFailure(cause: unknown): unknown {
  if (!(cause instanceof RemoteFailure) || cause.status !== 404) return cause;
  const message = "its session has ended there";
  return new RemoteFailure(message, { reach: "never", status: 404, cause });
}

/** Returns the JSON-RPC error in a body; `undefined` if the body contains none. */
function rpcErrorIn(body: string): RpcError | undefined {
  try {
    const { error }: Record<string, unknown> = JSON.parse(body);
    if (!isRecord(error) || typeof error.code !== "number") return undefined;
    const { code, message, data } = error;
    return { code, message: String(message ?? ""), ...(data === undefined ? {} : { data }) };
  } catch {
    // A web page, or an incomplete body.
    return undefined;
  }
}

/**
 * Reads the beginning of a body, at most for 1 s, and cancels the rest.
 *
 * @param response The response with the body.
 */
export async function readBeginning({ body }: Response): Promise<string> {
  if (body === null) return "";
  const reader = body.getReader();
  // A caller must not wait for an endless body.
  const timer = setTimeout(() => void reader.cancel().catch(() => {}), READ_TIMEOUT_MS);
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done || text.length > BEGINNING_LENGTH) break;
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    // The connection broke: the text received before is enough.
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => {});
  }
  return text;
}
