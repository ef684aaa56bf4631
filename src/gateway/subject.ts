import type { Settings } from "../config/mod.ts";
import { utf8Bytes } from "../jsonrpc/mod.ts";
import type { AccessRequest, CallArguments } from "../policy/mod.ts";
import type { Operation, TargetedOperation } from "./operation.ts";
import { auditUri, readOfferedName } from "./offered/mod.ts";
import type { PipelineContext } from "./pipeline_context.ts";
import type { Subject } from "./records.ts";
import type { ObjectArgument } from "./tools/mod.ts";

/**
 * Returns the access to decide about; `undefined` if any identified agent has it. Reading the gateway's
 * status needs permission only over HTTP: over stdio the client belongs to the user.
 */
export function accessRequestFor(
  operation: TargetedOperation,
  transport: Settings["transport"],
): AccessRequest | undefined {
  switch (operation.kind) {
    case "server-tool": {
      const { server, tool, args } = operation;
      return { kind: "tool", server, tool, args: () => sentArguments(args) };
    }
    case "gateway-tool": {
      const { tool, args } = operation;
      return tool.accessRequest?.(args) ??
        (transport === "http" ? tool.httpAccessRequest : undefined);
    }
    case "listing":
    case "unsubscription":
      return undefined;
    case "server-request":
      return operation.target.accessRequest;
  }
}

/** Returns the arguments that the server receives. */
function sentArguments(args: ObjectArgument | undefined): CallArguments {
  return args === undefined
    ? { json: "{}", value: {} }
    : { json: args.text.json, value: args.value };
}

/** Returns the memory of the parsed arguments of an operation, in bytes, if they were sent as a string of JSON. */
export function parsedMemoryOf(operation: Operation): number {
  return operation.kind === "server-tool" || operation.kind === "direct-tool"
    ? operation.args?.parsedMemory ?? 0
    : 0;
}

/** Returns the server, and its tool, that an operation concerns, for the records; `undefined` if it concerns none. */
export function describeSubject(
  operation: Operation,
  { transport, maxNameLength, snapshot: { servers } }: Pick<
    PipelineContext,
    "transport" | "maxNameLength" | "snapshot"
  >,
): Subject | undefined {
  switch (operation.kind) {
    case "server-tool": {
      const { server, tool, args } = operation;
      return { server, isCounted: servers.has(server), tool, ...describeArgs(args) };
    }
    case "direct-tool": {
      // The names that end in a hash are unknown until the lists have been read.
      const item = readOfferedName(operation.offeredName, maxNameLength);
      if (item === undefined) return undefined;
      const { server, name: tool } = item;
      return { server, isCounted: servers.has(server), tool, ...describeArgs(operation.args) };
    }
    case "listing":
      return undefined;
    case "resource":
    case "subscription":
    case "unsubscription":
      return { isCounted: false, ...describeUri(operation.uri) };
    case "prompt":
      return { isCounted: false, prompt: operation.name };
    case "completion": {
      const { reference } = operation;
      return reference.kind === "prompt"
        ? { isCounted: false, prompt: reference.name }
        : { isCounted: false, ...describeUri(reference.uri) };
    }
    case "server-request": {
      const { accessRequest } = operation.target;
      const { server } = accessRequest;
      return accessRequest.kind === "prompt"
        ? { server, isCounted: true, prompt: accessRequest.prompt }
        : { server, isCounted: true, ...describeUri(accessRequest.uri) };
    }
    case "gateway-tool": {
      const accessRequest = accessRequestFor(operation, transport);
      if (accessRequest?.kind !== "server") return undefined;
      const { server } = accessRequest;
      return { server, isCounted: servers.has(server) };
    }
  }
}

function describeArgs(args: ObjectArgument | undefined): Pick<Subject, "args" | "argsBytes"> {
  return { args: args?.text, argsBytes: args && utf8Bytes(args.text.json) };
}

function describeUri(uri: string): Pick<Subject, "uri" | "isUriCut"> {
  const auditedUri = auditUri(uri);
  return auditedUri === uri ? { uri } : { uri: auditedUri, isUriCut: true };
}
