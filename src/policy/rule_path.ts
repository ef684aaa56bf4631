const PLAIN_PART = /^[A-Za-z0-9_-]+$/;

/**
 * Formats a path in the rules file: `agents.backend.deny.tools.postgres`. A key with other characters
 * than letters, digits, `_` and `-` is quoted as in JSON: `agents["team.backend"]`.
 *
 * @param parts Keys as strings, list indexes as numbers.
 */
export function formatPath(parts: readonly (string | number)[]): string {
  let path = "";
  for (const part of parts) {
    if (typeof part === "number") path += `[${part}]`;
    else if (!PLAIN_PART.test(part)) path += `[${JSON.stringify(part)}]`;
    else path += path === "" ? part : `.${part}`;
  }
  return path;
}
