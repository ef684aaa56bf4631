import {
  editFile,
  homeFolder,
  locateFiles,
  readSettings,
  type SettingFlags,
} from "../config/mod.ts";
import { addToken } from "../config/texts/mod.ts";
import { ConfigError, formatProblem } from "../errors.ts";
import type { Outputs } from "./audit.ts";

/** Prefix of all tokens, by which a leaked one is recognized. */
const PREFIX = "amg_";

/** Random bytes in a token: 256 bits cannot be guessed. */
const RANDOM_BYTES = 32;

/** Flags of `token`. */
export interface TokenFlags {
  /** When the token expires, as ISO 8601. */
  readonly expires?: string;
  /** The rules file. */
  readonly rules?: string;
  /** Whether to print JSON. */
  readonly json: boolean;
}

/**
 * Makes a bearer token for an agent, writes its hash into the rules and prints it to standard
 * output, alone or as JSON.
 *
 * @returns The exit code: 1 if nothing was written.
 */
export async function makeToken(
  { agent, ...flags }: TokenFlags & { readonly agent: string },
  { stdout, stderr }: Outputs,
): Promise<number> {
  try {
    const { expires, json } = flags;
    const rules = locateRules(flags);
    const token = PREFIX + crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)).toBase64({
      alphabet: "base64url",
      omitPadding: true,
    });
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
    const sha256 = new Uint8Array(digest).toHex();
    await editFile(
      rules.path,
      (text) => addToken({ file: rules.shown, text }, { agent, sha256, expires }),
    );
    const until = expires === undefined ? "It does not expire" : `It is valid until ${expires}`;
    stderr.write(
      `Wrote the hash of a new token for agent "${agent}" into ${rules.shown}. ${until}.\n` +
        "This is the only time the token is shown; clients send it as " +
        "`Authorization: Bearer TOKEN`.\n",
    );
    const shown = { agent, token, sha256, ...(expires && { expires }), rules: rules.path };
    stdout.write(json ? `${JSON.stringify(shown)}\n` : `${token}\n`);
    return 0;
  } catch (error) {
    stderr.write(`${explain(error)}\n`);
    return 1;
  }
}

function locateRules({ rules: named }: TokenFlags): { path: string; shown: string } {
  const flags: SettingFlags = { rules: named };
  const { rules: given } = readSettings(flags, Deno.env);
  const places = { home: homeFolder(Deno.env), cwd: Deno.cwd() };
  const { rules } = locateFiles({ rules: given }, places);
  if (rules.origin === "missing") {
    throw new Error(`There is no rules file at ${rules.looked.join(" or ")}; name it with --rules`);
  }
  return rules;
}

function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.problems.map(formatProblem).join("\n");
  return `No token was made: ${error instanceof Error ? error.message : String(error)}`;
}
