/**
 * Recognizes JSON objects. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Whether a JSON value is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
