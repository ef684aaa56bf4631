import type { Readable, Writable } from "node:stream";

/** The streams of the terminal that questions are asked at. */
export interface Terminal {
  /** Stream of the keys that the user presses. */
  readonly input: Readable;
  /** Stream that the questions are written to. */
  readonly output: Writable;
}

/** The person cancelled the questions. */
class Cancelled extends Error {}

/** One of several answers. */
export interface Choice<T> {
  readonly value: T;
  readonly label: string;
  /** Text that is shown beside the label. */
  readonly hint?: string;
}

/** Others choose the names of servers and agents; at a terminal they must not move the cursor. */
function clean(text: string): string {
  return text.split("\n").map((line) => line.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?")).join("\n");
}

function cleanChoice<T>({ value, label, hint }: Choice<T>): Choice<T> {
  return { value, label: clean(label), ...(hint === undefined ? {} : { hint: clean(hint) }) };
}

/** Breaks a line at spaces, so that its parts are at most `width` characters long. */
function wrapLine(line: string, width: number): string {
  const parts: string[] = [];
  for (const word of line.split(" ")) {
    const last = parts.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) parts.push(word);
    else parts[parts.length - 1] = `${last} ${word}`;
  }
  return parts.join("\n");
}

/** The keys of a question with several answers, which it does not show itself. */
const KEYS = "(space: choose, a: all or none, Enter: continue)";

/** Asks questions at a terminal, one after another. */
export class Prompter {
  readonly #clack: typeof import("./clack.ts");
  readonly #terminal: Terminal;
  readonly #end = new AbortController();
  readonly #stop = () => this.#end.abort();
  // It ends the line reader below the questions, which would then wait for ever.
  readonly #stopAtEnd = (_: unknown, key?: { readonly ctrl?: boolean; readonly name?: string }) => {
    if (key?.ctrl === true && key.name === "d") this.#stop();
  };

  /**
   * Asks what there is to ask.
   *
   * @param terminal Where.
   * @param ask Asks the questions.
   * @returns undefined where the person cancelled.
   */
  static async run<T>(
    terminal: Terminal,
    ask: (prompter: Prompter) => Promise<T>,
  ): Promise<T | undefined> {
    // Loaded here only: no other command has questions.
    const prompter = new Prompter(await import("./clack.ts"), terminal);
    try {
      return await ask(prompter);
    } catch (error) {
      if (!(error instanceof Cancelled)) throw error;
      return undefined;
    } finally {
      prompter.#close();
    }
  }

  private constructor(clack: typeof import("./clack.ts"), terminal: Terminal) {
    this.#clack = clack;
    this.#terminal = terminal;
    // No answer comes after the input has ended.
    terminal.input.once("end", this.#stop).once("close", this.#stop);
    terminal.input.on("keypress", this.#stopAtEnd);
  }

  #close(): void {
    this.#terminal.input.off("end", this.#stop).off("close", this.#stop);
    this.#terminal.input.off("keypress", this.#stopAtEnd);
  }

  /** Begins. */
  begin(title: string): void {
    this.#clack.intro(title, this.#streams());
  }

  /** Shows something between the questions. */
  note(text: string): void {
    const { columns = 80 } = this.#terminal.output as { readonly columns?: number };
    // The terminal would begin the rest of a long line without the bar.
    const lines = clean(text).split("\n").map((line) => wrapLine(line, Math.max(columns - 4, 20)));
    this.#clack.log.info(lines.join("\n"), { output: this.#terminal.output });
  }

  /** Ends as if the person had cancelled. */
  cancel(): never {
    throw new Cancelled();
  }

  /** Asks a yes or a no. */
  async confirm(message: string, initialValue: boolean): Promise<boolean> {
    return await this.#answer(
      this.#clack.confirm({ message: clean(message), initialValue, ...this.#streams() }),
    );
  }

  /** Asks for a text; Enter alone takes the default. */
  async text(
    message: string,
    { defaultValue, validate }: {
      readonly defaultValue: string;
      /** Returns the fault of an answer; undefined if it has none. */
      validate(text: string): string | undefined;
    },
  ): Promise<string> {
    return await this.#answer(this.#clack.text({
      message,
      placeholder: defaultValue,
      defaultValue,
      validate: (text) => validate(text || defaultValue),
      ...this.#streams(),
    }));
  }

  /** Asks for one of several; offers the first unless another is named. */
  async choose<T extends string | boolean>(
    message: string,
    choices: readonly Choice<T>[],
    initialValue?: T,
  ): Promise<T> {
    const options = choices.map(cleanChoice) as never[];
    const initial = initialValue === undefined ? {} : { initialValue };
    return await this.#answer(
      this.#clack.select<T>({ message: clean(message), options, ...initial, ...this.#streams() }),
    ) as T;
  }

  /** Asks for any number of several. */
  async chooseSome(
    message: string,
    { choices, initialValues }: {
      readonly choices: readonly Choice<string>[];
      readonly initialValues: readonly string[];
    },
  ): Promise<string[]> {
    return await this.#answer(this.#clack.multiselect({
      message: clean(`${message} ${KEYS}`),
      // A hint would be shown for chosen rows only.
      options: choices.map(({ value, label, hint }) => ({
        value,
        label: clean(hint === undefined ? label : `${label} (${hint})`),
      })),
      initialValues: [...initialValues],
      required: false,
      showInstructions: false,
      ...this.#streams(),
    }));
  }

  #streams(): Terminal & { readonly signal: AbortSignal } {
    return { ...this.#terminal, signal: this.#end.signal };
  }

  async #answer<T>(question: Promise<T>): Promise<Exclude<T, symbol>> {
    const answer = await question;
    if (typeof answer === "symbol") throw new Cancelled();
    return answer as Exclude<T, symbol>;
  }
}

/** Asks a yes or a no; a cancelled question is a no. */
export async function askYes(message: string, terminal: Terminal): Promise<boolean> {
  return await Prompter.run(terminal, (prompter) => prompter.confirm(message, false)) ?? false;
}
