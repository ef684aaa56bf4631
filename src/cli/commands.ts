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
  type Context,
  defineCommand,
  type Output,
  type ParserContext,
  settingFlags,
} from "./command.ts";
import { styleOf } from "./terminal.ts";
import { VERSION } from "./version.ts";
import { wrapText } from "./wrap.ts";

/** A command in the help of the program, with one line about it. */
export interface ListedCommand {
  readonly name: string;
  readonly brief: string;
  readonly load: Load;
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

type Load = () => Promise<{ readonly command: Buildable }>;

/** The commands in groups, in the order in which a newcomer needs them. */
const GROUPS: Readonly<Record<string, Readonly<Record<string, readonly [brief: string, Load]>>>> = {
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
    savings: ["Count the tokens that the gateway saves", () => import("./savings.ts")],
  },
  "RULES": {
    explain: ["Say what the rules decide, and why", () => import("./explain.ts")],
    tools: ["List servers and tools as an agent sees them", () => import("./tools.ts")],
    call: ["Call a tool as an agent does", () => import("./call.ts")],
  },
  "SERVE": {
    serve: [
      "Serve the gateway; what happens when no command is given",
      // A start without the parser loads serve.ts, and so that file must not import the kit.
      () => Promise.resolve({ command: serveCommand }),
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
      "Print the JSON Schema of a configuration file, for editors",
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

/** The help of the whole program. The parser's own would begin with every flag of every command. */
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
    process.stdout.write(helpText());
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
  // deno-lint-ignore no-control-regex -- a line that is written over, or has colors
  if (!text.endsWith("\n") || /[\r\x1b]/.test(text)) return text;
  return wrapText(text, styleOf(Deno.stderr).columns);
}

function writeToStandardOutput(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}
