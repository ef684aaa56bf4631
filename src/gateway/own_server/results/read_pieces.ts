import { longWork } from "../../../long_work.ts";
import type { TextRange } from "./text_range.ts";

/**
 * Reads a text piece by piece, in steps. Each step includes decoding its piece, which takes longer than searching it.
 *
 * @param options `party` is the party of the steps, such as `agent a`; `read` receives each piece.
 */
export async function readPieces(
  text: Pick<TextRange, "length" | "pieces">,
  { party, read }: { readonly party: string; readonly read: (piece: string) => void },
): Promise<void> {
  const pieces = text.pieces();
  const readNext = (): boolean => {
    const next = pieces.next();
    if (next.done === true) return false;
    read(next.value);
    return true;
  };
  while (await longWork.runFor({ party, bytes: text.length }, readNext));
}
