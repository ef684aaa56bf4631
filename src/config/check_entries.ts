import type { ConfigProblem } from "../errors.ts";
import type { Document } from "./document.ts";
import { entriesOf, isObject, type JsonObject, type JsonValue, objectAt } from "./json_value.ts";
import { findKeyAlias } from "./other_clients.ts";
import { didYouMean } from "../similar_names.ts";

type Report = (path: readonly string[], message: string, at?: "key") => void;

/**
 * Checks what a schema cannot express about servers: keys that need or exclude one another,
 * addresses, names of headers and variables. Reads the raw value, so that it also runs when another
 * part of the file is wrong.
 */
export function checkEntries(document: Document): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const [name, entry] of entriesOf(objectAt(document.value, "mcpServers"))) {
    const report: Report = (path, message, at) =>
      void problems.push(document.createProblem(["mcpServers", name, ...path], message, at));
    if (name === "") report([], "a server needs a name", "key");
    if (isObject(entry)) checkEntry(entry, report);
  }
  return problems;
}

function checkEntry(entry: JsonObject, report: Report): void {
  const { command, url, env, headers, gateway } = entry;
  if (command !== undefined && url !== undefined) {
    const message =
      "both `command` and `url` are given: a server is either a program to start or " +
      "an address to call, so remove one of them";
    report(["url"], message, "key");
  } else if (command === undefined && url === undefined) {
    reportMissingConnection(entry, report);
  }
  checkTransport(entry, report);
  if (typeof url === "string" && !url.includes("${") && !isHttpUrl(url)) {
    report(["url"], "expected an address such as https://example.com/mcp");
  }
  for (const [name] of entriesOf(objectAt(env))) {
    if (!/^[^=\0]+$/.test(name)) report(["env", name], "expected the name of a variable", "key");
  }
  for (const [name, value] of entriesOf(objectAt(headers))) {
    if (!isHeaderName(name)) report(["headers", name], "expected the name of a header", "key");
    if (typeof value === "string" && !value.includes("${") && !isHeaderValue(value)) {
      report(["headers", name], HEADER_VALUE_MESSAGE);
    }
  }
  const { sandbox, sandbox_network: sandboxNetwork } = objectAt(gateway);
  if (sandbox !== undefined && command === undefined) {
    report(["gateway", "sandbox"], "only a server with `command` can have a sandbox");
  }
  if (sandbox === undefined && sandboxNetwork !== undefined) {
    report(["gateway", "sandbox_network"], "this key needs `sandbox`");
  }
  const oauth = objectAt(gateway, "oauth");
  const { issuer } = oauth;
  if (typeof issuer === "string" && !issuer.includes("${") && !isHttpUrl(issuer)) {
    report(["gateway", "oauth", "issuer"], ISSUER_MESSAGE);
  }
  if (oauth["grant"] === "client_credentials") {
    for (const key of ["client_id", "client_secret"]) {
      if (oauth[key] !== undefined) continue;
      report(["gateway", "oauth", key], 'this key is missing: "client_credentials" needs it');
    }
  }
}

function reportMissingConnection(entry: JsonObject, report: Report): void {
  for (const key of Object.keys(entry)) {
    const alias = findKeyAlias(key);
    if (alias === undefined || !["command", "url"].includes(alias.gatewayKey)) continue;
    return report([key], alias.message, "key");
  }
  const connectionKeys = ["command", "url"];
  const suggestion = Object.keys(entry).map((key) => didYouMean(key, connectionKeys))
    .find((hint) => hint !== "");
  const message = "neither `command` nor `url` is given: expected the program to start, " +
    `or the address to call${suggestion ?? ""}`;
  report([], message);
}

function checkTransport(entry: JsonObject, report: Report): void {
  const { command, url, type, transport } = entry;
  const [fromType, fromTransport] = [parseTransport(type), parseTransport(transport)];
  if (fromType !== undefined && fromTransport !== undefined && fromType !== fromTransport) {
    report(["transport"], "contradicts `type`: remove one of the two");
  }
  for (const [key, transportName] of [["type", fromType], ["transport", fromTransport]] as const) {
    if (transportName === undefined) continue;
    if (transportName === "stdio" && command === undefined && url !== undefined) {
      report([key], '"stdio" contradicts `url`: use it with `command`');
    } else if (transportName !== "stdio" && command !== undefined && url === undefined) {
      report([key], `${JSON.stringify(entry[key])} contradicts \`command\`: use it with \`url\``);
    }
  }
}

/** The transport that a `type` or `transport` names; undefined if it is absent or unknown. */
export function parseTransport(word: JsonValue | undefined): "stdio" | "http" | "sse" | undefined {
  if (word === "stdio" || word === "sse") return word;
  const streamable = ["http", "streamable-http", "streamableHttp"];
  return streamable.some((name) => name === word) ? "http" : undefined;
}

/** The message for an issuer that is not an address. */
export const ISSUER_MESSAGE = "expected an address such as https://login.example.com";

/** Whether a text is an absolute http or https address. */
export function isHttpUrl(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === "https:" || url?.protocol === "http:";
}

function isHeaderName(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text);
}

/** The message for a header that HTTP cannot carry. */
export const HEADER_VALUE_MESSAGE = "this is not a header value: expected one line of Latin-1 text";

/** Whether HTTP can carry a header value. */
export function isHeaderValue(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text.trim());
}
