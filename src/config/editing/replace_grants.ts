import { applyEdits, type FormattingOptions, modify } from "jsonc-parser";
import { EFFECTS, type Rules } from "../rules.ts";
import { parseRules } from "./parse_rules.ts";

/** The grants of an agent as they are written in a rules file. */
export interface WrittenGrants {
  /** Servers, tools, resources and prompts; a part that is absent is removed from the file. */
  readonly allow?: Readonly<Record<string, unknown>>;
  /** Those that the agent may not use. */
  readonly deny?: Readonly<Record<string, unknown>>;
  /** The tools whose calls need an approval. */
  readonly ask?: Readonly<Record<string, unknown>>;
  /** Whether the agent may read the gateway's status; default: as in the file. */
  readonly status?: true;
}

/**
 * Replaces the grants of an agent in the text of a rules file, or adds the agent. Everything else is unchanged,
 * comments included.
 *
 * @param content The name of the file, for messages, and its text.
 * @returns The new text, and the rules in it.
 * @throws {ConfigError} if the file has errors.
 */
export function replaceGrants(
  content: { readonly file: string; readonly text: string },
  { agent, ...grants }: WrittenGrants & { readonly agent: string },
): { readonly text: string; readonly rules: Rules } {
  const { document } = parseRules(content);
  const path = ["agents", agent];
  let { text } = content;
  const set = (at: readonly string[], value: unknown): void => {
    const options = { formattingOptions: formattingOf(text) };
    text = applyEdits(text, modify(text, [...at], value, options));
  };
  if (document.findNode(path) === undefined) set(path, {});
  for (const key of EFFECTS) {
    if (grants[key] !== undefined || document.findNode([...path, key]) !== undefined) {
      set([...path, key], grants[key]);
    }
  }
  if (grants.status === true) set([...path, "status"], true);
  return { text, rules: parseRules({ file: content.file, text }).rules };
}

function formattingOf(text: string): FormattingOptions {
  const indent = /^([ \t]+)\S/m.exec(text)?.[1] ?? "  ";
  return {
    insertSpaces: !indent.startsWith("\t"),
    tabSize: indent.startsWith("\t") ? 4 : indent.length,
    eol: text.includes("\r\n") ? "\r\n" : "\n",
  };
}
