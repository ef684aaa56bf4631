/** The protocol of the own server: the messages of MCP between it and the gateway. Loaded with the first connection. */

import { fieldsOf } from "../../json.ts";
import {
  type Channel,
  type IncomingRequest,
  JsonText,
  Peer,
  RPC_CODES,
} from "../../jsonrpc/mod.ts";
import { longWork } from "../../long_work.ts";
import { OWN_SERVER } from "../../own_server.ts";
import { REVISIONS } from "../../revisions.ts";
import { errorBodyOf } from "../error_body.ts";
import { parseArguments } from "../tools/mod.ts";
import { CALL_ID, type OwnCalls, type OwnServerOptions } from "./own_server.ts";
import type { OwnResult, OwnServices } from "./tool.ts";
import { OWN_TOOLS } from "./tools.ts";

/** Options of a connection. */
interface ServingOptions extends OwnServices, Pick<OwnServerOptions, "version" | "log"> {
  /** The calls that have not ended. */
  readonly calls: OwnCalls;
}

/** Serves a connection of the gateway to its own server. */
export function serveOwnTools(channel: Channel, options: ServingOptions): void {
  new Peer(channel, {
    request: (request) => answerRequest(request, options),
    notification: () => {},
    unexpected: (description) => options.log.error(description, { server: OWN_SERVER }),
    closed: () => {},
  });
}

function answerRequest(request: IncomingRequest, options: ServingOptions): void | Promise<void> {
  switch (request.method) {
    case "initialize":
      return request.reply({
        protocolVersion: REVISIONS[0],
        capabilities: { tools: {} },
        serverInfo: { name: OWN_SERVER, version: options.version },
      });
    case "ping":
      return request.reply({});
    case "tools/list":
      return request.reply({
        tools: OWN_TOOLS.values().map(({ definition }) => definition).toArray(),
      });
    case "tools/call":
      return callTool(request, options);
    default:
      return request.failUnknownMethod();
  }
}

async function callTool(request: IncomingRequest, options: ServingOptions): Promise<void> {
  const { name, arguments: args, _meta } = fieldsOf(request.params);
  const tool = OWN_TOOLS.get(String(name));
  const call = options.calls.get(String(fieldsOf(_meta)[CALL_ID]));
  if (tool === undefined || call === undefined) {
    return request.fail({ code: RPC_CODES.invalidParams, message: `Unknown tool: ${name}` });
  }
  const { signal } = request;
  try {
    const textOf = (argument: string) => request.paramText("arguments", argument);
    const parsedArgs = parseArguments(tool, { args, textOf });
    const result = await tool.run(parsedArgs, { ...options, ...call, signal });
    const work = { party: `agent ${call.caller.agent}`, bytes: result.json.length };
    request.reply(await longWork.runFor(work, () => encodeResult(result)));
  } catch (error) {
    // Nobody waits for the answer.
    if (signal.aborted) return;
    const body = errorBodyOf(error);
    if (body === undefined) throw error;
    const text = JSON.stringify({ error: body });
    request.reply({ content: [{ type: "text", text }], isError: true });
  }
}

/** Writes a result as JSON. Its text is inserted without being parsed, because it may be long. */
function encodeResult(
  { json, isStructured = false, isError = false, meta }: OwnResult,
): JsonText {
  const content = `"content":[{"type":"text","text":${JSON.stringify(json)}}]`;
  const structured = isStructured ? `,"structuredContent":${json}` : "";
  const error = isError ? ',"isError":true' : "";
  const metaMember = meta === undefined ? "" : `,"_meta":${JSON.stringify(meta)}`;
  return new JsonText(`{${content}${structured}${error}${metaMember}}`);
}
