import type { Log } from "../../log.ts";
import { longWork } from "../../long_work.ts";
import { getHomeFolder, readText, relativeTextsOf, variablesOf } from "../../config/startup/mod.ts";
import { listenOnSocket } from "../../shared_socket/mod.ts";
import type { Gateway } from "../gateway.ts";
import { listenForSignals } from "../../signals.ts";
import { SIGNAL_TIME_LIMITS } from "../gateway_options.ts";
import { describeUnknownAgent } from "../unknown_agent.ts";
import { DaemonService } from "./daemon_service.ts";
import { digestVariables } from "./digest_variables.ts";
import { type ProcessUse, readProcessUse } from "./process_use.ts";

/** The first id of the requests to a client is random, up to this number, so that daemons do not repeat ids. */
const MAX_FIRST_REQUEST_ID = 2 ** 40;

/** Options of a daemon. */
export interface DaemonOptions {
  /** The daemon key, which says who may share it. */
  readonly key: string;
  /** Path of the socket. */
  readonly socket: string;
  /** Path of its log. */
  readonly logPath: string;
  /** Time for which the daemon lives without a client, in milliseconds. */
  readonly lingerMs: number;
  /** The gateway's version. */
  readonly version: string;
  /** Called when clients can connect. */
  readonly onListening: () => void;
  /** Log for the operator. */
  readonly log: Log;
}

/**
 * Serves the clients that connect to a socket, until there has been none for a while, or a signal or a command asks
 * the process to end.
 */
export async function serveDaemon(gateway: Gateway, options: DaemonOptions): Promise<void> {
  longWork.servesSeveralClients = true;
  const { key, lingerMs, version, onListening, log } = options;
  const started = new Date().toISOString();
  const signals = listenForSignals(() => void gateway.reload());
  const listener = await listenOnSocket(options.socket);
  const service = new DaemonService({
    listener,
    key,
    lingerMs,
    accept: (channel, client) => {
      const firstRequestId = 1 + Math.floor(Math.random() * MAX_FIRST_REQUEST_ID);
      return gateway.connect(channel, { ...client, firstRequestId });
    },
    warningOf: (agent) => {
      const { agents } = gateway.configuration.rules;
      return describeUnknownAgent(agent, { agents, role: "that a client is bound to" });
    },
    memoryOf: (agent) => gateway.memory.share(`agent ${agent ?? ""}`),
    status: async () => ({
      pid: Deno.pid,
      version,
      started,
      rss: Deno.memoryUsage().rss,
      socket: options.socket,
      log: options.logPath,
      audit_log: gateway.auditPath ?? null,
      configuration: gateway.configuration.files,
      folder: Deno.cwd(),
      variables: await digestVariables(Deno.env.toObject()),
      servers: describeServers(gateway, await readProcessUse()),
    }),
    log,
  });
  gateway.describeDaemon = () => ({
    pid: Deno.pid,
    started,
    clients: service.clientCount,
    socket: options.socket,
    log: options.logPath,
  });
  const otherDaemonsNeeded = watchServersFile(gateway);
  log.info(`Listening on ${options.socket}`);
  onListening();
  const reason = await Promise.race([signals.first, service.ended, otherDaemonsNeeded]);
  log.info(`Ending: ${reason}`);
  await service.refuseNewClients();
  // A second signal means that the user does not want to wait.
  const killed = signals.second.then(() => gateway.kill());
  await Promise.race([service.drain(SIGNAL_TIME_LIMITS.callsMs), killed]);
  await Promise.race([gateway.end(SIGNAL_TIME_LIMITS), killed]);
  service.close();
  signals.stop();
}

/**
 * Resolves to a reason to end when the servers file names a variable or a relative path that it did not name at the start:
 * the daemon does not have the variable's value, nor a window's working folder. Each relay then connects to a daemon with
 * its own value and folder.
 */
function watchServersFile(gateway: Gateway): Promise<string> {
  const readServersFile = (): string => {
    const file = readText(gateway.configuration.files.mcpConfig);
    return "text" in file ? file.text : "";
  };
  // In any other folder than the home folder, all clients have the daemon's working folder.
  const servesAllFolders = Deno.cwd() === getHomeFolder(Deno.env);
  const findRelativeTexts = (text: string): ReadonlySet<string> => {
    return servesAllFolders ? relativeTextsOf(text) : new Set();
  };
  const firstText = readServersFile();
  const [knownVariables, knownTexts] = [variablesOf(firstText), findRelativeTexts(firstText)];
  return new Promise((resolve) => {
    gateway.onConfigurationChange(() => {
      const text = readServersFile();
      const newVariable = variablesOf(text).difference(knownVariables).values().next().value;
      const newText = findRelativeTexts(text).difference(knownTexts).values().next().value;
      if (newVariable !== undefined) {
        resolve(`the servers file now refers to the variable ${newVariable}`);
      } else if (newText !== undefined) {
        resolve(`the servers file now has ${newText}, which may depend on the working folder`);
      }
    });
  });
}

/** Describes the servers, with the processes that each has. */
function describeServers(
  gateway: Gateway,
  usesByGroup: ReadonlyMap<number, ProcessUse> | undefined,
): Readonly<Record<string, unknown>>[] {
  return [...gateway.serverStatuses()].map(([name, status]) => {
    const { state, sessions, calls_in_flight, pids, last_error } = status;
    // Each session's process leads its own group.
    const groups = pids.flatMap((pid) => usesByGroup?.get(pid) ?? []);
    return {
      name,
      state,
      sessions,
      calls_in_flight,
      pids,
      processes: usesByGroup === undefined
        ? pids.length
        : groups.reduce((sum, { processes }) => sum + processes, 0),
      rss: usesByGroup === undefined ? null : groups.reduce((sum, { rss }) => sum + rss, 0),
      last_error,
    };
  });
}
