import type { ConfigProblem, Configuration } from "../config/mod.ts";
import { compilePolicy, type Policy } from "../policy/mod.ts";
import { findCause } from "./doctor_finding.ts";
import {
  type AgentRow,
  answerOf,
  decisionText,
  matrixText,
  type ServerRow,
  toolsText,
} from "./explain_text.ts";
import { foldProblems } from "./fold_problems.ts";
import { INTERRUPTED, withInterrupts } from "./interrupts.ts";
import { suggestName } from "./resolve_names.ts";
import {
  type FileFlags,
  openConfiguration,
  type OpenedConfiguration,
  UsageError,
  withErrorReport,
} from "./open_configuration.ts";
import { cleanText, type Outputs } from "./terminal.ts";
import { findToolShare } from "./tool_share.ts";
import { type Probe, withProbes } from "./probe.ts";
import { Progress } from "./progress.ts";
import { rulesWarnings, toolsOf, unmatchedTools } from "./unmatched_rules.ts";

/** The flags of `explain`. */
export interface ExplainFlags extends FileFlags {
  /** Whose decisions. */
  readonly agent?: string;
  /** About which server. */
  readonly server?: string;
  /** About which tool of it. */
  readonly tool?: string;
  /** Whether agents are shown against servers. */
  readonly all: boolean;
  /** Whether the answer is JSON. */
  readonly json: boolean;
}

/** Exit code of a denial. */
const DENIED = 3;

/**
 * Tells what the rules decide, and why.
 *
 * @param flags As typed.
 * @param outputs Where to print.
 * @returns The exit code: 0 for what is allowed or a table, 3 for what is denied.
 */
export async function explain(flags: ExplainFlags, outputs: Outputs): Promise<number> {
  const { agent, server, tool, all, json, ...files } = flags;
  return await withErrorReport(outputs, async () => {
    if (agent === undefined && !all) {
      throw new UsageError("Name an agent with --agent, or ask for all of them with --all");
    }
    if (tool !== undefined && server === undefined) {
      throw new UsageError("Name the server of the tool with --server");
    }
    if (tool !== undefined && all) {
      throw new UsageError("Leave out --tool or --all: that table is of agents and servers");
    }
    const opened = await openConfiguration(files);
    const { configuration } = opened;
    const policy = compilePolicy(configuration.rules);
    noteUnknown(flags, configuration, outputs);
    warn(rulesWarnings(configuration, agent), outputs);
    const print = (value: unknown, text: () => string): void => {
      outputs.stdout.write(json ? `${JSON.stringify(value)}\n` : text());
    };
    if (all || agent === undefined) {
      const rows = matrix(flags, configuration, policy);
      print({ agents: rows }, () => matrixText(rows));
      return 0;
    }
    if (server !== undefined || !policy.has(agent)) {
      // An agent that is not in the rules is denied everything, whatever the server.
      const explanation = policy.explain(agent, server ?? "", tool);
      const about = { agent, server, tool };
      const answer = answerOf(explanation);
      if (tool !== undefined || !explanation.allowed || server === undefined) {
        print({ ...about, ...answer }, () => decisionText(about, answer));
        return explanation.allowed ? 0 : DENIED;
      }
      const rows = await tools(opened, policy, { agent, servers: [server] }, outputs);
      if (rows === undefined) return INTERRUPTED;
      print(
        { ...about, ...answer, servers: rows },
        () => `${decisionText({ ...about, tools: rows[0]?.tools }, answer)}\n${toolsText(rows)}`,
      );
      return 0;
    }
    const servers = [...configuration.servers.keys()];
    const rows = await tools(opened, policy, { agent, servers }, outputs);
    if (rows === undefined) return INTERRUPTED;
    print({ agent, servers: rows }, () => toolsText(rows));
    return 0;
  });
}

/** Every server's tools with the decisions about them; `undefined` where a signal came first. */
async function tools(
  { settings, files, configuration, log }: OpenedConfiguration,
  policy: Policy,
  { agent, servers }: { readonly agent: string; readonly servers: readonly string[] },
  outputs: Outputs,
): Promise<ServerRow[] | undefined> {
  // What is denied as a whole needs no list of tools.
  const wanted = servers.filter((name) => {
    return configuration.servers.has(name) && policy.decideServer(agent, name).allowed;
  });
  let probes: Probe[] | undefined;
  await withInterrupts(async (interrupts) => {
    using progress = new Progress(wanted, outputs.stderr, interrupts.signal);
    probes = await withProbes(configuration, { settings, log, interrupts }, (started) => {
      return started.run(wanted, ({ config, error, tools }) => {
        progress.done(config.name, error === undefined ? `${tools?.length} tools` : "FAILED");
      });
    });
    return 0;
  });
  if (probes === undefined) return undefined;
  const known = toolsOf(probes, configuration.servers.keys());
  warn(unmatchedTools(configuration.rules, known, { file: files.rules.shown, agent }), outputs);
  const byName = new Map(probes.map((probe) => [probe.config.name, probe]));
  return servers.map((server) => {
    const { decision, rule } = answerOf(policy.explain(agent, server));
    const probe = byName.get(server);
    const row = { server, decision, rule };
    if (decision === "deny") return row;
    if (probe === undefined) return { ...row, error: "not configured" };
    if (probe.tools === undefined) {
      const { message } = findCause(probe, { warnings: configuration.warnings });
      return { ...row, error: message.replaceAll("\n", " ") };
    }
    const decided = probe.tools.map(({ name }) => {
      const { decision, rule } = answerOf(policy.explain(agent, server, name));
      return { tool: name, decision, rule };
    });
    return { ...row, tools: decided };
  });
}

function warn(problems: readonly ConfigProblem[], { stderr }: Outputs): void {
  for (const line of foldProblems(problems)) stderr.write(`${cleanText(`Warning: ${line}`)}\n`);
}

function matrix(
  { agent, server }: ExplainFlags,
  { rules, servers }: Configuration,
  policy: Policy,
): AgentRow[] {
  const agents = agent === undefined ? [...rules.agents.keys()] : [agent];
  const names = server === undefined ? [...servers.keys()] : [server];
  return agents.map((agent) => ({
    agent,
    servers: names.map((server) => {
      const { decision, rule } = answerOf(policy.explain(agent, server));
      const row = { server, decision, rule };
      if (decision === "deny") return row;
      return { ...row, tools: findToolShare(agent, server, { rules, policy }) };
    }),
  }));
}

/** A decision about a name that does not exist is one, but hardly the one that was meant. */
function noteUnknown(
  { agent, server }: ExplainFlags,
  { rules, servers }: Configuration,
  { stderr }: Outputs,
): void {
  const note = (what: string, name: string, known: Iterable<string>, where: string): void => {
    const hint = suggestName(name, known);
    stderr.write(`${cleanText(`The ${what} "${name}" is not ${where}${hint}`)}\n`);
  };
  if (agent !== undefined && !rules.agents.has(agent)) {
    note("agent", agent, rules.agents.keys(), "in the rules");
  }
  if (server !== undefined && !servers.has(server)) {
    note("server", server, servers.keys(), "configured");
  }
}
