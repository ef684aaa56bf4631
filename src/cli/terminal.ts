/** Where a command says something; a closed pipe is fine. */
export interface Outputs {
  /** Takes the answer. */
  readonly stdout: { write(text: string): void };
  /** Takes what is about the answer. */
  readonly stderr: { write(text: string): void };
}

/** How what is printed may look. */
export interface TerminalStyle {
  /** What a line may take, in columns; endless where no terminal shows it. */
  readonly columns: number;
  /** Whether colours are wanted. */
  readonly colours: boolean;
  /** Whether a terminal shows it, where control characters would move the cursor. */
  readonly isTerminal: boolean;
}

/** A width that is asked for where no terminal has one of its own. */
const LEAST_COLUMNS = 20;

/** How what goes to a stream may look: a file or a program gets whole lines without colours. */
export function styleOf(stream: { isTerminal(): boolean }): TerminalStyle {
  const isTerminal = stream.isTerminal();
  const asked = Number(Deno.env.get("COLUMNS"));
  const columns = isTerminal ? terminalColumns() : asked >= LEAST_COLUMNS ? asked : Infinity;
  return { columns, colours: isTerminal && !Deno.noColor, isTerminal };
}

function terminalColumns(): number {
  try {
    const { columns } = Deno.consoleSize();
    return columns >= LEAST_COLUMNS ? columns : 80;
  } catch {
    // A terminal that does not tell its size, as over a serial line.
    return 80;
  }
}

/** Agents and servers choose names and texts; at a terminal they must not move the cursor. */
export function cleanLine(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
}

/** Cleans a text of several lines, such as what a server said last; tabs stay. */
export function cleanText(text: string): string {
  return text.split("\n").map((line) => line.split("\t").map(cleanLine).join("\t")).join("\n");
}

/** A number for people. */
export function formatCount(value: number): string {
  return value.toLocaleString("en-US");
}

/** `1 error`, `2 errors`. */
export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}
