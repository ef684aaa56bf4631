import { LineChannel } from "../jsonrpc/mod.ts";
import type { Log } from "../log.ts";
import { listenForSignals } from "../signals.ts";
import { standardInput, standardOutput } from "../standard_streams.ts";
import type { Gateway } from "./gateway.ts";
import { type EndOptions, SIGNAL_TIME_LIMITS } from "./gateway_options.ts";

/** Time limits after the client has closed its end: clients kill the process after 2 to 4 seconds. */
const CLIENT_GONE_TIME_LIMITS: EndOptions = {
  callsMs: 1000,
  gracePeriods: { afterInputCloseMs: 500, afterTerminateMs: 500 },
};

/**
 * Serves one client over standard input and output, until the client closes its end or a signal asks
 * the process to end.
 *
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#shutdown}
 */
export async function serveStdio(gateway: Gateway, log: Log): Promise<void> {
  const { promise: clientGone, resolve: onClosed } = Promise.withResolvers<void>();
  const signals = listenForSignals(() => void gateway.reload());
  const channel = new LineChannel(standardInput, standardOutput, {
    pauseWhenUnread: true,
  });
  gateway.connect(channel, { onClosed: () => onClosed(), isOnlyClient: true });
  const signalPhrase = await Promise.race([clientGone, signals.first]);
  log.debug(`Ending: ${signalPhrase ?? "the client is gone"}`);
  const end = gateway.end(
    signalPhrase === undefined ? CLIENT_GONE_TIME_LIMITS : SIGNAL_TIME_LIMITS,
  );
  // A second signal means that the user does not want to wait.
  await Promise.race([end, signals.second.then(() => gateway.kill())]);
  signals.stop();
}
