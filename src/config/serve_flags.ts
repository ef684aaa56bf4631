import { listSettings } from "./list_settings.ts";
import type { SettingFlags } from "./settings.ts";

/**
 * Reads a simple command line of `serve`, as in the entries of MCP clients: `--rules FILE --debug`. This saves
 * loading the full parser, which takes 5 ms while a client waits for the handshake.
 *
 * @param args The words after the program's name.
 * @returns The flags; `undefined` for any other command line, which needs the parser.
 */
export function readServeFlags(args: readonly string[]): SettingFlags | undefined {
  const settings = new Map(listSettings().map((setting) => [setting.flag, setting]));
  const flags: Record<string, string | boolean> = {};
  const words = args[0] === "serve" ? args.slice(1) : args;
  for (let at = 0; at < words.length; at++) {
    const [, flag] = /^--(.+)$/.exec(words[at] ?? "") ?? [];
    const setting = flag === undefined ? undefined : settings.get(flag);
    if (setting === undefined || setting.key in flags) return undefined;
    const value = setting.boolean ? true : words[++at] ?? "";
    // The parser decides whether a word that begins with a dash is a value or the next flag.
    if (value === "" || (value !== true && value.startsWith("-"))) return undefined;
    flags[setting.key] = value;
  }
  return flags;
}
