import { isRecord } from "../../json.ts";
import type { OperationBeginning } from "../operation.ts";

/** The request that may use a state. */
export interface StateBinding {
  /** The digest of the request, its client and its agent; see `digestRequest`. */
  readonly digest: string;
  /** When the state expires, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/** The state that a client holds while an operation waits for its next request. */
export type SealedState =
  & StateBinding
  & (
    /** The operation waits in the memory of this process. */
    | {
      readonly kind: "park";
      /** The operation's handle; see `ParkedOperations`. */
      readonly handle: string;
      /** Number of times that the client was asked, including the question that this state belongs to. */
      readonly round: number;
    }
    /** The operation is not in memory: the state has all that is known of it. */
    | {
      /** `relay`: its server continues it with the server's own state; `again`: it begins anew. */
      readonly kind: "relay" | "again";
      /** The name of the server. */
      readonly server: string;
      /** The server's own state; absent if it gave none. */
      readonly state?: string;
      /** Identifies the state, which can be used once. */
      readonly token: string;
      /** Number of times that the client was asked, including the question that this state belongs to. */
      readonly rounds: number;
      /** Time that the operation waited for its client before, in milliseconds. */
      readonly waitedMs: number;
      /** When the state was sealed, in milliseconds since 1970. */
      readonly sealedAt: number;
      readonly beginning: OperationBeginning;
    }
  );

/** Returns a state that was read from a seal; `undefined` if it is that of another version of the gateway. */
export function readState(value: unknown): SealedState | undefined {
  if (!isRecord(value)) return undefined;
  const isKnown = ["park", "relay", "again"].includes(String(value.kind));
  const isBound = typeof value.digest === "string" && typeof value.expiresAt === "number";
  // The seal proves that the gateway wrote the state.
  return isKnown && isBound ? value as unknown as SealedState : undefined;
}
