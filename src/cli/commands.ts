import {
  type ApplicationText,
  buildApplication,
  buildCommand,
  buildRouteMap,
  ExitCode,
  type FlagParametersForType,
  run,
  text_en,
  UnexpectedPositionalError,
  UnsatisfiedPositionalError,
} from "@stricli/core";
import { listSettings } from "../config/mod.ts";
import { writeToStandardError } from "../line_queue.ts";
import type { Outputs } from "./audit.ts";
import { audit } from "./audit_routes.ts";
import { init } from "./init_route.ts";
import { doctor, explain, savings, validate } from "./check_routes.ts";
import type { Context } from "./context.ts";
import { helpText, type ListedCommand } from "./help.ts";
import { styleOf } from "./terminal.ts";
import { didYouMean } from "./resolve_names.ts";
import type { PermissionsFlags } from "./permissions.ts";
import { auth } from "./auth_routes.ts";
import type { ServeFlags } from "./serve.ts";
import { call, completions, schema, tools } from "./shell_routes.ts";
import { token } from "./token_route.ts";
import { VERSION } from "./version.ts";
import { wrapText } from "./wrap.ts";

/** Exit code of a command line that makes no sense. */
const USAGE_ERROR = 2;

const serve = buildCommand<ServeFlags, [], Context>({
  loader: async () => {
    const { serve } = await import("./serve.ts");
    return async function (this: Context, flags: ServeFlags) {
      this.exitCode = await serve(flags);
    };
  },
  parameters: { flags: settingFlags() },
  docs: {
    brief: "Serve the gateway; what happens when no command is given",
    fullDescription: "Serves an MCP client over standard input and output. Each flag has a twin " +
      "among the environment variables, named in parentheses; the flag wins.\n\n" +
      "Example: agent-mcp-gateway serve --mcp-config ./.mcp.json --agent researcher",
  },
});

const permissions = buildCommand<PermissionsFlags, [], Context>({
  loader: async () => {
    const { permissions } = await import("./permissions.ts");
    return async function (this: Context, flags: PermissionsFlags) {
      this.exitCode = await permissions(flags, this.process as Outputs);
    };
  },
  parameters: {
    flags: {
      ...settingFlags(),
      json: { kind: "boolean", withNegated: false, default: false, brief: "Print JSON" },
    },
  },
  docs: {
    brief: "Print the narrowest permissions that serve the present configuration",
    fullDescription: "Prints Deno's permission flags for the present configuration, one a line: " +
      "its programs, hosts, variables and places, and nothing else. Start the gateway with them, " +
      "or build an executable that has them: deno task compile --locked. Give it the flags that " +
      "you start the gateway with.\n\n" +
      "Example: deno run $(agent-mcp-gateway permissions) dist/agent-mcp-gateway.js",
  },
});

const commands = {
  serve,
  init,
  validate,
  doctor,
  explain,
  tools,
  call,
  savings,
  audit,
  auth,
  schema,
  token,
  permissions,
  completions,
};

const routes = buildRouteMap<keyof typeof commands, Context>({
  routes: commands,
  defaultCommand: "serve",
  docs: {
    brief: "One MCP server in front of all of yours, with rules for each agent",
    fullDescription: "One MCP server in front of all of yours: agents load three small tools, " +
      "discover the rest on demand, and may call what your rules allow.\n\n" +
      "Example: agent-mcp-gateway --agent researcher",
  },
});

/**
 * Runs a command line, whatever stands in it.
 *
 * @param args The words after the program's name.
 * @returns The exit code: 2 where the command line makes no sense, otherwise the command's own.
 */
