/**
 * Reads names of arguments in conditions. A leaf: imports nothing of the project.
 *
 * @module
 */

/**
 * Reads a key, or a JSON pointer such as `/filter/path`.
 *
 * @returns The keys from the outermost object inwards; `undefined` if the pointer is malformed.
 * @see {@link https://www.rfc-editor.org/rfc/rfc6901}
 */
export function parseArgumentPointer(text: string): readonly string[] | undefined {
  if (text === "") return undefined;
  if (!text.startsWith("/")) return [text];
  if (/~(?![01])/.test(text)) return undefined;
  return text.slice(1).split("/").map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}
