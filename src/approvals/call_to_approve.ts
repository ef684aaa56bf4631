import { canonicalJson } from "../canonical_json.ts";
import { compareDecimals, parseDecimal } from "../decimal.ts";
import { readJson } from "../exact_json.ts";
import { longWork } from "../long_work.ts";
import { sha256 } from "../sha256.ts";

/** A call of a tool that needs the approval of a person. */
export interface CallToApprove {
  /** The calling agent. */
  readonly agent: string;
  /** Name of the server. */
  readonly server: string;
  /** The tool's name at its server. */
  readonly tool: string;
  /** The arguments as they are sent to the server: the text of a JSON object. */
  readonly args: string;
}

/** Length of the agent's part of a key, in hexadecimal digits. */
const AGENT_LENGTH = 16;

/**
 * Returns the key of a call: calls have the same key only if they are the same call of the same agent. Arguments that
 * differ in layout, or in the order of keys, are the same; numbers that `JSON.parse` would round never are.
 *
 * @returns The beginning of a hash of the agent, and the SHA-256 of the call, both in hexadecimal.
 */
export async function approvalKey(call: CallToApprove): Promise<string> {
  const { agent, server, tool, args } = call;
  const bytes = args.length;
  const text = await longWork.runFor({ party: `agent ${agent}`, bytes }, () => {
    const canonicalText = exactCanonicalJson(args);
    // The word before the arguments keeps a text without a canonical form from equaling the canonical form of others.
    const form = canonicalText === undefined ? "text" : "canonical";
    return `${JSON.stringify([agent, server, tool, form])} ${canonicalText ?? args}`;
  });
  return `${await createAgentPart(agent)}-${await sha256(text)}`;
}

/** Creates the agent's part of a key: the beginning of the keys of all its calls. */
export async function createAgentPart(agent: string): Promise<string> {
  return (await sha256(agent)).slice(0, AGENT_LENGTH);
}

/** Returns the agent's part of a key. */
export function readAgentPart(key: string): string {
  return key.slice(0, AGENT_LENGTH);
}

/** Returns the canonical form of a JSON text; `undefined` if it has none, or if it would round a number. */
function exactCanonicalJson(json: string): string | undefined {
  let isExact = true;
  const parsedJson = readJson(json, (text) => {
    const number = Number(text);
    isExact &&= keepsValue(number, text);
    return number;
  });
  if (parsedJson === undefined || !isExact) return undefined;
  try {
    return canonicalJson(parsedJson.value);
  } catch {
    // Half a surrogate pair has no canonical form.
    return undefined;
  }
}

/** Whether a number, as ECMAScript writes it, has exactly the value of a text. */
function keepsValue(number: number, text: string): boolean {
  if (!Number.isFinite(number) || Object.is(number, -0)) return false;
  return compareDecimals(parseDecimal(String(number)), parseDecimal(text)) === 0;
}
