import {
  type Application,
  type ApplicationText,
  buildApplication,
  buildRouteMap,
  ExitCode,
  type RouteMap,
  run,
  text_en,
  UnexpectedPositionalError,
  UnsatisfiedPositionalError,
} from "@stricli/core";
import { writeToStandardError } from "../line_queue.ts";
import { didYouMean } from "../similar_names.ts";
import type { Output, ParserContext, Streams } from "./command.ts";
import { COMMANDS, helpText } from "./commands.ts";
import { styleOf } from "./terminal.ts";
import { VERSION } from "../version.ts";
import { wrapText } from "./wrap.ts";

/** Exit code of a command line that cannot be parsed. */
const USAGE_ERROR = 2;

/** A flag that asks for help. */
const HELP_FLAG = /^(?:--help|-h)$/;

/**
 * Parses a command line and runs its command.
 *
 * @param args The words after the program's name.
 * @returns The exit code: 2 if the command line cannot be parsed, otherwise that of the command.
 */
export async function parseAndRun(args: readonly string[]): Promise<number> {
  const isHelpRequested = args[0] === "help" || args.some((word) => HELP_FLAG.test(word));
  const wrapHelp = (text: string): string => wrapText(text, styleOf(Deno.stdout).columns, "");
  const process: Streams & { exitCode?: number | string | null } = {
    stdout: createOutput((text) => writeToStandardOutput(isHelpRequested ? wrapHelp(text) : text)),
    stderr: createOutput((text) => writeToStandardError(wrapMessage(text))),
  };
  const context = { process, exitCode: 0 };
  const [word = "", ...words] = args;
  if (word === "__complete") {
    const { complete } = await import("./complete.ts");
    const loadApp = async (name: string) => (await buildParser(name)).app;
    return await complete(words, { commands: COMMANDS, loadApp, context });
  }
  const beginsWithHelp = word === "help" || HELP_FLAG.test(word);
  if (beginsWithHelp && words.length === 0) {
    process.stdout.write(helpText());
    return 0;
  }
  const versionFlags = word === "version" ? ["--version", ...words] : undefined;
  const commandLine = beginsWithHelp ? [...words, "--help"] : versionFlags ?? args;
  const [command = ""] = commandLine;
  if (!command.startsWith("-") && command !== "" && !isCommand(command)) {
    const suggestion = didYouMean(command, [
      ...COMMANDS.map(({ name }) => name),
      "help",
      "version",
    ]);
    const hint = suggestion || "; agent-mcp-gateway --help lists them";
    process.stderr.write(`There is no command ${JSON.stringify(command)}${hint}\n`);
    return USAGE_ERROR;
  }
  let isArgumentMissing = false;
  const onMissingArgument = (): void => {
    isArgumentMissing = true;
  };
  const { app, routes } = await buildParser(command, onMissingArgument);
  await run(app, commandLine, context);
  // The parser sets `process.exitCode`, and the command `context.exitCode`.
  switch (process.exitCode) {
    case ExitCode.Success:
      return context.exitCode;
    case ExitCode.InvalidArgument:
      if (isArgumentMissing) process.stderr.write(findExample(commandLine, routes));
      return USAGE_ERROR;
    case ExitCode.UnknownCommand:
      return USAGE_ERROR;
    default:
      return 1;
  }
}

function isCommand(word: string): boolean {
  return COMMANDS.some(({ name }) => name === word);
}

interface Parser {
  readonly app: Application<ParserContext>;
  readonly routes: RouteMap<ParserContext>;
}

/** Builds a parser for `serve`, which is the default command, and for the command that the word names. */
async function buildParser(
  word: string,
  onMissingArgument: () => void = () => {},
): Promise<Parser> {
  const name = isCommand(word) ? word : "serve";
  const builtCommands = COMMANDS.filter((command) => [name, "serve"].includes(command.name))
    .map(async ({ name, brief, load }) => [name, (await load()).command.build(brief)] as const);
  const routes = buildRouteMap<string, ParserContext>({
    routes: Object.fromEntries(await Promise.all(builtCommands)),
    defaultCommand: "serve",
    docs: { brief: "One MCP server in front of all of yours, with rules for each agent" },
  });
  const app = buildApplication(routes, {
    name: "agent-mcp-gateway",
    versionInfo: { currentVersion: VERSION },
    scanner: { caseStyle: "allow-kebab-for-camel", allowArgumentEscapeSequence: true },
    localization: { text: parserMessages(name, onMissingArgument) },
    documentation: { caseStyle: "convert-camel-to-kebab", disableAnsiColor: true },
  });
  return { app, routes };
}

/** The flag that an unexpected argument was probably meant for, by command. */
const MEANT_FLAGS: Readonly<Record<string, string>> = { tools: "--server", explain: "--agent" };

/** Returns the example from the help of the command that a command line names. */
function findExample(
  [name = "", word = ""]: readonly string[],
  routes: RouteMap<ParserContext>,
): string {
  const command = routes.getRoutingTargetForInput(name);
  const target = command !== undefined && "getRoutingTargetForInput" in command
    ? command.getRoutingTargetForInput(word) ?? command
    : command;
  const example = /^Example: .*$/m.exec(target?.fullDescription ?? "")?.[0];
  return example === undefined ? "" : `${example}\n`;
}

/**
 * Returns the parser's messages, with our own for an unexpected argument.
 *
 * @param onMissingArgument Called if a required argument is missing.
 */
function parserMessages(name: string, onMissingArgument: () => void): ApplicationText {
  return {
    ...text_en,
    exceptionWhileParsingArguments(error, ansiColor) {
      if (error instanceof UnsatisfiedPositionalError) onMissingArgument();
      if (error instanceof UnexpectedPositionalError && error.expectedCount === 0) {
        const flag = MEANT_FLAGS[name];
        const suggestion = flag === undefined ? "" : `; did you mean ${flag} ${error.input}?`;
        const hint = suggestion || `; see agent-mcp-gateway ${name} --help`;
        return `${name} takes no argument ${JSON.stringify(error.input)}${hint}`;
      }
      return text_en.exceptionWhileParsingArguments.call(this, error, ansiColor);
    },
  };
}

function createOutput(write: (text: string) => void): Output {
  let isClosed = false;
  return {
    get isClosed() {
      return isClosed;
    },
    write(text) {
      try {
        write(text);
      } catch (error) {
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
        // The reader, such as `head`, has ended.
        isClosed = true;
      }
    },
  };
}

/** Breaks complete lines at words; a line that is written in parts stays unchanged. */
function wrapMessage(text: string): string {
  // deno-lint-ignore no-control-regex -- a line that overwrites another one, or has colors
  if (!text.endsWith("\n") || /[\r\x1b]/.test(text)) return text;
  return wrapText(text, styleOf(Deno.stderr).columns);
}

function writeToStandardOutput(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}
