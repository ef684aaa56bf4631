/**
 * Writes a value as JSON in one of many spellings: escapes, spaces, and texts of numbers, some of which are other numbers.
 *
 * @param next Returns whole numbers, which choose the spellings.
 */
export function spellJson(value: unknown, next: () => number): string {
  const space = next() % 4 === 0 ? " " : "";
  if (typeof value === "number") {
    const spellings = [
      JSON.stringify(value),
      `${value}${Number.isInteger(value) ? ".000000000000000000000" : "00000000000000000000"}`,
      `${value}e0`,
      `${value}E+0`,
      Number.isInteger(value)
        ? `${value}.00000000000000000000001`
        : `${value}0000000000000000000001`,
      "1e400",
    ];
    return spellings[next() % spellings.length] + space;
  }
  if (typeof value === "string") return spellText(value, next) + space;
  if (Array.isArray(value)) {
    return `[${space}${value.map((item) => spellJson(item, next)).join(",")}]`;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value) + space;
  const members = Object.entries(value)
    .map(([key, member]) => `${spellText(key, next)}${space}:${spellJson(member, next)}`);
  return `{${members.join(`,${space}`)}}`;
}

function spellText(text: string, next: () => number): string {
  const units = text.split("").map((unit) =>
    next() % 3 === 0
      ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
      : JSON.stringify(unit).slice(1, -1)
  );
  // A high surrogate alone would be escaped by `JSON.stringify` anyway.
  return `"${units.join("")}"`;
}
