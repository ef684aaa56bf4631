import { type ClientDocument, parseClientText } from "../../config/editing/mod.ts";
import type { ParsedClient } from "../../config/editing/mod.ts";
import type { YamlReading } from "./read_yaml.ts";

/** The languages that clients write their files in. */
export type Language = "json" | "toml" | "yaml";

/** The language of a client's file, by its name. */
export function languageOf(path: string): Language {
  const [, ending = ""] = /\.([a-z]+)$/i.exec(path) ?? [];
  const word = ending.toLowerCase();
  return word === "toml" ? "toml" : word === "yaml" || word === "yml" ? "yaml" : "json";
}

/**
 * Parses a client's file: JSON with comments, TOML or YAML. Never throws.
 *
 * @param source The file's name, for problems, and its text.
 * @param language The language of the text.
 */
export async function parseClientFile(
  { file, text }: { readonly file: string; readonly text: string },
  language: Language,
): Promise<ParsedClient> {
  if (language === "json") return parseClientText(file, text);
  const read = language === "toml" ? await tomlReader() : (await import("./read_yaml.ts")).readYaml;
  const { value, message = "", line = 0, column = 0 } = read(text.replace(/^\uFEFF/, ""));
  if (message !== "") return { problems: [{ file, line, column, path: "", message }] };
  // Dates and big numbers become what JSON has for them.
  try {
    const plain: unknown = JSON.parse(JSON.stringify(value ?? {}));
    return { document: documentOf(file, byName(plain)), problems: [] };
  } catch {
    // An alias of YAML may stand within what it names, and a dotted key of TOML is as deep as long.
    const message = "nested too deep, or endlessly";
    return { problems: [{ file, line: 0, column: 0, path: "", message }] };
  }
}

async function tomlReader(): Promise<(text: string) => YamlReading> {
  const { parse, TomlError } = await import("smol-toml");
  return (text) => {
    try {
      return { value: parse(text) };
    } catch (error) {
      if (!(error instanceof TomlError)) throw error;
      const [first = ""] = error.message.split("\n");
      const { line, column } = error;
      return { message: first.replace(/^Invalid TOML document: /, "not TOML: "), line, column };
    }
  };
}

/** Continue has a list of servers with their names in them. */
function byName(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const servers: unknown = Reflect.get(value, "mcpServers");
  if (!Array.isArray(servers)) return value;
  const named = servers.filter((server) => typeof server?.name === "string");
  return { ...value, mcpServers: Object.fromEntries(named.map((one) => [one.name, one])) };
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
