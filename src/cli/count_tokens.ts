import { estimateTokens } from "../gateway/mod.ts";

/** Counts the tokens of texts. */
export interface TokenCounter {
  /** What counts: the tokenizer of o200k_base, or the gateway's own estimate, to 15 %. */
  readonly tokenizer: "o200k_base" | "estimate";
  /** The tokens of a text. */
  readonly count: (text: string) => number;
}

/**
 * Loads the tokenizer. Its vocabulary of 2.7 MB would make the start of the bundle three times as
 * long, so the bundle leaves it out: it is at hand in a clone, in the npm package and in the
 * executable, and for the bundle alone there is the estimate.
 */
export async function loadTokenCounter(): Promise<TokenCounter> {
  try {
    const { encode } = await import("gpt-tokenizer/encoding/o200k_base");
    // Texts of servers may hold what looks like a special token of a model; it is text here.
    const options = { disallowedSpecial: new Set<string>() };
    return { tokenizer: "o200k_base", count: (text) => encode(text, options).length };
  } catch (error) {
    // Only its absence is foreseen: a resolution that fails is a TypeError.
    if (!(error instanceof TypeError)) throw error;
    return { tokenizer: "estimate", count: estimateTokens };
  }
}
