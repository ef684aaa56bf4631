import type { FetchLike } from "@modelcontextprotocol/client";
import type { ServerConfig } from "../../config/mod.ts";
import { isRecord } from "../../json.ts";
import { keepsRequest, MAX_REDIRECTS, mediaTypeOf } from "../http_answers.ts";
import { LoginFailed, quoteServer } from "./failures.ts";

/** Types of the members that are read, by kind. */
interface Kinds {
  readonly text: string;
  /** Space-separated words; may be empty. */
  readonly words: string;
  readonly texts: readonly string[];
  readonly address: string;
  readonly addresses: readonly string[];
  /** At least 0. */
  readonly number: number;
  readonly flag: boolean;
}

/**
 * Every member that the gateway reads, in any response: a name means the same in all of them
 * (RFC 6749, 7591, 8414, 9728 and OpenID Discovery). All other members are ignored, so they cannot
 * break a login.
 */
const MEMBERS = {
  access_token: "text",
  authorization_endpoint: "address",
  authorization_response_iss_parameter_supported: "flag",
  authorization_servers: "addresses",
  client_id: "text",
  client_id_metadata_document_supported: "flag",
  client_secret: "text",
  client_secret_expires_at: "number",
  code_challenge_methods_supported: "texts",
  error: "text",
  error_description: "text",
  expires_in: "number",
  id_token: "text",
  issuer: "text",
  refresh_token: "text",
  registration_endpoint: "address",
  resource: "address",
  response_types_supported: "texts",
  revocation_endpoint: "address",
  scope: "words",
  scopes_supported: "texts",
  token_endpoint: "address",
  token_endpoint_auth_method: "text",
  token_endpoint_auth_methods_supported: "texts",
  token_type: "text",
} as const satisfies Readonly<Record<string, keyof Kinds>>;

type Name = keyof typeof MEMBERS;

/** The members of a response that have a valid value. */
export type Members = { readonly [N in Name]?: Kinds[(typeof MEMBERS)[N]] };

/** Members of which those named `N` are present. */
export type MembersWith<N extends Name> = Members & Required<Pick<Members, N>>;

/** Members whose value is never quoted. */
const SECRETS: readonly Name[] = ["access_token", "client_secret", "id_token", "refresh_token"];

const KIND_WORDS: Readonly<Record<keyof Kinds, string>> = {
  text: "a string",
  words: "a string",
  texts: "a list of strings",
  address: "a URL",
  addresses: "a list of URLs",
  number: "a number",
  flag: "true or false",
};

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
const isAddress = (value: unknown): value is string => isText(value) && URL.canParse(value);

/** Reads a value; `undefined` if it is of another kind or empty. */
const READERS: { readonly [K in keyof Kinds]: (value: unknown) => Kinds[K] | undefined } = {
  text: (value) => isText(value) ? value : undefined,
  words: (value) => typeof value === "string" ? value : undefined,
  texts: (value) => listOf(value, isText),
  address: (value) => isAddress(value) ? value : undefined,
  addresses: (value) => listOf(value, isAddress),
  number: (value) => {
    const number = isText(value) ? Number(value) : value;
    // JSON.stringify would write a larger number as null.
    const isNumber = typeof number === "number" && number >= 0 && number <= Number.MAX_SAFE_INTEGER;
    return isNumber ? number : undefined;
  },
  flag: (value) => typeof value === "boolean" ? value : undefined,
};

function listOf(
  value: unknown,
  isOne: (one: unknown) => one is string,
): readonly string[] | undefined {
  const list = Array.isArray(value) ? value.filter(isOne) : [];
  return list.length > 0 ? list : undefined;
}

/** Response to a request of a login. */
export interface OAuthAnswer {
  readonly status: number;
  /** The parsed body if it is a JSON object. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
  readonly contentType: string;
  readonly text: string;
  /** Target of a redirect that was not followed, without its query. */
  readonly redirect: string | undefined;
}

