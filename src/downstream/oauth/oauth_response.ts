import { quoteServerText } from "../secrets.ts";
import type { FetchLike } from "@modelcontextprotocol/client";
import type { ServerConfig } from "../../config/mod.ts";
import { isRecord } from "../../json.ts";
import { keepsMethod, MAX_REDIRECTS, mediaTypeOf } from "../http_responses.ts";
import { LoginFailure } from "./login_failure.ts";

/** Types of the members that the gateway reads. */
interface MemberTypes {
  readonly nonEmptyString: string;
  readonly string: string;
  readonly strings: readonly string[];
  readonly url: string;
  readonly urls: readonly string[];
  /** At least 0. */
  readonly number: number;
  readonly boolean: boolean;
}

/**
 * All members that the gateway reads, with their types. A name means the same in every kind of
 * response (RFC 6749, 7591, 8414, 9728 and OpenID Discovery). Other members are ignored, so that
 * they cannot break a login.
 */
const MEMBERS = {
  access_token: "nonEmptyString",
  authorization_endpoint: "url",
  authorization_response_iss_parameter_supported: "boolean",
  authorization_servers: "urls",
  client_id: "nonEmptyString",
  client_id_metadata_document_supported: "boolean",
  client_secret: "nonEmptyString",
  client_secret_expires_at: "number",
  code_challenge_methods_supported: "strings",
  error: "nonEmptyString",
  error_description: "nonEmptyString",
  expires_in: "number",
  id_token: "nonEmptyString",
  issuer: "nonEmptyString",
  refresh_token: "nonEmptyString",
  registration_endpoint: "url",
  resource: "url",
  response_types_supported: "strings",
  revocation_endpoint: "url",
  scope: "string",
  scopes_supported: "strings",
  token_endpoint: "url",
  token_endpoint_auth_method: "nonEmptyString",
  token_endpoint_auth_methods_supported: "strings",
  token_type: "nonEmptyString",
} as const satisfies Readonly<Record<string, keyof MemberTypes>>;

type MemberName = keyof typeof MEMBERS;

/** Members of a response that have a valid value. */
export type Members = { readonly [N in MemberName]?: MemberTypes[(typeof MEMBERS)[N]] };

/** Members of a response; those named in `N` are present. */
export type MembersWith<N extends MemberName> = Members & Required<Pick<Members, N>>;

/** Members whose value is never quoted. */
const SECRET_MEMBERS: readonly MemberName[] = [
  "access_token",
  "client_secret",
  "id_token",
  "refresh_token",
];

/** Maximum length of a text in a response, in UTF-16 code units; the gateway keeps tokens, and sends them in a header. */
const MAX_TEXT_LENGTH = 16 * 1024;

const SHORT_STRING = `a string of at most ${MAX_TEXT_LENGTH} characters`;

const TYPE_DESCRIPTIONS: Readonly<Record<keyof MemberTypes, string>> = {
  nonEmptyString: SHORT_STRING,
  string: SHORT_STRING,
  strings: "a list of strings",
  url: "a URL",
  urls: "a list of URLs",
  number: "a number",
  boolean: "true or false",
};

const isShortString = (value: unknown): value is string =>
  typeof value === "string" && value.length <= MAX_TEXT_LENGTH;
const isNonEmptyString = (value: unknown): value is string => isShortString(value) && value !== "";
const isUrl = (value: unknown): value is string => isNonEmptyString(value) && URL.canParse(value);

/**
 * Functions that read a value as one type; `undefined` if the value is not valid.
 */
const READERS: {
  readonly [K in keyof MemberTypes]: (value: unknown) => MemberTypes[K] | undefined;
} = {
  nonEmptyString: (value) => isNonEmptyString(value) ? value : undefined,
  string: (value) => isShortString(value) ? value : undefined,
  strings: (value) => filterList(value, isNonEmptyString),
  url: (value) => isUrl(value) ? value : undefined,
  urls: (value) => filterList(value, isUrl),
  number: (value) => {
    const number = isNonEmptyString(value) ? Number(value) : value;
    // The expiry computed from a larger number may be infinite, which `JSON.stringify` writes as
    // null.
    const isNumber = typeof number === "number" && number >= 0 && number <= Number.MAX_SAFE_INTEGER;
    return isNumber ? number : undefined;
  },
  boolean: (value) => typeof value === "boolean" ? value : undefined,
};

function filterList(
  value: unknown,
  isItem: (item: unknown) => item is string,
): readonly string[] | undefined {
  const list = Array.isArray(value) ? value.filter(isItem) : [];
  return list.length > 0 ? list : undefined;
}

