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
import {
  type Buildable,
  defineCommand,
  type Output,
  type ParserContext,
  settingFlags,
  type Streams,
} from "./command.ts";
import { styleOf } from "./terminal.ts";
import { VERSION } from "./version.ts";
import { wrapText } from "./wrap.ts";

/** A command in the program's help, with a short description. */
export interface ListedCommand {
  readonly name: string;
  readonly brief: string;
  readonly load: LoadCommand;
}

const serveCommand = defineCommand({
  about:
    "Serves MCP clients over standard input and output, or over HTTP. Each flag overrides the " +
    "environment variable in parentheses after it.",
  example: "agent-mcp-gateway serve --mcp-config ./.mcp.json --agent researcher",
  flags: settingFlags(),
  async run({ flags }) {
    const { serve } = await import("./serve.ts");
    return await serve(flags);
  },
});

type LoadCommand = () => Promise<{ readonly command: Buildable }>;

/** The commands in groups, in the order in which a new user needs them. */
const GROUPS: Readonly<
  Record<string, Readonly<Record<string, readonly [brief: string, LoadCommand]>>>
> = {
  "SET UP": {
    init: [
      "Write the two configuration files from your MCP clients' configuration",
      () => import("./init.ts"),
    ],
    validate: ["Check the two configuration files", () => import("./validate.ts")],
    doctor: [
      "Start the servers, and report what is wrong and how to fix it",
      () => import("./doctor.ts"),
    ],
    trust: [
      "Trust the two configuration files of the working folder",
      () => import("./trust.ts"),
    ],
    savings: ["Count the tokens that the gateway saves", () => import("./savings.ts")],
  },
  "RULES": {
    explain: ["Say what the rules decide, and why", () => import("./explain.ts")],
    test: ["Check that the rules decide cases as expected", () => import("./test.ts")],
    replay: [
      "Show which operations of the audit log the rules would decide otherwise",
      () => import("./replay.ts"),
    ],
    suggest: [
      "Print the narrowest rules that allow what an agent has done",
      () => import("./suggest.ts"),
    ],
    tools: ["List servers and tools as an agent sees them", () => import("./tools.ts")],
    call: ["Call a tool as an agent does", () => import("./call.ts")],
    approvals: [
      "List the calls that wait for your approval, and allow or deny them",
      () => import("./approvals.ts"),
    ],
    pin: [
      "Pin the tools of servers, and show or accept what has changed since",
      () => import("./pin.ts"),
    ],
  },
  "SERVE": {
    serve: [
      "Serve the gateway (the default command)",
      // `serve.ts` is also loaded without the parser, for a fast start, so it must not import command.ts.
      () => Promise.resolve({ command: serveCommand }),
    ],
    refresh: [
      "Update what is remembered of the servers",
      () => import("./refresh.ts"),
    ],
    auth: ["Log in to remote servers", () => import("./auth.ts")],
    token: ["Make a bearer token for an agent", () => import("./token.ts")],
    permissions: [
      "Print the narrowest permissions for the present configuration",
      () => import("./permissions.ts"),
    ],
  },
  "RECORDS": { audit: ["Read the audit log", () => import("./audit.ts")] },
  "EDITORS AND SHELLS": {
    schema: [
      "Print the JSON Schema of a file, for editors",
      () => import("./schema.ts"),
    ],
    completions: [
      "Print the script that completes the command in a shell",
      () => import("./completions.ts"),
    ],
  },
};

const COMMANDS: readonly ListedCommand[] = Object.values(GROUPS).flatMap((group) =>
  Object.entries(group).map(([name, [brief, load]]) => ({ name, brief, load }))
);

/** The help of the whole program. The parser's own help would begin with the flags of all commands. */
function helpText(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const groups = Object.entries(GROUPS).map(([title, group]) => {
    const lines = Object.entries(group).map(([name, [brief]]) => {
      return `  ${name.padEnd(width)}  ${brief}\n`;
    });
    return `\n${title}\n${lines.join("")}`;
  });
  return `One MCP server in front of all of yours: agents load three small tools,
discover the rest on demand, and may call what your rules allow.

USAGE
  agent-mcp-gateway [COMMAND] [FLAGS]

  Without a command it serves an MCP client over standard input and output.
  agent-mcp-gateway COMMAND --help lists a command's flags, with an example.
${groups.join("")}
FLAGS
  -h --help     Print this
  -v --version  Print the version

EXAMPLE
  agent-mcp-gateway init
  agent-mcp-gateway --agent researcher
`;
}

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
  const commandLine = beginsWithHelp
    ? [...words, "--help"]
    : word === "version"
    ? ["--version", ...words]
    : args;
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
      if (isArgumentMissing) process.stderr.write(exampleOf(commandLine, routes));
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
  const builtCommands = COMMANDS.filter((listed) => [name, "serve"].includes(listed.name))
    .map(async ({ name, brief, load }) => [name, (await load()).command.build(brief)] as const);
  const routes = buildRouteMap<string, ParserContext>({
    routes: Object.fromEntries(await Promise.all(builtCommands)),
    defaultCommand: "serve",
    docs: { brief: "One MCP server in front of all of yours, with rules for each agent" },
  });
  const app = buildApplication(routes, {
    name: "agent-mcp-gateway",
    versionInfo: { currentVersion: VERSION },
    scanner: { caseStyle: "allow-kebab-for-camel" },
    localization: { text: parserMessages(name, onMissingArgument) },
    documentation: { caseStyle: "convert-camel-to-kebab", disableAnsiColor: true },
  });
  return { app, routes };
}

/** The flag that an unexpected argument was probably meant for, by command. */
const MEANT_FLAGS: Readonly<Record<string, string>> = { tools: "--server", explain: "--agent" };

/** Returns the example from the help of the command that a command line names. */
function exampleOf(
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
        // The reader, such as `head`, needs no more.
        isClosed = true;
      }
    },
  };
}

/** Breaks complete lines at words; a line that is written in parts stays as it is. */
function wrapMessage(text: string): string {
  // deno-lint-ignore no-control-regex -- a line that overwrites another one, or has colors
  if (!text.endsWith("\n") || /[\r\x1b]/.test(text)) return text;
  return wrapText(text, styleOf(Deno.stderr).columns);
}

function writeToStandardOutput(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}
