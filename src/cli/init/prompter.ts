import type { Readable, Writable } from "node:stream";
import { escapeControls, escapeLines } from "../../text.ts";
import { wrapText } from "../wrap.ts";

/** The streams of the terminal at which questions are asked. */
export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
}

/** The person cancelled the questions. */
class Cancelled extends Error {}

/** One of several answers. */
export interface Choice<T> {
  readonly value: T;
  readonly label: string;
  /** Shown next to the label. */
  readonly hint?: string;
}

function escapeChoice<T>({ value, label, hint }: Choice<T>): Choice<T> {
  return {
    value,
    label: escapeControls(label),
    ...(hint !== undefined && { hint: escapeControls(hint) }),
  };
}

/** The explanation of the keys of a multiple choice, because clack shows none. */
const KEYS_HINT = "(space: choose, a: all or none, Enter: continue)";

/** Asks questions at a terminal, one after another. */
export class Prompter {
  readonly #clack: typeof import("./clack.ts");
  readonly #terminal: Terminal;
  readonly #end = new AbortController();
  readonly #stop = () => this.#end.abort();
  // After Ctrl-D clack stops reading, so its question would never settle.
  readonly #stopOnCtrlD = (
    _: unknown,
    key?: { readonly ctrl?: boolean; readonly name?: string },
  ) => {
    if (key?.ctrl === true && key.name === "d") this.#stop();
  };

  /** Runs `ask`, which asks questions; returns `undefined` if the person cancelled. */
  static async run<T>(
    terminal: Terminal,
    ask: (prompter: Prompter) => Promise<T>,
  ): Promise<T | undefined> {
    // Loaded here: no other command asks questions.
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
    // After the input has ended, nobody can answer.
    terminal.input.once("end", this.#stop).once("close", this.#stop);
    terminal.input.on("keypress", this.#stopOnCtrlD);
  }

  #close(): void {
    this.#terminal.input.off("end", this.#stop).off("close", this.#stop);
    this.#terminal.input.off("keypress", this.#stopOnCtrlD);
  }

  begin(title: string): void {
    this.#clack.intro(title, this.#streams());
  }

  /** Shows a text between the questions. */
  note(text: string): void {
    const { columns = 80 } = this.#terminal.output as { readonly columns?: number };
    // If the terminal broke a long line, the new line would lack the bar that clack draws at the left.
    const wrappedText = wrapText(escapeLines(text), Math.max(columns - 4, 20), "");
    this.#clack.log.info(wrappedText, { output: this.#terminal.output });
  }

  /** Ends the questions as if the person had cancelled them. */
  cancel(): never {
    throw new Cancelled();
  }

  async confirm(message: string, initialValue: boolean): Promise<boolean> {
    return await this.#answer(
      this.#clack.confirm({ message: escapeLines(message), initialValue, ...this.#streams() }),
    );
  }

  /** Asks for a text; Enter alone chooses the default. */
  async text(
    message: string,
    { defaultValue, validate }: {
      readonly defaultValue: string;
      /** Returns the fault of an answer; `undefined` if it is valid. */
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

  /** Asks for one choice; the first is preselected unless another is named. */
  async choose<T extends string | boolean>(
    message: string,
    choices: readonly Choice<T>[],
    initialValue?: T,
  ): Promise<T> {
    const options = choices.map(escapeChoice) as never[];
    const initial = initialValue === undefined ? {} : { initialValue };
    return await this.#answer(
      this.#clack.select<T>({
        message: escapeLines(message),
        options,
        ...initial,
        ...this.#streams(),
      }),
    ) as T;
  }

  /** Asks for any number of the choices. */
  async chooseSome(
    message: string,
    { choices, initialValues }: {
      readonly choices: readonly Choice<string>[];
      readonly initialValues: readonly string[];
    },
  ): Promise<string[]> {
    return await this.#answer(this.#clack.multiselect({
      message: escapeLines(`${message} ${KEYS_HINT}`),
      // The hint is part of the label, because clack shows hints only for chosen rows.
      options: choices.map(({ value, label, hint }) => ({
        value,
        label: escapeControls(hint === undefined ? label : `${label} (${hint})`),
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

/** Asks one yes-or-no question; returns false if the person cancels. */
export async function askYes(message: string, terminal: Terminal): Promise<boolean> {
  return await Prompter.run(terminal, (prompter) => prompter.confirm(message, false)) ?? false;
}