/** Response to a login request. */
export interface OAuthResponse {
  readonly status: number;
  /** The parsed body if it is a JSON object. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
  readonly contentType: string;
  readonly text: string;
  /** Target of a redirect that was not followed, without its query. */
  readonly redirect: string | undefined;
}

/** Sends a login request. Follows redirects within the same origin only. */
export async function sendRequest(
  requestUrl: string | URL,
  { fetchFn, ...init }: RequestInit & { readonly fetchFn: FetchLike },
): Promise<OAuthResponse> {
  let url = new URL(requestUrl);
  for (let redirectCount = 0;; redirectCount++) {
    const response = await fetchFn(url, init);
    const { status, headers } = response;
    const location = status >= 300 && status < 400 ? headers.get("location") : null;
    const target = location === null ? null : URL.parse(location, url);
    const isFollowed = target?.origin === url.origin && redirectCount < MAX_REDIRECTS &&
      keepsMethod(init.method, status);
    if (target !== null && isFollowed) {
      url = target;
      continue;
    }
    const text = await response.text();
    const contentType = mediaTypeOf(response);
    const redirect = target === null
      ? undefined
      : `${target.protocol}//${target.host}${target.pathname}`;
    return { status, contentType, text, redirect, body: parseJsonObject(text) };
  }
}

function parseJsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the status is a success. */
export function isOk({ status }: OAuthResponse): boolean {
  return status >= 200 && status < 300;
}

/**
 * Reads the members of a response. A member whose value is not valid for its type counts as absent.
 *
 * @param options `required`: members that must be present. `errorPrefix`: beginning of the error
 * message if one of them is missing or invalid.
 * @throws {LoginFailure} if a required member is missing or invalid; the message quotes its value.
 */
export function readMembers<N extends MemberName>(
  { body = {} }: Pick<OAuthResponse, "body">,
  { required, errorPrefix, config }: {
    readonly required: readonly N[];
    readonly errorPrefix: string;
    readonly config: ServerConfig;
  },
): MembersWith<N> {
  const members = readValidMembers(body);
  for (const name of required) {
    if (members[name] !== undefined) continue;
    const actual = describeInvalidValue(name, body[name], config);
    const expected = TYPE_DESCRIPTIONS[MEMBERS[name]];
    throw new LoginFailure(`${errorPrefix}: ${name} is ${actual} and must be ${expected}.`);
  }
  return members as MembersWith<N>;
}

function readValidMembers(body: Readonly<Record<string, unknown>>): Members {
  const entries = Object.entries(MEMBERS).map(([name, type]) => [name, READERS[type](body[name])]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function describeInvalidValue(name: MemberName, value: unknown, config: ServerConfig): string {
  if (value === undefined) return "missing";
  if (value === null || value === "") return JSON.stringify(value);
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (SECRET_MEMBERS.includes(name)) {
    return typeof value === "string"
      ? `a string of ${value.length} characters`
      : `a ${typeof value}`;
  }
  return typeof value === "string" ? quoteServerText(value, config) : String(value);
}

/**
 * Returns the error code of a refused request; some authorization servers send it with status 200.
 */
export function errorCodeOf({ body }: OAuthResponse): string | undefined {
  return body === undefined ? undefined : readValidMembers(body).error;
}

/**
 * Creates the error for a response that refuses a request; the error contains the error code.
 *
 * @param options `purpose`: the purpose of the request, such as "to log in".
 */
export function createRefusalError(
  response: OAuthResponse,
  { purpose, config }: { readonly purpose: string; readonly config: ServerConfig },
): LoginFailure {
  const { error: code, error_description: description } = readValidMembers(response.body ?? {});
  if (code === undefined) {
    const message = `its authorization server sent an unusable response when asked ${purpose}`;
    return new LoginFailure(`${message}: ${describeResponse(response, config)}.`);
  }
  const detail = description === undefined ? "" : `: ${quoteServerText(description, config)}`;
  const quotedCode = quoteServerText(code, config);
  const message = `its authorization server refused ${purpose}, ${quotedCode}${detail}.`;
  return new LoginFailure(message, { code });
}

/** Describes an unexpected response: its status and an excerpt of its body. */
export function describeResponse(
  { status, contentType, text, redirect, body }: OAuthResponse,
  config: ServerConfig,
): string {
  if (redirect !== undefined) {
    const target = quoteServerText(redirect, config);
    return `HTTP ${status}, a redirect to ${target}, which was not followed`;
  }
  // Authorization servers respond in JSON, so any markup is an HTML page or a part of one.
  if (contentType === "text/html" || /^\s*</.test(text)) return `HTTP ${status} with a web page`;
  if (text.trim() === "") return `HTTP ${status} without a body`;
  const suffix = body === undefined ? ", which is not a JSON object" : "";
  return `HTTP ${status} with ${quoteServerText(text, config)}${suffix}`;
}
