import { shortenText } from "../../text.ts";
import { isPage } from "../http_answers.ts";

/** Maximum length of a quote from a server, in UTF-16 code units. */
const MAX_QUOTE = 200;

/** Length of the beginning that is searched for secrets, in UTF-16 code units. */
const MAX_CLEANED = 16 * 1024;

/** Members of a JSON body that say what is wrong, the best first. */
const MEMBERS = ["error_description", "message", "detail", "error", "title", "reason"];

/**
 * Quotes a body for a person, as a short text: the message of an error, the title of a web page, or its
 * beginning.
 *
 * @param body The body.
 * @param clean Removes secrets; called before the text is cut, because a cut secret is not recognized.
 * @returns `undefined` if there is nothing to quote.
 */
export function quoteBody(body: string, clean: (text: string) => string): string | undefined {
  const said = messageOf(body) ?? titleOf(body) ?? (isPage(body) ? "" : body);
  // Control characters and line breaks could pass for something of ours.
  const text = clean(beginningOf(said)).replace(/[\s\p{Cc}\p{Cf}]+/gu, " ").trim();
  return text === "" ? undefined : JSON.stringify(shortenText(text, MAX_QUOTE));
}

/** Without the word that the cut goes through, which may be a secret that is no longer whole. */
function beginningOf(text: string): string {
  if (text.length <= MAX_CLEANED) return text;
  const begin = text.slice(0, MAX_CLEANED);
  const end = Math.max(begin.lastIndexOf(" "), begin.lastIndexOf("\n"));
  return end < 0 ? begin : begin.slice(0, end);
}

/**
 * Returns the parts of a url that no message may contain: userinfo, query, and path segments that look
 * like keys.
 *
 * @param url The url.
 */
export function secretsOfUrl(
  { username, password, search, searchParams, pathname }: URL,
): string[] {
  const segments = pathname.split("/").filter((one) => /\d/.test(one) || one.length >= 20);
  const all = [username, password, search, ...searchParams.values(), ...segments];
  return all.flatMap((one) => [one, decode(one)]);
}

function messageOf(body: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  for (let depth = 0; depth < 3; depth++) {
    if (typeof value === "string") return value;
    if (typeof value !== "object" || value === null) break;
    const members = value as Readonly<Record<string, unknown>>;
    const isRpcError = typeof members.error === "object" && members.error !== null;
    const name = isRpcError ? "error" : MEMBERS.find((one) => members[one] !== undefined);
    if (name === undefined) break;
    value = members[name];
  }
  return undefined;
}

function titleOf(body: string): string | undefined {
  if (!isPage(body)) return undefined;
  // The parts are bounded: a page that opens a thousand titles must not take a second.
  return /<title(?:\s[^<>]{0,1000})?>([^<]{0,2000})/i.exec(body)?.[1];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
