import type { Configuration } from "../config/mod.ts";
import {
  type Arguments,
  type GatewayTool,
  gatewayTools,
  type ToolContext,
} from "../gateway/mod.ts";
import { compilePolicy } from "../policy/mod.ts";
import { NO_SPAN } from "../trace.ts";
import { loadTokenCounter, type TokenCounter } from "./count_tokens.ts";
import { findCause } from "./doctor_finding.ts";
import { withInterrupts } from "./interrupts.ts";
import { type FileFlags, openConfiguration, withErrorReport } from "./open_configuration.ts";
import { cleanText, type Outputs } from "./terminal.ts";
import { NOBODY, type Probe, type Probes, withProbes } from "./probe.ts";
import { Progress } from "./progress.ts";
import { type Savings, savingsText, type ServerSavings, sumUp } from "./savings_text.ts";

/** Flags of `savings`. */
export interface SavingsFlags extends FileFlags {
  /** Whether to print JSON. */
  readonly json: boolean;
}

/**
 * Counts the tokens of the servers' tools for an agent that loads them all, and of a task through
 * the gateway: real answers of real servers, counted with a real tokenizer.
 *
 * @returns The exit code: 1 if nothing could be counted.
 */
export async function savings(flags: SavingsFlags, outputs: Outputs): Promise<number> {
  const { json, ...files } = flags;
  return await withErrorReport(outputs, async () => {
    const { settings, configuration, log } = await openConfiguration(files);
    const counter = await loadTokenCounter();
    return await withInterrupts(async (interrupts) => {
      const names = [...configuration.servers.keys()];
      using progress = new Progress(names, outputs.stderr, interrupts.signal);
      const found = await withProbes(
        configuration,
        { settings, log, interrupts },
        async (probes) => {
          const started = await probes.run(names, ({ config, tools }) => {
            progress.done(config.name, tools === undefined ? "FAILED" : `${tools.length} tools`);
          });
          return await countAll(started, {
            probes,
            configuration,
            counter,
            signal: interrupts.signal,
          });
        },
      );
      progress[Symbol.dispose]();
      outputs.stdout.write(json ? `${JSON.stringify(found)}\n` : savingsText(found));
      for (const { server, error } of found.failed) {
        outputs.stderr.write(`${cleanText(`Not counted: ${server}: ${error}`)}\n`);
      }
      return found.servers.length > 0 ? 0 : 1;
    });
  });
}

interface Counting {
  readonly probes: Probes;
  readonly configuration: Configuration;
  readonly counter: TokenCounter;
  readonly signal: AbortSignal;
}

async function countAll(started: readonly Probe[], counting: Counting): Promise<Savings> {
  const { configuration, counter: { tokenizer, count } } = counting;
  const tools = gatewayTools({ debug: false });
  const definitions = [...tools.values()].map(({ definition }) => definition);
  const ask = asker(tools, counting);
  const fixed = {
    definitions: count(JSON.stringify(definitions)),
    list_servers: await ask("list_servers", {}),
  };
  const servers: ServerSavings[] = [];
  for (const { config, tools: listed } of started) {
    if (listed === undefined) continue;
    const { name } = config;
    const bySize = listed.toSorted((one, two) => one.text.text.length - two.text.text.length);
    // The schema of median size.
    const example = bySize[Math.floor(bySize.length / 2)]?.name ?? "";
    const called = { server: name, tool: example, args: {} };
    const signatures = await ask("get_server_tools", { server: name, detail: "signatures" });
    const schema = listed.length === 0
      ? 0
      : await ask("get_server_tools", { server: name, names: example });
    const call = listed.length === 0 ? 0 : count(JSON.stringify(called));
    servers.push({
      server: name,
      tools: listed.length,
      direct: count(`[${listed.map(({ text }) => text.text).join(",")}]`),
      gateway: signatures + schema + call,
      signatures,
      schema,
      call,
      example,
    });
  }
  const failed = started.filter(({ tools }) => tools === undefined).map((probe) => {
    const { message } = findCause(probe, { warnings: configuration.warnings });
    return { server: probe.config.name, error: message.replaceAll("\n", " ") };
  });
  return { tokenizer, servers, fixed, total: sumUp(servers, fixed), failed };
}

/** Returns a function that calls the gateway's own tools with full access, and counts tokens. */
function asker(
  tools: ReadonlyMap<string, GatewayTool>,
  { probes, configuration, counter: { count }, signal }: Counting,
): (name: string, args: Arguments) => Promise<number> {
  const all = { allow: { servers: ["*"] } };
  const agents = new Map([[NOBODY.agent, all]]);
  const context: ToolContext = {
    caller: NOBODY,
    policy: compilePolicy({ agents, denyOverrides: false }),
    entries: configuration.servers,
    unused: configuration.unused,
    servers: probes.servers,
    signal,
    meta: {},
    gateway: { status: () => ({}) },
    span: NO_SPAN,
  };
  return async (name, args) => {
    const answer = await tools.get(name)?.run(args, context);
    if (answer?.kind !== "own") throw new Error(`${name} returned no answer of the gateway`);
    return count(JSON.stringify(args)) + count(answer.json);
  };
}
