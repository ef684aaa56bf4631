import { JsonText } from "../jsonrpc/mod.ts";
import { compileRules } from "../gateway/mod.ts";
import { similarNames } from "../similar_names.ts";
import { compilePattern } from "../policy/mod.ts";
import { type CallResult, readResult, refusalText, resultText } from "./call_result.ts";
import {
  agentFlag,
  argument,
  defineCommand,
  FILE_FLAGS,
  optional,
  parsedFlag,
  serverArgument,
  switchFlag,
  wholeNumber,
} from "./command.ts";
import { UsageError } from "./error_report.ts";
import { withGateway } from "./in_process.ts";
import { openConfiguration, type OpenedConfiguration } from "./open_configuration.ts";
import { chooseAgent, findServer } from "./resolve_names.ts";
import { listServerEntries, patternOf } from "./rule_entries.ts";
import { escapeLines } from "../text.ts";
import { jsonOutput, styleOf } from "./terminal.ts";
import { withOwnServer } from "./with_own_server.ts";

export const command = defineCommand({
  about: "Calls a server's tool through the same steps as any other call: identity, rules, " +
    "audit. Prints the texts of the result, at a terminal with control characters escaped; progress and " +
    "log messages go to stderr. Exit code: 1 if the call is refused or fails.",
  example: `agent-mcp-gateway call files read_text_file '{"path": "notes.txt"}' --agent writer`,
  flags: {
    agent: agentFlag("The agent that calls (GATEWAY_AGENT)"),
    timeout: parsedFlag("Milliseconds that the call may take", {
      parse: wholeNumber("a whole number of milliseconds from 1 to 2147483647", 2 ** 31 - 1),
      placeholder: "ms",
    }),
    json: switchFlag("Print the whole result as JSON"),
    ...FILE_FLAGS,
  },
  args: [
    serverArgument("The server"),
    argument("The tool of the server", { placeholder: "tool" }),
    optional(
      argument("The arguments: a JSON object, or - for standard input; by default {}", {
        placeholder: "json",
      }),
    ),
  ],
  async run({ flags, args: [server, tool, argumentsOrDash = "{}"], stdout, stderr }) {
    const { json, timeout, ...settingFlags } = flags;
    const text = checkArguments(
      argumentsOrDash === "-" ? await readStandardInput() : argumentsOrDash,
    );
    const opened = withOwnServer(await openConfiguration(settingFlags));
    findServer(server, opened.configuration);
    const openedForAgent = chooseAgent(opened, { stderr });
    return await withGateway({ opened: openedForAgent, stderr }, async (callGateway) => {
      const fields = [
        `"server":${JSON.stringify(server)}`,
        `"tool":${JSON.stringify(tool)}`,
        // The text as it was typed, because parsing it would round large numbers.
        `"args":${text}`,
        ...(timeout === undefined ? [] : [`"timeout_ms":${timeout}`]),
      ];
      const reply = await callGateway("execute_tool", new JsonText(`{${fields.join(",")}}`));
      const result = readResult(reply);
      if (json) stdout.write(jsonOutput(result.json));
      else if (result.refusal !== undefined) {
        stderr.write(`${refusalText(result)}\n`);
        stderr.write(escapeLines(suggestTool(result, { server, tool }, openedForAgent)));
      } else stdout.write(resultText(result.fields, styleOf(Deno.stdout)));
      return result.isError ? 1 : 0;
    });
  },
});

/**
 * Suggests a name for a mistyped tool. The names come from the rules: a tool that does not exist is
 * denied like any other that is not allowed, and no server is started for a denied call.
 */
function suggestTool(
  { refusal }: CallResult,
  { server, tool }: { server: string; tool: string },
  { settings, configuration }: OpenedConfiguration,
): string {
  const { agent } = settings;
  if (agent === undefined || !refusal?.startsWith("DENIED_BY_POLICY:")) return "";
  const policy = compileRules(configuration);
  if (!policy.allows(agent, { kind: "server", server })) return "";
  const patterns = listServerEntries(configuration.rules, { agent, server, key: "tools" })
    .map(({ entry }) => patternOf(entry));
  const callableNames = new Set(patterns.filter((name) => {
    return compilePattern(name).isExplicit &&
      policy.allows(agent, { kind: "tool", server, tool: name });
  }));
  // The agent may call this tool, so the denied call is one that the tool's code made.
  if (callableNames.has(tool)) return "";
  const [closest] = similarNames(tool, callableNames, { max: 1 });
  return closest === undefined ? "" : `Did you mean "${closest}"?\n`;
}

function checkArguments(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      `The arguments are not JSON (${reason}): give an object in quotes for your shell, such as ` +
        `'{"path": "notes.txt"}', or - to read it from standard input`,
    );
  }
}

async function readStandardInput(): Promise<string> {
  return await new Response(Deno.stdin.readable).text();
}
