/**
 * Replaces the placeholders in the texts of a JSON value. A text that is a single placeholder, such as
 * `"{args}"`, becomes the placeholder's value, of any type. In a longer text, the value becomes text.
 * Unknown placeholders are kept.
 */
export function fillPlaceholders(
  value: unknown,
  values: Readonly<Record<string, unknown>>,
): unknown {
  if (typeof value === "string") {
    const name = /^\{(\w+)\}$/.exec(value)?.[1];
    if (name !== undefined && Object.hasOwn(values, name)) return values[name];
    return fillText(value, values);
  }
  if (Array.isArray(value)) return value.map((item) => fillPlaceholders(item, values));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, fillPlaceholders(item, values)]),
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
