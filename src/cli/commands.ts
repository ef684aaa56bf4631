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
import { didYouMean } from "../near_names.ts";
import {
  type Buildable,
  type Context,
  defineCommand,
  type Output,
  type ParserContext,
  settingFlags,
} from "./command.ts";
import { type CommandGroup, helpText } from "./help.ts";
import { styleOf } from "./terminal.ts";
import { VERSION } from "./version.ts";
import { wrapText } from "./wrap.ts";

/** A command in the help of the program. */
export interface ListedCommand {
  readonly name: string;
  readonly group: CommandGroup;
  /** One line. */
  readonly brief: string;
  /** Loads its file. */
  readonly load: () => Promise<{ readonly command: Buildable }>;
}

const serveCommand = defineCommand({
  about: "Serves an MCP client over standard input and output. Each flag has a twin " +
    "among the environment variables, named in parentheses; the flag wins.",
  example: "agent-mcp-gateway serve --mcp-config ./.mcp.json --agent researcher",
  flags: settingFlags(),
  async run({ flags }) {
    const { serve } = await import("./serve.ts");
    return await serve(flags);
  },
});

const COMMANDS: readonly ListedCommand[] = [
  {
    name: "serve",
    group: "SERVE",
    brief: "Serve the gateway; what happens when no command is given",
    // A start without the parser loads serve.ts, and so that file must not import the kit.
    load: () => Promise.resolve({ command: serveCommand }),
  },
  {
    name: "init",
    group: "SET UP",
    brief: "Write the two configuration files from your MCP clients' configuration",
    load: () => import("./init.ts"),
  },
  {
    name: "validate",
    group: "SET UP",
    brief: "Check the two configuration files",
    load: () => import("./validate.ts"),
  },
  {
    name: "doctor",
    group: "SET UP",
    brief: "Start the servers, and report what is wrong and how to fix it",
    load: () => import("./doctor.ts"),
  },
  {
    name: "explain",
    group: "RULES",
    brief: "Say what the rules decide, and why",
    load: () => import("./explain.ts"),
  },
  {
    name: "tools",
    group: "RULES",
    brief: "List servers and tools as an agent sees them",
    load: () => import("./tools.ts"),
  },
  {
    name: "call",
    group: "RULES",
    brief: "Call a tool as an agent does",
    load: () => import("./call.ts"),
  },
  {
    name: "savings",
    group: "SET UP",
    brief: "Count the tokens that the gateway saves",
    load: () => import("./savings.ts"),
  },
  {
    name: "audit",
    group: "RECORDS",
    brief: "Read the audit log",
    load: () => import("./audit.ts"),
  },
  {
    name: "auth",
    group: "SERVE",
    brief: "Log in to remote servers",
    load: () => import("./auth.ts"),
  },
  {
    name: "schema",
    group: "EDITORS AND SHELLS",
    brief: "Print the JSON Schema of a configuration file, for editors",
    load: () => import("./schema.ts"),
  },
  {
    name: "token",
    group: "SERVE",
    brief: "Make a bearer token for an agent",
    load: () => import("./token.ts"),
  },
  {
    name: "permissions",
    group: "SERVE",
    brief: "Print the narrowest permissions for the present configuration",
    load: () => import("./permissions.ts"),
  },
  {
    name: "completions",
    group: "EDITORS AND SHELLS",
    brief: "Print the script that completes the command in a shell",
    load: () => import("./completions.ts"),
  },
];

/** Exit code of a command line that makes no sense. */
const USAGE_ERROR = 2;

/** A word that asks for help. */
const HELP = /^(?:--help|-h)$/;

/**
 * Runs any command line.
 *
 * @param args The words after the program's name.
 * @returns The exit code: 2 if the command line makes no sense, otherwise that of the command.
 */
