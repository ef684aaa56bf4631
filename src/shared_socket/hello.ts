import { isAgentId } from "../agent_id.ts";
import { fieldsOf } from "../json.ts";

/** Maximum size of the first line of either side, in bytes. */
export const MAX_HELLO_BYTES: number = 16 * 1024;

/**
 * Method of the notification by which a daemon announces its end to a relay, which then sends new requests to another
 * daemon. The daemon answers those that it has received.
 */
export const ENDING_METHOD = "notifications/agent-mcp-gateway/ending";

/** The first line of a connection to a daemon. */
export interface Hello {
  /** Version of the conversation. */
  readonly hello: 1;
  /**
   * The purpose of the connection. After the answer to `connect` follow MCP messages, after that to `status` one line with
   * the status, and after that to `end` nothing.
   */
  readonly action: "connect" | "status" | "end";
  /** Process id of the sender. */
  readonly pid: number;
  /** Only to connect. The daemon key: says which program, configuration and environment the sender expects. */
  readonly key?: string | undefined;
  /** Only to connect. The agent that the sender is bound to. */
  readonly agent?: string | undefined;
  /** Proves that the sender is this user; needed if every user of this machine can reach the listener. */
  readonly proof?: string | undefined;
}

/** The first line that a daemon sends. */
export type HelloAnswer =
  | {
    readonly ok: true;
    readonly pid: number;
    /** A sentence for the operator. */
    readonly warning?: string | undefined;
  }
  | { readonly ok: false; readonly error: string };

/** Whether a value is a hello that this program understands. */
export function isHello(value: unknown): value is Hello {
  const { hello, action, pid, key, agent, proof } = fieldsOf(value);
  return hello === 1 && ["connect", "status", "end"].includes(String(action)) &&
    Number.isSafeInteger(pid) && (key === undefined || typeof key === "string") &&
    (agent === undefined || (typeof agent === "string" && isAgentId(agent))) &&
    (proof === undefined || typeof proof === "string");
}

/** Reads the answer to a hello; returns `undefined` if the value is no such answer. */
export function readHelloAnswer(value: unknown): HelloAnswer | undefined {
  const { ok, pid, error, warning } = fieldsOf(value);
  if (ok === false) return { ok, error: String(error) };
  if (ok !== true || typeof pid !== "number") return undefined;
  return { ok, pid, warning: typeof warning === "string" ? warning : undefined };
}
