import {
  type BaseArgs,
  type BaseFlags,
  buildCommand,
  buildRouteMap,
  type Command,
  type CommandContext,
  numberParser,
  type RouteMap,
  type TypedCommandParameters,
} from "@stricli/core";
import { listSettings, type SettingFlags } from "../config/mod.ts";
import { withErrorReport } from "./error_report.ts";

/** The streams that a command prints to. Writing does not throw if the reader has closed the pipe. */
export interface Streams {
  /** For the command's result. */
  readonly stdout: Output;
  /** For notes about the result, and errors. */
  readonly stderr: Output;
}

/** A stream that takes text. */
export interface Output {
  /** Whether the reader has closed the stream. */
  readonly isClosed?: boolean;
  write(text: string): void;
}

/** The context that the parser passes to a command. */
export interface ParserContext extends CommandContext {
  /** The exit code that the command returned. */
  exitCode: number;
}

/** A command or a group of commands, in a form that the parser can use. */
export interface BuildableCommand {
  /** @param brief The description of the command in the list of commands. */
  build(brief: string): Command<ParserContext> | RouteMap<ParserContext>;
}

declare const VALUE: unique symbol;

/** A flag or an argument, as the parser defines it; `V` is the type of its value. */
export interface Parameter<V> {
  readonly brief: string;
  readonly [VALUE]?: () => V;
  readonly [key: string]: unknown;
}

/** Any number of arguments of one kind, up to a maximum. */
export interface Repeated<V> {
  readonly kind: "array";
  readonly parameter: Parameter<V>;
  readonly maximum: number;
}

type Flags = Readonly<Record<string, Parameter<unknown>>>;
type Args = readonly Parameter<unknown>[] | Repeated<unknown>;

/** The values of flags or arguments. */
export type Values<P> = P extends Repeated<infer V> ? readonly V[]
  : { readonly [K in keyof P]: P[K] extends Parameter<infer V> ? V : never };

/** One run of a command: the parsed command line, and the streams. */
export interface CommandInput<F extends Flags, A extends Args> extends Streams {
  readonly flags: Values<F>;
  readonly args: Values<A>;
}

/** A command: its help, its parameters and what it does. */
export interface CommandDefinition<F extends Flags, A extends Args> {
  /** The text of its help. */
  readonly about: string;
  /** An example of the command line. */
  readonly example: string;
  readonly flags?: F;
  /** Single letters for flags, such as `n` for `--lines`. */
  readonly aliases?: Readonly<Record<string, keyof F>>;
  readonly args?: A;
  /** Runs the command and returns its exit code. Errors that a person can fix may be thrown. */
  readonly run: (invocation: CommandInput<F, A>) => number | Promise<number>;
}

/** Defines a command. The returned `run` prints its errors. */
export function defineCommand<
  const F extends Flags = Record<never, never>,
  const A extends Args = readonly [],
>(definition: CommandDefinition<F, A>): BuildableCommand & {
  run(invocation: CommandInput<F, A>): Promise<number>;
} {
  const { about, example, flags = {}, aliases = {}, args = [] } = definition;
  const run = (invocation: CommandInput<F, A>) =>
    withErrorReport(invocation, async () => definition.run(invocation));
  const positional = Array.isArray(args) ? { kind: "tuple", parameters: args } : args;
  return {
    run,
    build: (brief) =>
      buildCommand<BaseFlags, BaseArgs, ParserContext>({
        async func(flags, ...args) {
          const { stdout, stderr } = this.process;
          this.exitCode = await run(
            { stdout, stderr, flags, args } as unknown as CommandInput<F, A>,
          );
        },
        // `Parameter` hides the parser's own types, which TypeScript cannot infer here.
        parameters: { flags, aliases, positional } as unknown as TypedCommandParameters<
          BaseFlags,
          BaseArgs,
          ParserContext
        >,
        docs: { brief, fullDescription: `${about}\n\nExample: ${example}` },
      }),
  };
}

/** A command of a group, and the line about it in the group's help. */
export interface GroupedCommand {
  readonly brief: string;
  readonly command: BuildableCommand;
}

/**
 * Defines a command that consists of others, such as `auth login`.
 *
 * @param options `defaultCommand`: the name of the command that runs if none is named; by default one must be named.
 */
export function defineGroup(
  commands: Readonly<Record<string, GroupedCommand>>,
  options: { readonly defaultCommand?: string } = {},
): BuildableCommand {
  return {
    build: (brief) => {
      const routes = Object.entries(commands).map(([name, { brief, command }]) => {
        return [name, command.build(brief)] as const;
      });
      return buildRouteMap<string, ParserContext>({
        routes: Object.fromEntries(routes),
        ...options,
        docs: { brief },
      });
    },
  };
}

/** The placeholder of a value in the help, and the values that a shell proposes. */
export interface ValueOptions {
  readonly placeholder?: string;
  readonly proposeCompletions?: (partial: string) => Promise<readonly string[]>;
}

