import { type ClientDocument, parseClientText } from "../../config/texts/mod.ts";
import type { ParsedClient } from "../../config/texts/mod.ts";

/** The languages that clients write their files in. */
export type Language = "json" | "toml" | "yaml";

/** The language of a client's file, by its name. */
export function languageOf(path: string): Language {
  const [, ending = ""] = /\.([a-z]+)$/i.exec(path) ?? [];
  const word = ending.toLowerCase();
  return word === "toml" ? "toml" : word === "yaml" || word === "yml" ? "yaml" : "json";
}

/**
 * Parses a client's file: JSON with comments, or TOML. Never throws.
 *
 * @param file The file's name, for problems.
 * @param text The text of the file.
 * @param language Its language.
 */
export async function parseClientFile(
  file: string,
  text: string,
  language: Language,
): Promise<ParsedClient> {
  if (language === "json") return parseClientText(file, text);
  const whole = (message: string, { line = 0, column = 0 } = {}) => ({
    problems: [{ file, line, column, path: "", message }],
  });
  if (language === "yaml") {
    return whole(
      "init does not read YAML, the format of Goose and Continue: add these servers to the " +
        "gateway's .mcp.json by hand",
    );
  }
  const { parse, TomlError } = await import("smol-toml");
  try {
    // Dates and big numbers become what JSON has for them.
    const value: unknown = JSON.parse(JSON.stringify(parse(text.replace(/^\uFEFF/, ""))));
    return { document: documentOf(file, value), problems: [] };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [first = ""] = error.message.split("\n");
    return whole(first.replace(/^Invalid TOML document: /, "not TOML: "), error);
  }
}

/** A document of a language whose values have no known places. */
function documentOf(file: string, value: unknown): ClientDocument {
  const valueAt = (path: readonly (string | number)[]): unknown =>
    path.reduce<unknown>((part, key) => {
      const isThere = typeof part === "object" && part !== null && Object.hasOwn(part, key);
      return isThere ? Reflect.get(part, key) : undefined;
    }, value);
  return {
    valueAt,
    keysAt(path) {
      const found = valueAt(path);
      const isObject = typeof found === "object" && found !== null && !Array.isArray(found);
      return isObject ? Object.keys(found) : undefined;
    },
    problem: (path, message) => ({ file, line: 0, column: 0, path: path.join("."), message }),
  };
}
