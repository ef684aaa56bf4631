import { estimateTokens } from "../gateway/mod.ts";

/** Counts the tokens of texts. */
export interface TokenCounter {
  /** The tokenizer of o200k_base, or the gateway's own estimate, to 15 %. */
  readonly tokenizer: "o200k_base" | "estimate";
  readonly count: (text: string) => number;
}

/**
 * Loads the tokenizer. A clone, the npm package and the executable have it. The bundle alone does
 * not, because its vocabulary of 2.7 MB would make the start three times as long: there the estimate
 * takes its place.
 */
export async function loadTokenCounter(): Promise<TokenCounter> {
  try {
    const { encode } = await import("gpt-tokenizer/encoding/o200k_base");
    // Special tokens of models are plain text in the texts of servers.
    const options = { disallowedSpecial: new Set<string>() };
    return { tokenizer: "o200k_base", count: (text) => encode(text, options).length };
  } catch (error) {
    // A package that is missing is a TypeError; other errors are faults.
    if (!(error instanceof TypeError)) throw error;
    return { tokenizer: "estimate", count: estimateTokens };
  }
}
