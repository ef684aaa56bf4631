import {
  type DaemonEntry,
  findPrivateFolders,
  greetDaemon,
  type GreetedDaemon,
  type Hello,
  listDaemonFiles,
  SharingError,
} from "../shared_socket/mod.ts";
import { ownUserId } from "../file_identity.ts";
import { DAEMON_COMMAND } from "../hidden_commands.ts";
import { argument, type Output } from "./command.ts";
import { UsageError } from "./error_report.ts";

/** The argument that names a daemon. */
export const DAEMON_ARGUMENT = argument("The id of a shared gateway, or its first characters", {
  placeholder: "id",
  proposeCompletions: (partial) => {
    const ids = listDaemons().daemons.filter(({ hasSocket }) => hasSocket).map(({ id }) => id);
    return Promise.resolve(ids.filter((id) => id.startsWith(partial)));
  },
});

/** Cuts an id for people. */
export function shortDaemonId(id: string): string {
  return id.slice(0, 8);
}

/** The daemons of this user. */
export interface DaemonList {
  /** All daemons that can be found, including those that have ended and left their log. */
  readonly daemons: readonly DaemonEntry[];
  /** The reasons why there may be further daemons. */
  readonly problems: readonly string[];
}

/** Lists the daemons of this user. */
export function listDaemons(): DaemonList {
  const { usable, faults } = findPrivateFolders(Deno.env);
  return {
    daemons: usable.flatMap(listDaemonFiles),
    problems: faults.map(({ message }) => message),
  };
}

/** Writes the reasons why there may be further daemons. */
export function writeProblems({ problems }: DaemonList, stderr: Output): void {
  for (const problem of problems) stderr.write(`Warning: ${problem}\n`);
}

/**
 * Finds the daemon whose id begins with what a person has typed.
 *
 * @throws {UsageError} If there is none, or several.
 */
export function findDaemon(typedId: string, daemons: readonly DaemonEntry[]): DaemonEntry {
  const matchingDaemons = daemons.filter(({ id }) => id.startsWith(typedId.toLowerCase()));
  const [daemon, ...others] = matchingDaemons;
  if (daemon === undefined) {
    throw new UsageError(
      `No shared gateway has the id ${JSON.stringify(typedId)}; agent-mcp-gateway ps lists them`,
    );
  }
  if (others.length > 0) {
    const ids = matchingDaemons.map(({ id }) => id).join(", ");
    throw new UsageError(`Several ids begin with ${JSON.stringify(typedId)}: ${ids}`);
  }
  return daemon;
}

/** The state of a daemon, as its socket shows it. */
export type DaemonState =
  /** The daemon has answered. */
  | { readonly state: "running"; readonly connection: GreetedDaemon }
  /** No process listens: the daemon was killed. */
  | { readonly state: "dead" }
  /** A process listens, but it does not answer, it refuses, or it is not a shared gateway. */
  | { readonly state: "silent"; readonly problem: string };

/** Sends a hello to a daemon. */
export async function askDaemon(
  { id, socket }: DaemonEntry,
  action: "status" | "end",
): Promise<DaemonState> {
  const hello: Hello = { hello: 1, action, pid: Deno.pid };
  try {
    const connection = await greetDaemon(socket, hello);
    return connection === undefined ? { state: "dead" } : { state: "running", connection };
  } catch (error) {
    if (!(error instanceof SharingError)) throw error;
    return { state: "silent", problem: await describeProblem(id, error) };
  }
}

/** Describes why a daemon cannot be used, and names its process, if it can be found. */
export async function describeProblem(id: string, { message }: SharingError): Promise<string> {
  const pid = await findDaemonProcess(id);
  return pid === undefined ? message : `${message}. Its process is ${pid}`;
}

/**
 * Finds the process of a daemon by its command line, among the processes of this user; returns `undefined` if there is
 * none, or no program `ps`.
 */
async function findDaemonProcess(id: string): Promise<number | undefined> {
  const user = ownUserId();
  if (user === undefined) return undefined;
  try {
    const { stdout } = await new Deno.Command("ps", {
      args: ["-A", "-ww", "-o", "uid=,pid=,args="],
      stdin: "null",
      stderr: "null",
    }).output();
    const lines = new TextDecoder().decode(stdout).split("\n");
    const pids = lines.filter((text) => text.includes(` ${DAEMON_COMMAND} ${id}`))
      .map((text) => text.trim().split(/\s+/, 2).map(Number))
      .flatMap(([uid, pid]) => uid === user && pid !== undefined ? [pid] : []);
    // A launcher, which comes before the process that it has started, has the same arguments.
    return pids.at(-1);
  } catch {
    return undefined;
  }
}
