/**
 * The audit log: lines of JSON, written before a call that changes something leaves and before the answer of each operation is sent. Refusals are in a file of their own. An error of the log
 * never makes an operation fail. Imports only the leaves.
 *
 * @module
 */

export { type AuditDecision, type AuditEntry, auditLine } from "./entry.ts";
export type { AuditOptions, AuditStatus } from "./audit_log.ts";
export { AuditTrail, refusedLogPath } from "./audit_trail.ts";
