import { AGENT_ID, ALWAYS_LOAD, type LocalTool } from "./tool.ts";

/** Shows the gateway's state; offered in debug mode only. */
export const getGatewayStatus: LocalTool = {
  definition: {
    name: "get_gateway_status",
    description: "Show the gateway's health: reloads, rules, servers, metrics.",
    inputSchema: { type: "object", properties: { agent_id: AGENT_ID } },
    annotations: { title: "Show the gateway's health", readOnlyHint: true },
    _meta: ALWAYS_LOAD,
  },

  httpAccessRequest: { kind: "status" },
  isInDirectFace: true,

  run: (_args, { gateway, caller }) => {
    const json = JSON.stringify(gateway.status(caller.agent));
    return Promise.resolve({ kind: "gateway-result", json });
  },
};
