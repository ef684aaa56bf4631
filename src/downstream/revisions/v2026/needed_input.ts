import { DownstreamError } from "../../../errors.ts";
import { isRecord } from "../../../json.ts";
import { JsonText, memberTexts, type Result, textAt } from "../../../jsonrpc/mod.ts";
import type { ClientCapabilities } from "../../caller.ts";
import type { InputRequest, NeededInput } from "../../client_channel.ts";
import { decodeInputRequest } from "../input_requests.ts";

/** Maximum number of requests in one result. */
const MAX_REQUESTS = 100;

/** Maximum length of all requests and the state in one result, in UTF-16 code units. */
const MAX_LENGTH = 8 * 1024 * 1024;

/** Maximum length of the key of a request, in UTF-16 code units. */
const MAX_KEY_LENGTH = 256;

/** The server that needs input. */
export interface NeedingServer {
  /** The server's name. */
  readonly server: string;
  /** The capabilities that are declared to the server. */
  readonly declared: ClientCapabilities;
}

/**
 * Reads the input that a server needs before it can answer; `undefined` if the result is of another type.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr}
 * @throws {DownstreamError} The server asks for input that the client has not declared, or in an invalid form.
 */
export function readNeededInput(result: Result, server: NeedingServer): NeededInput | undefined {
  const { value, text: { json } } = result;
  if (!isRecord(value) || value.resultType !== "input_required") return undefined;
  const { inputRequests = {}, requestState: state } = value;
  if (json.length > MAX_LENGTH) throw createInvalidInputError(server, "more than 8 MiB");
  if (state !== undefined && typeof state !== "string") {
    throw createInvalidInputError(server, 'a "requestState" that is not a string');
  }
  if (!isRecord(inputRequests)) {
    throw createInvalidInputError(server, '"inputRequests" that are not an object');
  }
  const entries = Object.entries(inputRequests);
  if (entries.length > MAX_REQUESTS) {
    throw createInvalidInputError(server, `more than ${MAX_REQUESTS} requests`);
  }
  if (entries.length === 0 && state === undefined) {
    throw createInvalidInputError(server, 'neither "inputRequests" nor a "requestState"');
  }
  const texts = memberTexts(textAt(json, "inputRequests") ?? "{}");
  const requests = entries.map(([key, request]) => {
    if (key.length > MAX_KEY_LENGTH) {
      throw createInvalidInputError(server, "a key that is too long");
    }
    return [key, readRequest(request, texts.get(key) ?? "{}", server)] as const;
  });
  return { requests: Object.fromEntries(requests), state };
}

function readRequest(request: unknown, text: string, server: NeedingServer): InputRequest {
  const { method, params }: Record<string, unknown> = isRecord(request) ? request : {};
  const decoded = typeof method !== "string" ? undefined : decodeInputRequest({
    method,
    params,
    paramText: () => {
      const paramText = textAt(text, "params");
      return paramText === undefined ? undefined : new JsonText(paramText);
    },
  }, server.server);
  if (decoded === undefined) {
    throw createInvalidInputError(server, "a request that no client knows");
  }
  if (!isDeclared(decoded.input, params, server.declared)) {
    throw createInvalidInputError(
      server,
      `${String(method)} of a kind that the client has not declared`,
    );
  }
  return decoded.input;
}

/** Whether the client has declared that it can give this input. */
function isDeclared(
  { kind }: InputRequest,
  params: unknown,
  { elicitation, sampling, roots }: ClientCapabilities,
): boolean {
  switch (kind) {
    case "form":
      return elicitation !== undefined &&
        (elicitation.form !== undefined || elicitation.url === undefined);
    case "url":
      return elicitation?.url !== undefined;
    case "roots":
      return roots !== undefined;
    case "sampling":
      return sampling !== undefined &&
        (sampling.tools !== undefined || !isRecord(params) || params.tools === undefined);
  }
}

function createInvalidInputError({ server }: NeedingServer, problem: string): DownstreamError {
  const message = `Server "${server}" asked for input with ${problem}; the call is not complete.`;
  return new DownstreamError("SERVER_UNAVAILABLE", server, message);
}
