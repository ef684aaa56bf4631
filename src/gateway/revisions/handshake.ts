import { type ClientCapabilities, readCapabilities } from "../../downstream/mod.ts";
import { type Payload, RPC_CODES, type RpcError } from "../../jsonrpc/mod.ts";
import { REVISIONS } from "../../revisions.ts";
import type { OfferedKinds } from "../offered/mod.ts";
import { fieldsOf } from "./fields.ts";

/** Decodes the parameters of `initialize`; returns a JSON-RPC error if they are invalid. */
export function decodeInitialize(
  params: unknown,
): { readonly revision: string; readonly capabilities: ClientCapabilities } | RpcError {
  const { protocolVersion, capabilities } = fieldsOf(params);
  if (typeof protocolVersion !== "string") {
    const message = 'initialize needs "protocolVersion", a string';
    return { code: RPC_CODES.invalidParams, message };
  }
  const revision = REVISIONS.find((known) => known === protocolVersion) ?? REVISIONS[0];
  return { revision, capabilities: readCapabilities(capabilities) };
}

/**
 * Encodes the answer to `initialize`.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#version-negotiation}
 */
export function encodeInitialize(
  revision: string,
  { version, instructions, canToolsChange, offered }: {
    readonly version: string;
    readonly instructions: string;
    /** Whether the client is notified when its list of tools changes. */
    readonly canToolsChange: boolean;
    /** The kinds of things, besides tools, that the client is offered. */
    readonly offered: OfferedKinds;
  },
): Payload {
  return {
    protocolVersion: revision,
    capabilities: {
      tools: canToolsChange ? { listChanged: true } : {},
      ...(offered.resources && { resources: { subscribe: true, listChanged: true } }),
      ...(offered.prompts && { prompts: { listChanged: true } }),
      ...(offered.completions && { completions: {} }),
      logging: {},
    },
    serverInfo: { name: "agent-mcp-gateway", title: "Agent MCP Gateway", version },
    instructions,
  };
}
