/** A part of a text that both texts have, or only one of them. */
export interface DiffPart {
  /** The texts that have the part. */
  readonly side: "both" | "old" | "new";
  /** The text. */
  readonly text: string;
}

/** Maximum number of words of both texts that are compared one by one. */
const MAX_WORDS = 20_000;

/** Maximum number of differences that are found. */
const MAX_DISTANCE = 500;

/**
 * Compares two texts word by word. Finds the shortest difference by the algorithm of Myers; texts that are too long or
 * too different are shown whole, except for the equal words at their beginning and end.
 *
 * @see {@link http://www.xmailserver.org/diff2.pdf}
 */
export function diffWords(oldText: string, newText: string): DiffPart[] {
  const oldWords = splitWords(oldText);
  const newWords = splitWords(newText);
  let start = 0;
  while (start < Math.min(oldWords.length, newWords.length)) {
    if (oldWords[start] !== newWords[start]) break;
    start++;
  }
  let oldEnd = oldWords.length;
  let newEnd = newWords.length;
  while (oldEnd > start && newEnd > start && oldWords[oldEnd - 1] === newWords[newEnd - 1]) {
    oldEnd--;
    newEnd--;
  }
  const middle = diffMiddle(oldWords.slice(start, oldEnd), newWords.slice(start, newEnd));
  return joinParts([
    ...oldWords.slice(0, start).map((text) => ({ side: "both", text } as const)),
    ...middle,
    ...oldWords.slice(oldEnd).map((text) => ({ side: "both", text } as const)),
  ]);
}

/** Splits a text into words, spaces and single other characters. */
function splitWords(text: string): string[] {
  return text.match(/[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu) ?? [];
}

function diffMiddle(oldWords: readonly string[], newWords: readonly string[]): DiffPart[] {
  const trace = findTrace(oldWords, newWords);
  if (trace === undefined) {
    return [
      { side: "old", text: oldWords.join("") },
      { side: "new", text: newWords.join("") },
    ];
  }
  const parts: DiffPart[] = [];
  let [x, y] = [oldWords.length, newWords.length];
  for (let distance = trace.length - 1; distance >= 0; distance--) {
    const ends = trace[distance] ?? new Map<number, number>();
    const diagonal = x - y;
    const isInsertion = diagonal === -distance ||
      (diagonal !== distance && getEnd(ends, diagonal - 1) < getEnd(ends, diagonal + 1));
    const previousDiagonal = isInsertion ? diagonal + 1 : diagonal - 1;
    const previousX = getEnd(ends, previousDiagonal);
    const previousY = previousX - previousDiagonal;
    while (x > Math.max(previousX, 0) && y > Math.max(previousY, 0)) {
      parts.push({ side: "both", text: oldWords[--x] ?? "" });
      y--;
    }
    if (distance === 0) break;
    if (isInsertion) parts.push({ side: "new", text: newWords[--y] ?? "" });
    else parts.push({ side: "old", text: oldWords[--x] ?? "" });
  }
  return parts.reverse();
}

/** Returns the furthest ends by diagonal before each step; `undefined` if the texts are too long or too different. */
function findTrace(
  oldWords: readonly string[],
  newWords: readonly string[],
): Map<number, number>[] | undefined {
  if (oldWords.length + newWords.length > MAX_WORDS) return undefined;
  const maxDistance = Math.min(oldWords.length + newWords.length, MAX_DISTANCE);
  const ends = new Map([[1, 0]]);
  const trace: Map<number, number>[] = [];
  for (let distance = 0; distance <= maxDistance; distance++) {
    trace.push(new Map(ends));
    for (let diagonal = -distance; diagonal <= distance; diagonal += 2) {
      const isInsertion = diagonal === -distance ||
        (diagonal !== distance && getEnd(ends, diagonal - 1) < getEnd(ends, diagonal + 1));
      let x = isInsertion ? getEnd(ends, diagonal + 1) : getEnd(ends, diagonal - 1) + 1;
      let y = x - diagonal;
      while (x < oldWords.length && y < newWords.length && oldWords[x] === newWords[y]) {
        x++;
        y++;
      }
      ends.set(diagonal, x);
      if (x >= oldWords.length && y >= newWords.length) return trace;
    }
  }
  return undefined;
}

function getEnd(ends: ReadonlyMap<number, number>, diagonal: number): number {
  return ends.get(diagonal) ?? 0;
}

/** Joins neighboring parts of one side. Between two words that differ, old ones come first. */
function joinParts(parts: readonly DiffPart[]): DiffPart[] {
  const joinedParts: { side: DiffPart["side"]; text: string }[] = [];
  for (const { side, text } of parts) {
    const last = joinedParts.at(-1);
    if (text === "") continue;
    if (last?.side === side) last.text += text;
    else joinedParts.push({ side, text });
  }
  return joinedParts;
}
