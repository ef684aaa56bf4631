import { fieldsOf } from "../json.ts";
import { listDaemons, shortDaemonId } from "./daemons.ts";
import { type DaemonReport, reportDaemon } from "./report_daemon.ts";
import { pluralize } from "./terminal.ts";

interface FoundDaemon extends Pick<DaemonReport, "id" | "state" | "problem"> {
  readonly pid?: unknown;
  readonly clients?: number;
}

/** The shared gateways that `doctor` has found. */
export interface SharedFinding {
  /** The daemons that serve clients with the files that are checked, and those that do not answer. */
  readonly daemons: readonly FoundDaemon[];
  /** The reason why clients cannot share a gateway. */
  readonly problem?: string;
}

/**
 * Finds the daemons that serve clients with two configuration files. `doctor` itself starts the servers in its own
 * process.
 *
 * @param files Absolute paths of the two files.
 */
export async function findSharedGateways(
  files: { readonly mcpConfig: string; readonly rules: string },
): Promise<SharedFinding> {
  const { daemons: allDaemons, problems } = listDaemons();
  const reports = await Promise.all(
    allDaemons.filter(({ hasSocket }) => hasSocket).map(reportDaemon),
  );
  const daemons = reports.flatMap(
    ({ id, state, pid, clients, configuration, problem }): FoundDaemon[] => {
      if (problem !== undefined) return [{ id, state, problem }];
      const { mcpConfig, rules } = fieldsOf(configuration);
      if (mcpConfig !== files.mcpConfig || rules !== files.rules) return [];
      return [{ id, state, pid, clients: Array.isArray(clients) ? clients.length : 0 }];
    },
  );
  return { daemons, ...(problems.length === 0 ? {} : { problem: problems.join("; ") }) };
}

/** Describes the daemons and the problem, each in one line. */
export function describeShared({ daemons, problem }: SharedFinding): string[] {
  const lines = daemons.map((daemon) => {
    const { pid, clients = 0 } = daemon;
    const shortId = shortDaemonId(daemon.id);
    return daemon.problem === undefined
      ? `${shortId}, process ${pid}, serves ${pluralize(clients, "client")} with these files; ` +
        "agent-mcp-gateway ps shows more"
      : `Warning: ${shortId}: ${daemon.problem}`;
  });
  return problem === undefined ? lines : [...lines, `Warning: ${problem}`];
}