export async function runAnyCommand(args: readonly string[]): Promise<number> {
  let hasTooFew = false;
  const onTooFew = (): void => {
    hasTooFew = true;
  };
  const app = buildApplication(routes, {
    name: "agent-mcp-gateway",
    versionInfo: { currentVersion: VERSION },
    scanner: { caseStyle: "allow-kebab-for-camel" },
    localization: { text: messages(args, onTooFew) },
    documentation: { caseStyle: "convert-camel-to-kebab", disableAnsiColor: true },
  });
  const isHelp = args[0] === "help" || args.some((word) => /^(?:--help|-h)$/.test(word));
  const help = (text: string): string => wrapText(text, styleOf(Deno.stdout).columns, "");
  const process: { stdout: Output; stderr: Output; exitCode?: number | string | null } = {
    stdout: output((text) => writeToStandardOutput(isHelp ? help(text) : text)),
    stderr: output((text) => writeToStandardError(wrapMessage(text))),
  };
  const context = { process, exitCode: 0 };
  const [word = "", ...words] = args;
  if (word === "__complete") {
    const { complete } = await import("./complete.ts");
    return await complete(words, { app, routes, context }, process);
  }
  if (/^(help|--help|-h)$/.test(word) && words.length === 0) {
    process.stdout.write(helpText(listCommands()));
    return 0;
  }
  const line = word === "help"
    ? [...words, "--help"]
    : word === "version"
    ? ["--version", ...words]
    : args;
  const [command = ""] = line;
  if (!command.startsWith("-") && command !== "" && !Object.hasOwn(commands, command)) {
    const meant = didYouMean(command, [...Object.keys(commands), "help", "version"]);
    process.stderr.write(
      `There is no command ${JSON.stringify(command)}${meant}${
        meant === "" ? "; agent-mcp-gateway --help lists them" : ""
      }\n`,
    );
    return USAGE_ERROR;
  }
  await run(app, line, context);
  switch (process.exitCode) {
    case ExitCode.Success:
      return context.exitCode;
    case ExitCode.InvalidArgument:
      if (hasTooFew) process.stderr.write(exampleOf(line));
      return USAGE_ERROR;
    case ExitCode.UnknownCommand:
      return USAGE_ERROR;
    default:
      return 1;
  }
}

function listCommands(): ListedCommand[] {
  return routes.getAllEntries().map(({ name, target }) => {
    return { name: name["convert-camel-to-kebab"], brief: target.brief };
  });
}

/** The flag that is meant when a command gets an argument instead of that flag. */
const MEANT_FLAGS: Readonly<Record<string, string>> = { tools: "--server", explain: "--agent" };

/** The example in the help of the command that a line is about; empty where it has none. */
function exampleOf([name = "", word = ""]: readonly string[]): string {
  const command = routes.getRoutingTargetForInput(name);
  const target = command !== undefined && "getRoutingTargetForInput" in command
    ? command.getRoutingTargetForInput(word) ?? command
    : command;
  const example = /^Example: .*$/m.exec(target?.fullDescription ?? "")?.[0];
  return example === undefined ? "" : `${example}\n`;
}

/** The parser's own messages, except the one for an argument too many. */
function messages([command = ""]: readonly string[], onTooFew: () => void): ApplicationText {
  return {
    ...text_en,
    exceptionWhileParsingArguments(error, ansiColor) {
      if (error instanceof UnsatisfiedPositionalError) onTooFew();
      if (error instanceof UnexpectedPositionalError && error.expectedCount === 0) {
        const name = Object.hasOwn(commands, command) ? command : "serve";
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

/** One optional flag for each setting that has one; the values are checked with the variables. */
function settingFlags(): FlagParametersForType<ServeFlags, Context> {
  const flags = listSettings().filter(({ flag }) => flag !== undefined).map((setting) => {
    const brief = `${setting.brief} (${setting.variable})`;
    const kind = setting.boolean
      ? { kind: "boolean" as const, withNegated: false }
      : { kind: "parsed" as const, parse: String };
    return [setting.key, { brief, optional: true as const, ...kind }];
  });
  return Object.fromEntries(flags);
}

interface Output {
  /** Whether the reader has closed it. */
  readonly isClosed: boolean;
  write(text: string): void;
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
        // Whoever read has seen enough.
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
