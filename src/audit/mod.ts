/**
 * The audit log: one line of JSON per operation, written before the answer is sent. An error of the log
 * never makes an operation fail. Imports only the leaves.
 *
 * @module
 */

export { type AuditDecision, type AuditEntry, auditLine } from "./entry.ts";
export { AuditLog, type AuditOptions, type AuditStatus } from "./audit_log.ts";
