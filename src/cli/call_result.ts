import type { Reply } from "../jsonrpc/mod.ts";
import { escapeLines, QUOTE_MARK } from "../text.ts";
import { escapeForTerminal, type TerminalStyle } from "./terminal.ts";
import { fieldsOf } from "../json.ts";

/** The gateway's reply to a tool call. */
export interface CallResult {
  /** The whole result, or the error, as JSON. */
  readonly json: string;
  /** The result's fields; empty for an error. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Whether the gateway, the server or the tool reported an error. */
  readonly isError: boolean;
  /** The gateway's or the server's error as text; absent for a tool's own error, and for a success. */
  readonly refusal?: string;
}

/** Reads a reply to `tools/call`. */
export function readResult(reply: Reply): CallResult {
  if (!reply.ok) {
    const json = `{"error":${reply.text.json}}`;
    return { json, fields: {}, isError: true, refusal: errorText(reply.error) };
  }
  const fields = fieldsOf(reply.result.value);
  const isError = fields["isError"] === true;
  const refusal = isError ? readRefusal(fields) : undefined;
  const { json } = reply.result.text;
  return { json, fields, isError, ...(refusal === undefined ? {} : { refusal }) };
}

/** Parses the JSON in an answer of one of the gateway's own tools. */
export function parseGatewayAnswer({ fields }: CallResult): unknown {
  return JSON.parse(textsOf(fields)[0] ?? "null");
}

/** Formats a refusal for a person at a shell, without control characters that a server may have sent. */
export function refusalText({ refusal, json }: CallResult): string {
  // The person at a shell is the operator, so the hint need not name one.
  const text = escapeLines(refusal ?? json)
    .replace(/^hint: Ask the operator of the gateway to run: /m, "hint: run ");
  const needsAgent = /^(INVALID_AGENT_ID|NO_FALLBACK_CONFIGURED):/.test(text);
  return needsAgent ? `${text}\nhint: name the agent with --agent` : text;
}

/**
 * Formats a result for people: texts unchanged, and one line for each image, sound or resource.
 *
 * @param style For a terminal, control characters are replaced.
 */
export function resultText(
  fields: Readonly<Record<string, unknown>>,
  style: TerminalStyle,
): string {
  const { content, structuredContent } = fields;
  const blocks = Array.isArray(content) ? content.map(fieldsOf) : [];
  const parts = blocks.map(blockText);
  if (parts.length === 0 && structuredContent !== undefined) {
    parts.push(JSON.stringify(structuredContent, null, 2));
  }
  const text = parts.map((part) => part.endsWith("\n") ? part : `${part}\n`).join("");
  return escapeForTerminal(text, style);
}

function blockText(block: Readonly<Record<string, unknown>>): string {
  const { type, text, data, mimeType, uri, name } = block;
  switch (type) {
    case "text":
      return String(text);
    case "image":
    case "audio":
      return `[${type} ${mimeType}, ${decodedSize(data)} bytes; --json has them]`;
    case "resource_link":
      return `[resource ${name}: ${uri}]`;
    case "resource": {
      const resource = fieldsOf(block["resource"]);
      if (typeof resource["text"] === "string") return resource["text"];
      const size = decodedSize(resource["blob"]);
      return `[resource ${resource["uri"]}, ${size} bytes; --json has them]`;
    }
    default:
      return JSON.stringify(block);
  }
}

function decodedSize(base64: unknown): number {
  const length = typeof base64 === "string" ? base64.replace(/=+$/, "").length : 0;
  return Math.floor(length * 3 / 4);
}

/** Returns the error of a refusal; `undefined` if the tool itself reported the error. */
function readRefusal(fields: Readonly<Record<string, unknown>>): string | undefined {
  const [text, ...furtherTexts] = textsOf(fields);
  if (text === undefined || furtherTexts.length > 0) return undefined;
  try {
    const { error, logs } = fieldsOf(JSON.parse(text));
    const errorFields = fieldsOf(error);
    if (!("code" in errorFields && "message" in errorFields)) return undefined;
    // Code that failed may have printed something before.
    const hasLogs = typeof logs === "string" && logs !== "";
    return errorText({ ...errorFields, ...(hasLogs && { logs }) });
  } catch {
    // A text that is not JSON comes from the tool.
    return undefined;
  }
}

function errorText(error: object): string {
  // `retryable` is for agents; the message says the same to a person.
  const { code, message, retryable: _, ...detailFields } = error as Readonly<
    Record<string, unknown>
  >;
  const details = Object.entries(detailFields).map(([name, value]) => {
    const text = typeof value === "string" ? markFurtherLines(value) : JSON.stringify(value);
    return `\n${name}: ${text}`;
  });
  return `${code}: ${markFurtherLines(String(message))}${details.join("")}`;
}

/** Marks all lines but the first as quoted, because a server may have made them look like the gateway's output. */
function markFurtherLines(text: string): string {
  const [first = "", ...furtherLines] = text.split("\n");
  return [
    first,
    ...furtherLines.map((line) => line.startsWith(QUOTE_MARK) ? line : QUOTE_MARK + line),
  ]
    .join("\n");
}

function textsOf(fields: Readonly<Record<string, unknown>>): string[] {
  const { content } = fields;
  return (Array.isArray(content) ? content : []).map(fieldsOf)
    .filter(({ type }) => type === "text").map(({ text }) => String(text));
}
