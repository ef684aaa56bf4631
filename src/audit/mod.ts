/**
 * The audit log: one JSON line per operation, on disk before its answer is sent. It decides
 * nothing and never makes an operation fail. Imports only the leaves.
 *
 * @module
 */

export { type AuditEntry, auditLine, type Decided } from "./entry.ts";
export { AuditLog, type AuditOptions, type AuditStatus } from "./audit_log.ts";
