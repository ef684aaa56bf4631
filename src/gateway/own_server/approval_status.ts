import {
  cleanApprovalId,
  MailboxError,
  MIN_APPROVAL_ID_LENGTH,
  type RequestStatus,
} from "../../approvals/mod.ts";
import { CallerError } from "../../errors.ts";
import { APPROVAL_STATUS } from "../../own_server.ts";
import type { OwnServices, OwnTool } from "./tool.ts";

/** Reports the status of a request for an approval that a call of the same agent has made. */
export const approvalStatus: OwnTool = {
  definition: {
    name: APPROVAL_STATUS,
    description:
      "Reports the status of an approval after a call was refused with APPROVAL_REQUIRED. Once it is allowed, make " +
      "the same call again.",
    inputSchema: {
      type: "object",
      properties: {
        id: { type: "string", description: "The approval_id, or at least its first 5 characters" },
      },
      required: ["id"],
    },
    outputSchema: {
      type: "object",
      properties: {
        id: { type: "string" },
        status: {
          type: "string",
          enum: ["pending", "allowed", "denied", "used", "withdrawn", "expired", "unknown"],
        },
        server: { type: "string" },
        tool: { type: "string" },
        by: {
          type: "string",
          enum: ["client", "shell"],
          description: "Where the person denied it",
        },
        reason: { type: "string", description: "The person's reason for a denial" },
        expires: { type: "string", description: "When the request or the decision expires" },
        hint: { type: "string" },
      },
      required: ["id", "status", "hint"],
    },
    annotations: { title: "Check an approval", readOnlyHint: true, openWorldHint: false },
  },
  // Refusals and `approvals --json` have the id under this name.
  aliases: { approval_id: "id" },

  async run({ id: typedId }, { caller: { agent }, approvals }) {
    const id = cleanApprovalId(String(typedId));
    if (id.length < MIN_APPROVAL_ID_LENGTH) {
      const message = `approval_status: "id" is too short; give at least its first ` +
        `${MIN_APPROVAL_ID_LENGTH} characters.`;
      throw new CallerError("INVALID_ARGUMENTS", message);
    }
    const [found, other] = await findRequests(agent, { id, approvals });
    if (other !== undefined) {
      const message = 'approval_status: several ids begin with this "id"; give the whole id.';
      throw new CallerError("INVALID_ARGUMENTS", message);
    }
    const status = found === undefined
      ? { id, status: "unknown", hint: HINTS.unknown }
      : describe(found);
    return { json: JSON.stringify(status), isStructured: true };
  },
};

/** Advice for the agent, by status. */
const HINTS = {
  pending:
    "Nobody has decided yet; the user decides in the client or with agent-mcp-gateway approvals",
  allowed: "Make the same call again",
  denied: "The same call is denied until the denial expires",
  used: "The call was made",
  withdrawn: "The call was cancelled, or no longer needs approval",
  expired: "Make the same call again to ask again",
  unknown: "No call of yours asked for an approval with this id",
} as const;

async function findRequests(
  agent: string,
  { id, approvals }: { readonly id: string; readonly approvals: OwnServices["approvals"] },
): Promise<RequestStatus[]> {
  try {
    return await (await approvals()).find(agent, id);
  } catch (error) {
    // If the mailbox cannot be used, no request has an id that an agent could know.
    if (error instanceof MailboxError) return [];
    throw error;
  }
}

function describe(
  { id, server, tool, state, expiresAt, reason }: RequestStatus,
): Readonly<Record<string, string>> {
  const isDenial = state === "denied" || state === "declined";
  const status = isDenial ? "denied" : state === "session" ? "allowed" : state;
  const canExpire = isDenial || status === "pending" || status === "allowed";
  return {
    id,
    status,
    server,
    tool,
    ...(isDenial && { by: state === "denied" ? "shell" : "client" }),
    ...(reason !== undefined && { reason }),
    ...(canExpire && { expires: new Date(expiresAt).toISOString() }),
    hint: HINTS[status],
  };
}
