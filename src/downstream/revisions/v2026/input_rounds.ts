import { Cancellation, JsonText, type Reply, RPC_CODES } from "../../../jsonrpc/mod.ts";
import type { GivenInput, InputRequest, InputResponse, NeededInput } from "../../client_channel.ts";
import type { InvokeOptions } from "../codec.ts";
import { isRecord } from "../../../json.ts";
import { wait } from "../../../within.ts";

/** Wait before an invocation is sent again if the server asks for that without needing input, in milliseconds. */
const RETRY_MS = 250;

/** The client's input, and the ids of the links that were shown. */
export interface AskedInput {
  readonly givenInput: GivenInput;
  readonly elicitationIds: readonly string[];
}

/**
 * Asks the client for the input that a server needs, all of it at the same time. The clock of the invocation is paused
 * meanwhile.
 *
 * @returns The input; or the answer to the invocation, if the client cannot give it.
 */
export async function askForInput(
  { requests, state }: NeededInput,
  { channel, clock, signal }: NonNullable<InvokeOptions["client"]> & Pick<InvokeOptions, "signal">,
): Promise<AskedInput | Reply> {
  const entries = Object.entries(requests);
  if (entries.length === 0) {
    await wait(RETRY_MS, signal);
    return { givenInput: { responses: undefined, state }, elicitationIds: [] };
  }
  const elicitationIds: string[] = [];
  const siblings = new Cancellation();
  const onAbort = (): void => siblings.cancel(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  clock.pause();
  try {
    const responses = entries.map(async ([key, request]) => {
      const requestWithId = withElicitationId(request, elicitationIds);
      const response = await channel.requestInput(requestWithId, siblings);
      if ("result" in response) return `${JSON.stringify(key)}:${response.result.text.json}`;
      throw new InputRefused(request, response);
    });
    const members = await Promise.all(responses);
    const givenInput = { responses: new JsonText(`{${members.join(",")}}`), state };
    return { givenInput, elicitationIds };
  } catch (cause) {
    if (signal.aborted || !(cause instanceof InputRefused)) throw cause;
    siblings.cancel("Another request for input has failed");
    return cause.toReply();
  } finally {
    clock.resume();
    signal.removeEventListener("abort", onAbort);
  }
}

/** Returns a request with an id if it is for a link, and adds the id to `ids`: clients of earlier revisions need it. */
function withElicitationId(request: InputRequest, ids: string[]): InputRequest {
  const { kind, params } = request;
  if (kind !== "url" || !isRecord(params)) return request;
  const elicitationId = crypto.randomUUID();
  ids.push(elicitationId);
  return { kind, params: { ...params, elicitationId } };
}

/** The client answered a request for input with an error. */
class InputRefused extends Error {
  readonly #request: InputRequest;
  readonly #response: InputResponse;

  constructor(request: InputRequest, response: InputResponse) {
    super("The client answered a request for input with an error");
    this.#request = request;
    this.#response = response;
  }

  /** Returns the answer to the invocation, because the error cannot be sent to the server. */
  toReply(): Reply {
    const { kind } = this.#request;
    const reason = this.#response.kind === "failed" ? `: ${this.#response.error.json}` : "";
    const message = `The client did not give the input that the server needs (${kind})${reason}`;
    const error = { code: RPC_CODES.internalError, message };
    return { ok: false, error, text: new JsonText(JSON.stringify(error)) };
  }
}
