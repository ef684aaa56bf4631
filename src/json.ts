/**
 * Recognizes JSON objects, and formats paths to values. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Whether a JSON value is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The members of an object by name, such as the parameters of a message. */
export type Fields = Readonly<Record<string, unknown>>;

/** Returns the fields of an object; none for any other value. */
export function fieldsOf(value: unknown): Fields {
  return isRecord(value) ? value : {};
}

/**
 * Formats the path of a value: `agents.backend.deny.tools.postgres[0]`. A key with other characters
 * than letters, digits, `_` and `-` is quoted as in JSON: `agents["team.backend"]`.
 *
 * @param parts Keys as strings, list indexes as numbers.
 */
export function formatPath(parts: readonly (string | number)[]): string {
  let path = "";
  for (const part of parts) {
    if (typeof part === "number") path += `[${part}]`;
    else if (!/^[A-Za-z0-9_-]+$/.test(part)) path += `[${JSON.stringify(part)}]`;
    else path += path === "" ? part : `.${part}`;
  }
  return path;
}
