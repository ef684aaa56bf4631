import { withoutLastWord } from "../../redact.ts";
import { shortenText, startOfText } from "../../text.ts";
import { isHtmlPage } from "../http_responses.ts";

/** Maximum length of a quote from a server, in UTF-16 code units. */
const MAX_QUOTE_LENGTH = 200;

/** Length of the beginning that is searched for secrets, in UTF-16 code units. */
const MAX_REDACTED_LENGTH = 16 * 1024;

/** Number of nested values that are searched for a message, such as `{"error": {"message": "…"}}`. */
const MAX_DEPTH = 3;

/** Members of a JSON body that may describe an error, the most useful first. */
const MESSAGE_MEMBERS = ["error_description", "message", "detail", "error", "title", "reason"];

/**
 * Returns a short quote from a body: the message of an error, the title of a web page, or the beginning of
 * any other text.
 *
 * @param body The body.
 * @param redactSecrets Removes secrets; called before the text is cut, because a cut secret is not recognized.
 * @returns `undefined` if there is nothing to quote.
 */
export function quoteBody(
  body: string,
  redactSecrets: (text: string) => string,
): string | undefined {
  const message = messageOf(body) ?? titleOf(body) ?? (isHtmlPage(body) ? "" : body);
  const beginning = message.length <= MAX_REDACTED_LENGTH
    ? message
    : withoutLastWord(startOfText(message, MAX_REDACTED_LENGTH));
  // With control characters or line breaks, the quote could look like a message of the gateway.
  const text = redactSecrets(beginning).replace(/[\s\p{Cc}\p{Cf}]+/gu, " ").trim();
  return text === "" ? undefined : JSON.stringify(shortenText(text, MAX_QUOTE_LENGTH));
}

/**
 * Returns the parts of a url that no message may contain: userinfo, query, and path segments that look
 * like keys.
 *
 * @param url The url.
 */
export function secretsInUrl(
  { username, password, search, searchParams, pathname }: URL,
): string[] {
  const segments = pathname.split("/").filter((segment) =>
    /\d/.test(segment) || segment.length >= 20
  );
  const secrets = [username, password, search, ...searchParams.values(), ...segments];
  return secrets.flatMap((secret) => [secret, decode(secret)]);
}

function messageOf(body: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (typeof value === "string") return value;
    if (typeof value !== "object" || value === null) break;
    const members = value as Readonly<Record<string, unknown>>;
    const hasErrorObject = typeof members.error === "object" && members.error !== null;
    const name = hasErrorObject
      ? "error"
      : MESSAGE_MEMBERS.find((member) => members[member] !== undefined);
    if (name === undefined) break;
    value = members[name];
  }
  return undefined;
}

function titleOf(body: string): string | undefined {
  if (!isHtmlPage(body)) return undefined;
  // The quantifiers are bounded, so that a page with many unclosed titles takes linear time.
  return /<title(?:\s[^<>]{0,1000})?>([^<]{0,2000})/i.exec(body)?.[1];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
