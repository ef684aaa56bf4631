import configuration from "../../deno.json" with { type: "json" };

/** Counts the tokens of a text. */
export type CountTokens = (text: string) => number;

/**
 * Loads the tokenizer of o200k_base. Its vocabulary would more than double the start of the bundle,
 * so it is not in it: where the package is not at hand it comes from npm, the first time.
 *
 * @throws {Error} where it is neither at hand nor to be had.
 */
export async function loadTokenizer(): Promise<CountTokens> {
  const { encode } = await load();
  // Texts of servers may hold what looks like a special token of a model; it is text here.
  return (text) => encode(text, { disallowedSpecial: new Set() }).length;
}

type Tokenizer = typeof import("gpt-tokenizer/encoding/o200k_base");

async function load(): Promise<Tokenizer> {
  try {
    return await import("gpt-tokenizer/encoding/o200k_base");
  } catch {
    // The bundle alone, far from its package. Put together, so that nothing is fetched at start.
    const name = `${configuration.imports["gpt-tokenizer"]}/encoding/o200k_base`;
    try {
      // deno-lint-ignore house/import-direction -- a name that is written out would be bundled
      return await import(name);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`The tokenizer is not at hand and could not be fetched from npm: ${reason}`, {
        cause,
      });
    }
  }
}
