/** The decoders of requests for resources, prompts and completion. */

import type { ItemRequest, ListKind } from "../../downstream/mod.ts";
import { CallerError } from "../../errors.ts";
import { fieldsOf, isRecord } from "../../json.ts";
import { type IncomingRequest, JsonText, RPC_CODES } from "../../jsonrpc/mod.ts";
import type { Operation } from "../operation.ts";
import type { RequestDecoder } from "./request.ts";
import { createRpcDecoder } from "./rpc_operation.ts";

/** JSON-RPC code of a resource that does not exist, or that the agent may not read. */
export const RESOURCE_NOT_FOUND = -32002;

/** The decoders by method. */
export const ITEM_DECODERS: readonly (readonly [method: string, RequestDecoder])[] = [
  ["resources/list", createListDecoder("resources")],
  ["resources/templates/list", createListDecoder("templates")],
  ["prompts/list", createListDecoder("prompts")],
  ["resources/read", createResourceDecoder((uri) => ({ kind: "resource", uri }))],
  ["resources/subscribe", createResourceDecoder((uri) => ({ kind: "subscription", uri }))],
  ["resources/unsubscribe", createResourceDecoder((uri) => ({ kind: "unsubscription", uri }))],
  [
    "prompts/get",
    createRpcDecoder({ decode: decodePrompt, notFoundCode: RPC_CODES.invalidParams }),
  ],
  [
    "completion/complete",
    createRpcDecoder({ decode: decodeCompletion, notFoundCode: RPC_CODES.invalidParams }),
  ],
];

function createListDecoder(list: Exclude<ListKind, "tools">): RequestDecoder {
  return createRpcDecoder({
    decode: (request) => {
      const { cursor } = fieldsOf(request.params);
      if (cursor === undefined || typeof cursor === "string") {
        return { kind: "listing", list, cursor };
      }
      throw invalidArgument(request, "cursor", "a string");
    },
    notFoundCode: RPC_CODES.invalidParams,
  });
}

function createResourceDecoder(createOperation: (uri: string) => Operation): RequestDecoder {
  return createRpcDecoder({
    decode: (request) => {
      const { uri } = fieldsOf(request.params);
      if (typeof uri === "string") return createOperation(uri);
      throw invalidArgument(request, "uri", "a string");
    },
    notFoundCode: RESOURCE_NOT_FOUND,
  });
}

function decodePrompt(request: IncomingRequest): Operation {
  const { name, arguments: args } = fieldsOf(request.params);
  if (typeof name !== "string") throw invalidArgument(request, "name", "a string");
  if (args !== undefined && !isRecord(args)) {
    throw invalidArgument(request, "arguments", "an object");
  }
  return { kind: "prompt", name, args: request.paramText("arguments") };
}

function decodeCompletion(request: IncomingRequest): Operation {
  const { ref, argument, context } = fieldsOf(request.params);
  const { name, value } = fieldsOf(argument);
  if (typeof name !== "string" || typeof value !== "string") {
    throw invalidArgument(request, "argument", "an object whose name and value are strings");
  }
  if (context !== undefined && !isRecord(context)) {
    throw invalidArgument(request, "context", "an object");
  }
  return {
    kind: "completion",
    reference: readReference(request, ref),
    argument: request.paramText("argument") ?? new JsonText("{}"),
    context: request.paramText("context"),
  };
}

type Reference = (ItemRequest & { readonly kind: "completion" })["reference"];

function readReference(request: IncomingRequest, ref: unknown): Reference {
  const { type, name, uri } = fieldsOf(ref);
  if (type === "ref/prompt" && typeof name === "string") return { kind: "prompt", name };
  if (type === "ref/resource" && typeof uri === "string") return { kind: "template", uri };
  const expected = 'a "ref/prompt" with a name or a "ref/resource" with a uri';
  throw invalidArgument(request, "ref", expected);
}

function invalidArgument(
  { method }: IncomingRequest,
  member: string,
  expected: string,
): CallerError {
  return new CallerError("INVALID_ARGUMENTS", `${method}: "${member}" must be ${expected}`);
}
