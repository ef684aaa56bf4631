/**
 * Formats a path in a file, such as `agents["team.backend"].deny.tools.postgres[0]`.
 *
 * @param parts Keys as strings, list indexes as numbers.
 */
export function formatPath(parts: readonly (string | number)[]): string {
  let text = "";
  for (const part of parts) {
    if (typeof part === "number") text += `[${part}]`;
    else if (!/^[A-Za-z0-9_-]+$/.test(part)) text += `[${JSON.stringify(part)}]`;
    else text += text === "" ? part : `.${part}`;
  }
  return text;
}
