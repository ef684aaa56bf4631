import type { ClientCapabilities } from "../../downstream/mod.ts";
import type { IncomingRequest, JsonParts, JsonText, RpcError } from "../../jsonrpc/mod.ts";
import { isReserved } from "../../reserved_meta.ts";
import { type Fields, fieldsOf } from "../../json.ts";
import type { OperationRequest } from "../operation.ts";
import type { GatewayTool } from "../tools/mod.ts";

/** Maximum length of a progress token, which every progress message repeats, in UTF-16 code units. */
const MAX_TOKEN_LENGTH = 1000;

/** The key of the progress token in `_meta`. */
const PROGRESS_TOKEN = "progressToken";

/** The answer to a request that is an operation. */
export type Answer =
  | { readonly kind: "result"; readonly result: JsonText | JsonParts; readonly bytes?: number }
  | { readonly kind: "error"; readonly error: JsonText | RpcError; readonly bytes?: never }
  /** The request was cancelled. */
  | { readonly kind: "none"; readonly bytes?: never };

/** The context of a request that is an operation. */
export interface DecodingContext {
  /** Returns the gateway's tool of a name, if the client may call it. */
  readonly findTool: (name: string) => GatewayTool | undefined;
  /** Returns the names of the gateway's tools that the client may call. */
  readonly toolNames: () => string;
  /** Whether clients see tools of servers directly, so that other names may be theirs. */
  readonly hasDirectTools: () => boolean;
  /** Capabilities of the client. */
  readonly capabilities: ClientCapabilities;
  /** Number of the client's unanswered requests, including this one. */
  readonly unansweredCount: number;
  /** Sends progress of this request to the client. */
  readonly notifyProgress: (params: Fields) => void;
}

/** Decodes a request to an operation; the operation encodes its own outcome. */
export type RequestDecoder = (
  request: IncomingRequest,
  context: DecodingContext,
) => OperationRequest<Answer>;

/** Reads what requests of all methods have in common. */
export function readRequest(
  request: IncomingRequest,
  { unansweredCount, notifyProgress }: DecodingContext,
): Omit<OperationRequest, "name" | "claimedAgent" | "decode" | "encode"> {
  const { _meta } = fieldsOf(request.params);
  const token = progressTokenOf(_meta);
  return {
    method: request.method,
    meta: metaForServers(fieldsOf(_meta)),
    requestId: JSON.parse(request.id),
    unansweredCount,
    memory: request.memory,
    signal: request.signal,
    // Progress of a server carries the gateway's token, but the client expects its own token.
    onProgress: token === undefined
      ? undefined
      : (params: Fields) => notifyProgress({ ...params, progressToken: token }),
  };
}

/** Returns the members of `_meta` that servers receive; `undefined` if there are none. */
function metaForServers(meta: Fields): Fields | undefined {
  const keys = Object.keys(meta).filter((key) => !isReserved(key) && key !== PROGRESS_TOKEN);
  return keys.length === 0 ? undefined : Object.fromEntries(keys.map((key) => [key, meta[key]]));
}

/** Returns the token in a request's `_meta` with which its client receives progress; `undefined` if it wants none. */
export function progressTokenOf(meta: unknown): string | number | undefined {
  const { [PROGRESS_TOKEN]: token } = fieldsOf(meta);
  const isValid = typeof token === "number" ||
    (typeof token === "string" && token.length <= MAX_TOKEN_LENGTH);
  return isValid ? token : undefined;
}
