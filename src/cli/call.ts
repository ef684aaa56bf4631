import { JsonText } from "../jsonrpc/mod.ts";
import { nearNames } from "../near_names.ts";
import { type CallResult, readResult, refusalText, resultText } from "./call_result.ts";
import { withGateway } from "./in_process.ts";
import { withInterrupts } from "./interrupts.ts";
import { checkServer, chooseAgent } from "./resolve_names.ts";
import { compilePattern, compilePolicy } from "../policy/mod.ts";
import {
  type FileFlags,
  openConfiguration,
  type OpenedConfiguration,
  UsageError,
  withErrorReport,
} from "./open_configuration.ts";
import { cleanText, type Outputs, styleOf } from "./terminal.ts";

/** The flags of `call`. */
export interface CallFlags extends FileFlags {
  /** Who calls. */
  readonly agent?: string;
  /** Milliseconds after which the call ends. */
  readonly timeout?: number;
  /** Whether the whole result is printed, as JSON. */
  readonly json: boolean;
}

/** What is called. */
export interface Called {
  readonly server: string;
  readonly tool: string;
  /** Its arguments as JSON; `-` for what standard input holds. */
  readonly args?: string | undefined;
}

/**
 * Calls a tool through the gateway's pipeline, and prints its result.
 *
 * @param flags As typed.
 * @param called What is called.
 * @param outputs Where to print.
 * @returns The exit code: 1 where the call is refused or fails.
 */
export async function call(
  flags: CallFlags,
  { server, tool, args = "{}" }: Called,
  outputs: Outputs,
): Promise<number> {
  const { json, timeout, ...settings } = flags;
  return await withErrorReport(outputs, async () => {
    const text = readArguments(args === "-" ? await readInput() : args);
    const read = await openConfiguration(settings);
    checkServer(server, read.configuration);
    const opened = chooseAgent(read, outputs);
    return await withInterrupts(async (interrupts) => {
      return await withGateway(opened, { outputs, interrupts }, async (callGateway) => {
        const fields = [
          `"server":${JSON.stringify(server)}`,
          `"tool":${JSON.stringify(tool)}`,
          // As it was written: a parser of ours would round its numbers.
          `"args":${text}`,
          ...(timeout === undefined ? [] : [`"timeout_ms":${timeout}`]),
        ];
        const reply = await callGateway("execute_tool", new JsonText(`{${fields.join(",")}}`));
        const result = readResult(reply);
        if (json) outputs.stdout.write(`${result.json}\n`);
        else if (result.refusal !== undefined) {
          outputs.stderr.write(`${refusalText(result)}\n`);
          outputs.stderr.write(cleanText(hintOnTool(result, { server, tool }, opened)));
        } else outputs.stdout.write(resultText(result.fields, styleOf(Deno.stdout)));
        return result.isError ? 1 : 0;
      });
    });
  });
}

/**
 * What a mistyped tool may have meant. A tool that does not exist is denied like any other that is
 * not allowed, so the names come from the rules: no server is started for a denied call.
 */
function hintOnTool(
  { refusal }: CallResult,
  { server, tool }: { server: string; tool: string },
  { settings, configuration: { rules } }: OpenedConfiguration,
): string {
  const { agent } = settings;
  if (agent === undefined || !refusal?.startsWith("DENIED_BY_POLICY:")) return "";
  const policy = compilePolicy(rules);
  if (!policy.decideServer(agent, server).allowed) return "";
  const named = [...rules.agents.get(agent)?.allow?.tools ?? []]
    .filter(([key]) => compilePattern(key).matches(server)).flatMap(([, names]) => names);
  const callable = new Set(named.filter((name) => {
    return compilePattern(name).explicit && policy.decideTool(agent, server, name).allowed;
  }));
  const [near] = nearNames(tool, callable, { most: 1 });
  return near === undefined ? "" : `Did you mean "${near}"?\n`;
}

function readArguments(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      `The arguments are no JSON (${reason}): give an object in quotes of your shell, such as ` +
        `'{"path": "notes.txt"}', or - to read it from standard input`,
    );
  }
}

async function readInput(): Promise<string> {
  return await new Response(Deno.stdin.readable).text();
}
