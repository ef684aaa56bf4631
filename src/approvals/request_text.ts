import { isRecord } from "../json.ts";
import { approvalKey, type CallToApprove } from "./call_to_approve.ts";

/** Maximum length of the arguments of a call, in UTF-16 code units. */
export const MAX_ARGS_LENGTH: number = 256 * 1024;

/** A request to a person to approve a call. */
export interface ApprovalRequest extends CallToApprove {
  /** Path of the rule that requires the approval. */
  readonly rule: string;
  /** When the request was made, in milliseconds since 1970. */
  readonly createdAt: number;
  /** Time for which the request waits for a decision, and a decision for the call, in milliseconds. */
  readonly lifetimeMs: number;
  /** Id of the client's connection for which the tool can be approved; `undefined` if the connection does not last. */
  readonly connection: string | undefined;
}

/** Version of the format. */
const VERSION = 1;

/** Writes a request for its file. */
export function encodeRequest(request: ApprovalRequest): string {
  return `${JSON.stringify({ version: VERSION, ...request })}\n`;
}

/**
 * Reads a request.
 *
 * @param options The key in the name of its file.
 * @returns `undefined` if the text is damaged, of another version, or the request of another call.
 */
export async function decodeRequest(
  text: string,
  { key }: { readonly key: string },
): Promise<ApprovalRequest | undefined> {
  const value = parse(text);
  if (!isRecord(value) || value.version !== VERSION) return undefined;
  const { agent, server, tool, args, rule, createdAt, lifetimeMs, connection } = value;
  const isValid = [agent, server, tool, args, rule].every((part) => typeof part === "string") &&
    Number.isSafeInteger(createdAt) && Number.isSafeInteger(lifetimeMs) &&
    (connection === undefined || typeof connection === "string");
  if (!isValid) return undefined;
  const request = value as unknown as ApprovalRequest;
  if (!isRecord(parse(request.args)) || await approvalKey(request) !== key) return undefined;
  return request;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
