import { type DaemonEntry, readStatus, SharingError } from "../shared_socket/mod.ts";
import { askDaemon, describeProblem, shortDaemonId } from "./daemons.ts";

/** A daemon in the report, with the members of its status if it runs. */
export interface DaemonReport {
  readonly id: string;
  readonly state: "running" | "dead" | "silent";
  readonly problem?: string;
  readonly [member: string]: unknown;
}

/** Describes a daemon. */
export async function reportDaemon(files: DaemonEntry): Promise<DaemonReport> {
  const { id, socket, log } = files;
  const reply = await askDaemon(files, "status");
  switch (reply.state) {
    case "running":
      try {
        const status = await readStatus(reply.connection);
        // A daemon of another version may have members with these names.
        return { ...status, id, state: "running", socket, log };
      } catch (error) {
        if (!(error instanceof SharingError)) throw error;
        const problem = await describeProblem(id, error);
        return { id, state: "silent", problem, socket, log };
      }
    case "dead":
      return {
        id,
        state: "dead",
        problem: `its process was killed. The next client that needs it replaces ${socket}, ` +
          `or: agent-mcp-gateway down ${shortDaemonId(id)} removes it`,
        socket,
        log,
      };
    case "silent":
      return { id, state: "silent", problem: reply.problem, socket, log };
  }
}