/** Sends a request of a login. Redirects are followed within the same origin only. */
export async function ask(
  address: string | URL,
  { fetchFn, ...init }: RequestInit & { readonly fetchFn: FetchLike },
): Promise<OAuthAnswer> {
  let url = new URL(address);
  for (let followed = 0;; followed++) {
    const response = await fetchFn(url, init);
    const { status, headers } = response;
    const location = status >= 300 && status < 400 ? headers.get("location") : null;
    const target = location === null ? null : URL.parse(location, url);
    const isFollowed = target?.origin === url.origin && followed < MAX_REDIRECTS &&
      keepsRequest(init.method, status);
    if (target !== null && isFollowed) {
      url = target;
      continue;
    }
    const text = await response.text();
    const contentType = mediaTypeOf(response);
    const redirect = target === null
      ? undefined
      : `${target.protocol}//${target.host}${target.pathname}`;
    return { status, contentType, text, redirect, body: parseObject(text) };
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the status is a success. */
export function isOk({ status }: OAuthAnswer): boolean {
  return status >= 200 && status < 300;
}

/**
 * Reads the members of a response. Members that are `null`, empty or of another kind count as
 * absent.
 *
 * @param options `required`: members that must be present. `complaint`: beginning of the error
 * message if one of them is missing or invalid.
 * @throws {LoginFailed} if a required member is missing or invalid; the message quotes its value.
 */
export function readMembers<N extends Name>(
  { body = {} }: Pick<OAuthAnswer, "body">,
  { required, complaint, config }: {
    readonly required: readonly N[];
    readonly complaint: string;
    readonly config: ServerConfig;
  },
): MembersWith<N> {
  const members = readOptional(body);
  for (const name of required) {
    if (members[name] !== undefined) continue;
    const found = quoteValue(name, body[name], config);
    const message = `${complaint}: ${name} is ${found} and must be ${KIND_WORDS[MEMBERS[name]]}.`;
    throw new LoginFailed(message);
  }
  return members as MembersWith<N>;
}

function readOptional(body: Readonly<Record<string, unknown>>): Members {
  const entries = Object.entries(MEMBERS).map(([name, kind]) => [name, READERS[kind](body[name])]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function quoteValue(name: Name, value: unknown, config: ServerConfig): string {
  if (value === undefined) return "missing";
  if (value === null || value === "") return JSON.stringify(value);
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (SECRETS.includes(name)) return `a ${typeof value}`;
  return typeof value === "string" ? quoteServer(value, config) : String(value);
}

/** The error code of a refused request; some services send it with status 200. */
export function errorCodeOf({ body }: OAuthAnswer): string | undefined {
  return body === undefined ? undefined : readOptional(body).error;
}

/**
 * Makes the error for a response that refuses a request. It keeps the error code.
 *
 * @param options `purpose`: the requested action, such as "to log in".
 */
export function refusalOf(
  answer: OAuthAnswer,
  { purpose, config }: { readonly purpose: string; readonly config: ServerConfig },
): LoginFailed {
  const { error: code, error_description: description } = readOptional(answer.body ?? {});
  if (code === undefined) {
    const message = `its login service sent an unusable answer when asked ${purpose}: ${
      describeAnswer(answer, config)
    }.`;
    return new LoginFailed(message);
  }
  const more = description === undefined ? "" : `: ${quoteServer(description, config)}`;
  const message = `its login service refused ${purpose}, ${quoteServer(code, config)}${more}.`;
  return new LoginFailed(message, { code });
}

/** Describes an unexpected response: its status and an excerpt of its body. */
export function describeAnswer(
  { status, contentType, text, redirect, body }: OAuthAnswer,
  config: ServerConfig,
): string {
  if (redirect !== undefined) {
    return `HTTP ${status}, a redirect to ${quoteServer(redirect, config)}, which was not followed`;
  }
  // Login services answer in JSON, so any markup is an HTML page or a part of one.
  if (contentType === "text/html" || /^\s*</.test(text)) return `HTTP ${status} with a web page`;
  if (text.trim() === "") return `HTTP ${status} without a body`;
  const kind = body === undefined ? ", which is not a JSON object" : "";
  return `HTTP ${status} with ${quoteServer(text, config)}${kind}`;
}
