import { longWork } from "../../../long_work.ts";
import { estimateTokens } from "../../tools/mod.ts";

/** Length of the parts that are counted at a time, in UTF-16 code units. */
const PART_LENGTH = 32 * 1024;

/** Number of tokens that the estimate may miss because a part begins in the middle of a word. */
const BOUNDARY_TOKENS = 2;

/** Maximum number of tokens per UTF-16 code unit; an accented letter after a digit costs 2.2. */
const MAX_TOKENS_PER_UNIT = 2.5;

/** Options of counting tokens. */
export interface CountOptions {
  /** Number of tokens beyond which the exact number does not matter. */
  readonly max: number;
  /** The party of the steps, such as `agent a`. */
  readonly party: string;
}

/** Whether a text is so short that it cannot have more than `max` tokens. */
export function cannotExceed(text: string, max: number): boolean {
  return text.length * MAX_TOKENS_PER_UNIT <= max;
}

/**
 * Estimates the tokens of a text, in steps.
 *
 * @returns The number, or one beyond `max` if the text has more.
 */
export async function countTokens(text: string, { max, party }: CountOptions): Promise<number> {
  let tokens = 0;
  for (let start = 0; start < text.length && tokens <= max; start += PART_LENGTH) {
    const step = () => estimateTokens(text.slice(start, start + PART_LENGTH));
    tokens += await longWork.runFor({ party, bytes: text.length }, step);
    if (start > 0) tokens += BOUNDARY_TOKENS;
  }
  return tokens;
}
