import type { Settings } from "../config/mod.ts";
import { ConfigError, problemWithoutPosition } from "../errors.ts";
import type { Log } from "../log.ts";
import { longWork } from "../long_work.ts";
import type { Gateway } from "./gateway.ts";
import type { HttpService } from "./http/mod.ts";
import { REVISIONS } from "../revisions.ts";
import { watchLauncher } from "./launcher.ts";
import { SIGNAL_TIME_LIMITS } from "./gateway_options.ts";
import { listenForSignals } from "../signals.ts";

/** Options of serving over HTTP. */
export interface ServeHttpOptions {
  /** Settings from flags and environment variables. */
  readonly settings: Settings;
  /** Called when clients can connect. */
  readonly onListening: () => void;
  /** Log for the operator. */
  readonly log: Log;
}

/**
 * Serves clients over HTTP until a signal asks the process to end, or its launcher is gone. Standard input is ignored,
 * because it may be `/dev/null`.
 *
 * @throws {ConfigError} If the address is not available, or the certificate cannot be used.
 */
export async function serveHttp(gateway: Gateway, options: ServeHttpOptions): Promise<void> {
  longWork.servesSeveralClients = true;
  const { settings, onListening, log } = options;
  // Loaded only here, because serving over stdio does not need it.
  const { HttpService: Service, HttpRefusals, RulesAuthenticator } = await import("./http/mod.ts");
  let isReady = false;
  const signals = listenForSignals(() => void gateway.reload());
  const authenticator = new RulesAuthenticator({ rules: () => gateway.configuration.rules, log });
  const refusals = new HttpRefusals({
    record: (refusal) => gateway.recordRefusal(refusal),
    log,
  });
  const service: HttpService = await Service.open({
    settings,
    revisions: REVISIONS,
    authenticator,
    accept: (channel, agent) => gateway.connect(channel, { agent, onClosed: () => {} }),
    acceptStateless: (credential) => gateway.connectStateless(credential),
    isReady: () => isReady,
    memory: gateway.memory,
    metrics: () => gateway.writeMetrics() + writeGauges(service) + refusals.write(),
    onRefused: (request) => refusals.add(request),
    log,
  }).catch((error) => {
    signals.stop();
    const message = explainListenError(error, settings);
    const path = `${settings.host}:${settings.port}`;
    throw new ConfigError([problemWithoutPosition(message, { path })], { cause: error });
  });
  gateway.onConfigurationChange(() => {
    authenticator.onRulesChanged();
    service.endInvalidClients();
  });
  void gateway.open().then(() => isReady = true);
  log.info(`Listening on ${service.url}`);
  onListening();
  const launcher = watchLauncher();
  const reason = await Promise.race([signals.first, launcher.gone]);
  launcher.stop();
  log.debug(`Ending: ${reason}`);
  service.refuseNewWork();
  // A second signal means that the user does not want to wait.
  const killed = signals.second.then(() => gateway.kill());
  await Promise.race([gateway.end(SIGNAL_TIME_LIMITS), killed]);
  await Promise.race([service.close(), killed]);
  signals.stop();
}

/** Returns why listening failed and what to do, for the operator. */
function explainListenError(error: unknown, { host }: Settings): string {
  const message = error instanceof Error ? error.message : String(error);
  switch (error instanceof Error && "code" in error ? error.code : undefined) {
    case "EADDRINUSE":
      return "the port is in use by another program. Fix: choose another port with --port (0 picks a " +
        "free one), or end that program";
    case "EACCES":
      return "this user may not listen on the port. Fix: choose one above 1023 with --port";
    case "EADDRNOTAVAIL":
    case "EINVAL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `this machine has no address ${host} (${message}). Fix: leave --host out to listen on ` +
        "127.0.0.1, or give one of this machine's addresses";
    default:
      return message;
  }
}

/** Returns the numbers of sessions, connections and clients in the text format of Prometheus. */
function writeGauges(
  { sessionCount, connectionCount, statelessClientCount }: HttpService,
): string {
  const gauges = [
    ["sessions", "Open sessions.", sessionCount],
    ["connections", "Open connections.", connectionCount],
    ["stateless_clients", "Clients without a session.", statelessClientCount],
  ] as const;
  return gauges.map(([noun, help, count]) => {
    const name = `mcp_gateway_http_${noun}`;
    return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name} ${count}\n`;
  }).join("");
}
