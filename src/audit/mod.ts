/**
 * The audit log: lines of JSON. A line is written before the gateway sends a call that may change something, and
 * before it answers any operation. Refusals are in a file of their own. The log reports its errors, and callers
 * decide whether an operation continues without its entry. Imports `jsonrpc/` and the leaves.
 *
 * @module
 */

export {
  type AuditApproval,
  type AuditDecision,
  type AuditEntry,
  auditLine,
  MAX_REQUEST_ID_LENGTH,
  type ShadowDecision,
} from "./entry.ts";
export type { RotationOptions } from "./audit_file.ts";
export type { AuditOptions, AuditStatus } from "./audit_log.ts";
export { AuditTrail, refusalLogPath } from "./audit_trail.ts";
export { redactJson } from "./redact_json.ts";