export async function runAnyCommand(args: readonly string[]): Promise<number> {
  const isHelp = args[0] === "help" || args.some((word) => HELP.test(word));
  const help = (text: string): string => wrapText(text, styleOf(Deno.stdout).columns, "");
  const process: Context & { exitCode?: number | string | null } = {
    stdout: output((text) => writeToStandardOutput(isHelp ? help(text) : text)),
    stderr: output((text) => writeToStandardError(wrapMessage(text))),
  };
  const context = { process, exitCode: 0 };
  const [word = "", ...words] = args;
  if (word === "__complete") {
    const { complete } = await import("./complete.ts");
    const loadApp = async (name: string) => (await load(name)).app;
    return await complete(words, { commands: COMMANDS, loadApp, context });
  }
  const asksHelp = word === "help" || HELP.test(word);
  if (asksHelp && words.length === 0) {
    process.stdout.write(helpText(COMMANDS));
    return 0;
  }
  const line = asksHelp
    ? [...words, "--help"]
    : word === "version"
    ? ["--version", ...words]
    : args;
  const [command = ""] = line;
  if (!command.startsWith("-") && command !== "" && !isListed(command)) {
    const meant = didYouMean(command, [...COMMANDS.map(({ name }) => name), "help", "version"]);
    process.stderr.write(
      `There is no command ${JSON.stringify(command)}${meant}${
        meant === "" ? "; agent-mcp-gateway --help lists them" : ""
      }\n`,
    );
    return USAGE_ERROR;
  }
  let hasTooFew = false;
  const onTooFew = (): void => {
    hasTooFew = true;
  };
  const { app, routes } = await load(command, onTooFew);
  await run(app, line, context);
  switch (process.exitCode) {
    case ExitCode.Success:
      return context.exitCode;
    case ExitCode.InvalidArgument:
      if (hasTooFew) process.stderr.write(exampleOf(line, routes));
      return USAGE_ERROR;
    case ExitCode.UnknownCommand:
      return USAGE_ERROR;
    default:
      return 1;
  }
}

function isListed(word: string): boolean {
  return COMMANDS.some(({ name }) => name === word);
}

interface Loaded {
  readonly app: Application<ParserContext>;
  readonly routes: RouteMap<ParserContext>;
}

/** Makes a parser for lines of one command, or of `serve` if the first word is not a command. */
async function load(word: string, onTooFew: () => void = () => {}): Promise<Loaded> {
  const name = isListed(word) ? word : "serve";
  const loaded = COMMANDS.filter((listed) => [name, "serve"].includes(listed.name))
    .map(async ({ name, brief, load }) => [name, (await load()).command.build(brief)] as const);
  const routes = buildRouteMap<string, ParserContext>({
    routes: Object.fromEntries(await Promise.all(loaded)),
    defaultCommand: "serve",
    docs: { brief: "One MCP server in front of all of yours, with rules for each agent" },
  });
  const app = buildApplication(routes, {
    name: "agent-mcp-gateway",
    versionInfo: { currentVersion: VERSION },
    scanner: { caseStyle: "allow-kebab-for-camel" },
    localization: { text: messages(name, onTooFew) },
    documentation: { caseStyle: "convert-camel-to-kebab", disableAnsiColor: true },
  });
  return { app, routes };
}

/** The flag that is meant when a command gets an argument instead of that flag. */
const MEANT_FLAGS: Readonly<Record<string, string>> = { tools: "--server", explain: "--agent" };

/** The example in the help of the command that a line is about. */
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

/** The parser's own messages, except the one for an argument too many. */
function messages(name: string, onTooFew: () => void): ApplicationText {
  return {
    ...text_en,
    exceptionWhileParsingArguments(error, ansiColor) {
      if (error instanceof UnsatisfiedPositionalError) onTooFew();
      if (error instanceof UnexpectedPositionalError && error.expectedCount === 0) {
        const flag = MEANT_FLAGS[name];
        const meant = flag === undefined ? "" : `; did you mean ${flag} ${error.input}?`;
        return `${name} takes no ${JSON.stringify(error.input)}${
          meant || `: agent-mcp-gateway ${name} --help`
        }`;
      }
      return text_en.exceptionWhileParsingArguments.call(this, error, ansiColor);
    },
  };
}

function output(write: (text: string) => void): Output {
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
        // The reader has seen enough.
        isClosed = true;
      }
    },
  };
}

/** Breaks a whole message for people at words; lines that are written bit by bit stay as they are. */
function wrapMessage(text: string): string {
  // deno-lint-ignore no-control-regex -- a line that is written over, or has colours
  if (!text.endsWith("\n") || /[\r\x1b]/.test(text)) return text;
  return wrapText(text, styleOf(Deno.stderr).columns);
}

function writeToStandardOutput(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}
