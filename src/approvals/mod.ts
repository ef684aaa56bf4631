/**
 * Approvals of calls by a person: the mailbox in the user's state folder, which all gateways and the command
 * `approvals` share, and the calls of this process that wait. Does not decide which calls need an approval, and knows
 * no client; callers pass on what a person answers there. Imports the leaves.
 *
 * @module
 */
export { Approvals, type RequestStatus } from "./approvals.ts";
export {
  type ApprovalOptions,
  ApprovalWait,
  type AskingProblem,
  type DecisionOrigin,
  MAILBOX_POLL_MS,
  type PersonApproval,
  type PersonDecision,
  type PersonDenial,
} from "./approval_wait.ts";
export type { CallToApprove } from "./call_to_approve.ts";
export {
  type ApprovalState,
  cleanApprovalId,
  isDenied,
  Mailbox,
  type MailboxEntry,
  MIN_APPROVAL_ID_LENGTH,
} from "./mailbox.ts";
export { MailboxError } from "./mailbox_folder.ts";
export { type ApprovedTool, SessionGrants } from "./session_grants.ts";
export { formatArguments, formatName } from "./format_arguments.ts";
export type { ApprovalRequest } from "./request_text.ts";
