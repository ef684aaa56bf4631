import { estimateTokens } from "../gateway/mod.ts";

/** Counts the tokens of texts. */
export interface TokenCounter {
  /** The tokenizer with the vocabulary o200k_base, or the gateway's own estimate, within 15 % of it. */
  readonly tokenizer: "o200k_base" | "estimate";
  readonly count: (text: string) => number;
}

/**
 * Loads the tokenizer. If the package is missing, as in the bundle, the estimate replaces it:
 * a vocabulary of 2.7 MB would make each start of the bundle three times as long.
 */
export async function loadTokenCounter(): Promise<TokenCounter> {
  try {
    const { encode } = await import("gpt-tokenizer/encoding/o200k_base");
    // By default the tokenizer throws on the special tokens of models; here they count as plain text.
    const options = { disallowedSpecial: new Set<string>() };
    return { tokenizer: "o200k_base", count: (text) => encode(text, options).length };
  } catch (error) {
    // The import of a missing package throws a TypeError; other errors are bugs.
    if (!(error instanceof TypeError)) throw error;
    return { tokenizer: "estimate", count: estimateTokens };
  }
}
