/**
 * Replaces the placeholders in a value. A text that is a single placeholder, such as `"{args}"`,
 * becomes the value, of any type; in a longer text, the value becomes text. Unknown placeholders are
 * kept.
 */
export function fill(value: unknown, values: Readonly<Record<string, unknown>>): unknown {
  if (typeof value === "string") {
    const only = /^\{(\w+)\}$/.exec(value)?.[1];
    if (only !== undefined && Object.hasOwn(values, only)) return values[only];
    return fillText(value, values);
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, values));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, fill(item, values)]),
  );
}

/** Replaces the placeholders in a text. */
export function fillText(text: string, values: Readonly<Record<string, unknown>>): string {
  return text.replace(/\{(\w+)\}/g, (placeholder, name: string) => {
    if (!Object.hasOwn(values, name)) return placeholder;
    const value = values[name];
    return typeof value === "string" ? value : JSON.stringify(value);
  });
}

/** Splits a command into words; single or double quotes enclose a word with spaces. */
export function splitCommand(command: string): string[] {
  const words = command.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
}
