import { fieldsOf } from "../../json.ts";
import { type ClientCapabilities, readCapabilities } from "../../downstream/mod.ts";
import { type Payload, RPC_CODES, type RpcError } from "../../jsonrpc/mod.ts";
import { REVISIONS } from "../../revisions.ts";
import { shortenText } from "../../text.ts";
import type { OfferedKinds } from "../offered/mod.ts";

/** Maximum length of the name and the version of a client's program, in UTF-16 code units. */
const MAX_PROGRAM_LENGTH = 100;

/** The client's program, as it calls itself. */
export interface ClientProgram {
  /** Its name; `undefined` if it has none. */
  readonly name: string | undefined;
  /** Its version; `undefined` if it has none. */
  readonly version: string | undefined;
}

/** The decoded parameters of `initialize`. */
export interface Initialization {
  /** The revision of the connection. */
  readonly revision: string;
  /** The client's capabilities. */
  readonly capabilities: ClientCapabilities;
  /** The client's program. */
  readonly program: ClientProgram;
}

/** Decodes the parameters of `initialize`; returns a JSON-RPC error if they are invalid. */
export function decodeInitialize(params: unknown): Initialization | RpcError {
  const { protocolVersion, capabilities, clientInfo } = fieldsOf(params);
  if (typeof protocolVersion !== "string") {
    const message = 'initialize needs "protocolVersion", a string';
    return { code: RPC_CODES.invalidParams, message };
  }
  const revision = REVISIONS.find((known) => known === protocolVersion) ?? REVISIONS[0];
  const { name, version } = fieldsOf(clientInfo);
  const program = { name: readLabel(name), version: readLabel(version) };
  return { revision, capabilities: readCapabilities(capabilities), program };
}

/** Returns the text of a name or a version, cut if it is long. */
function readLabel(value: unknown): string | undefined {
  return typeof value === "string" ? shortenText(value, MAX_PROGRAM_LENGTH) : undefined;
}

/** The gateway's name, by which programs know it. */
export const GATEWAY_NAME = "agent-mcp-gateway";

/** The gateway's description of itself for a client. */
export interface Introduction {
  /** The gateway's version. */
  readonly version: string;
  /** The instructions for the client's model. */
  readonly instructions: string;
  /** Whether the client is notified when its list of tools changes. */
  readonly canToolsChange: boolean;
  /** The kinds of things, besides tools, that the client is offered. */
  readonly offered: OfferedKinds;
}

/**
 * Encodes the answer to `initialize`.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#version-negotiation}
 */
export function encodeInitialize(revision: string, introduction: Introduction): Payload {
  const { version, instructions } = introduction;
  return {
    protocolVersion: revision,
    capabilities: describeCapabilities(introduction),
    serverInfo: { name: GATEWAY_NAME, title: "Agent MCP Gateway", version },
    instructions,
  };
}

/** Returns the capabilities of the gateway, which are the same in all revisions. */
export function describeCapabilities(
  { canToolsChange, offered }: Pick<Introduction, "canToolsChange" | "offered">,
): Readonly<Record<string, unknown>> {
  return {
    tools: canToolsChange ? { listChanged: true } : {},
    ...(offered.resources && { resources: { subscribe: true, listChanged: true } }),
    ...(offered.prompts && { prompts: { listChanged: true } }),
    ...(offered.completions && { completions: {} }),
    logging: {},
  };
}