/** A flag without a value. */
export function switchFlag(brief: string): Parameter<boolean> {
  return { brief, kind: "boolean", withNegated: false, default: false };
}

/** A flag whose value is any text. */
export function textFlag(
  brief: string,
  options: ValueOptions = {},
): Parameter<string | undefined> {
  return parsedFlag(brief, { parse: String, ...options });
}

/** A flag whose value is one of the given words. */
export function choiceFlag<const T extends string>(
  brief: string,
  values: readonly T[],
): Parameter<T | undefined> {
  return { brief, kind: "enum", values, optional: true };
}

/** A flag whose value is parsed; `parse` throws a `SyntaxError` that says what it expects. */
export function parsedFlag<V>(
  brief: string,
  options: ValueOptions & { readonly parse: (text: string) => V },
): Parameter<V | undefined> {
  return { brief, kind: "parsed", optional: true, ...options };
}

/** Like `parsedFlag`, with a default. */
export function defaultFlag<V>(
  brief: string,
  options: ValueOptions & { readonly parse: (text: string) => V; readonly default: string },
): Parameter<V> {
  return { brief, kind: "parsed", ...options };
}

/** A required argument. */
export function argument(
  brief: string,
  options: ValueOptions & { readonly placeholder: string },
): Parameter<string> {
  return { brief, parse: String, ...options };
}

/** Makes an argument optional. */
export function optional<V>(parameter: Parameter<V>): Parameter<V | undefined> {
  return { ...parameter, optional: true };
}

/** An argument that may be given several times. */
export function repeated<V>(parameter: Parameter<V>, maximum: number): Repeated<V> {
  return { kind: "array", parameter, maximum };
}

/** An argument whose value is one of the given words. */
export function choiceArgument<const T extends string>(
  brief: string,
  values: readonly T[],
): Parameter<T> {
  const parse = (word: string): T => {
    const choice = values.find((value) => value === word);
    if (choice === undefined) throw new SyntaxError(`expected one of ${values.join(", ")}`);
    return choice;
  };
  return { brief, placeholder: values.join("|"), parse, proposeCompletions: () => values };
}

/** Returns a parser of whole numbers from 1 to `max`. */
export function wholeNumber(
  expected: string,
  max: number,
): (text: string) => number {
  return (text) => {
    const value = numberParser(text);
    if (Number.isInteger(value) && value > 0 && value <= max) return value;
    throw new SyntaxError(`expected ${expected}`);
  };
}

const AGENT_VALUE: ValueOptions & { readonly placeholder: string } = {
  placeholder: "agent",
  proposeCompletions: (partial) => proposeNames("agents", partial),
};

const SERVER_VALUE: ValueOptions & { readonly placeholder: string } = {
  placeholder: "server",
  proposeCompletions: (partial) => proposeNames("servers", partial),
};

async function proposeNames(
  kind: "agents" | "servers",
  partial: string,
): Promise<readonly string[]> {
  const { readNames } = await import("./complete.ts");
  return (await readNames())[kind].filter((name) => name.startsWith(partial));
}

export function agentFlag(brief: string): Parameter<string | undefined> {
  return textFlag(brief, AGENT_VALUE);
}

export function serverFlag(brief: string): Parameter<string | undefined> {
  return textFlag(brief, SERVER_VALUE);
}

/** An argument that names an agent of the rules. */
export function agentArgument(brief: string): Parameter<string> {
  return argument(brief, AGENT_VALUE);
}

/** An argument that names a server of the servers file. */
export function serverArgument(brief: string): Parameter<string> {
  return argument(brief, SERVER_VALUE);
}

export const JSON_FLAG: Parameter<boolean> = switchFlag("Print JSON");

const FILE_PLACEHOLDER = { placeholder: "file" };

export const RULES_FLAG: Parameter<string | undefined> = textFlag(
  "The rules file (GATEWAY_RULES)",
  FILE_PLACEHOLDER,
);

/** The flags that name the two configuration files. */
export const FILE_FLAGS = {
  mcpConfig: textFlag("The servers file (GATEWAY_MCP_CONFIG)", FILE_PLACEHOLDER),
  rules: RULES_FLAG,
} as const;

/** Returns the flags of all settings; `readSettings` checks their values together with the variables. */
export function settingFlags(): {
  readonly [K in keyof SettingFlags]-?: Parameter<SettingFlags[K]>;
} {
  const flags = listSettings().filter(({ flag }) => flag !== undefined).map((setting) => {
    const brief = `${setting.brief} (${setting.variable})`;
    const parserOptions = setting.boolean
      ? { kind: "boolean", withNegated: false, optional: true }
      : { kind: "parsed", parse: String, optional: true };
    return [setting.key, { brief, ...parserOptions }];
  });
  return Object.fromEntries(flags);
}
