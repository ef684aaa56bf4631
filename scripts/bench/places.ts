/**
 * Puts values in the places of a value: a text that is one place, such as `"{args}"`, becomes what
 * belongs there, of whatever type; within a longer text it becomes text. Unknown places stay.
 */
export function fill(value: unknown, places: Readonly<Record<string, unknown>>): unknown {
  if (typeof value === "string") {
    const only = /^\{(\w+)\}$/.exec(value)?.[1];
    if (only !== undefined && Object.hasOwn(places, only)) return places[only];
    return fillText(value, places);
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, places));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, fill(item, places)]),
  );
}

/** Puts values in the places of a text. */
export function fillText(text: string, places: Readonly<Record<string, unknown>>): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => {
    if (!Object.hasOwn(places, name)) return place;
    const value = places[name];
    return typeof value === "string" ? value : JSON.stringify(value);
  });
}

/** The words of a command; single or double quotes hold a word with spaces together. */
export function splitCommand(command: string): string[] {
  const words = command.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
}
