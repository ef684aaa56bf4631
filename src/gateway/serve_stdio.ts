import { LineChannel } from "../jsonrpc/mod.ts";
import type { Log } from "../log.ts";
import { standardInput, standardOutput } from "./standard_streams.ts";
import type { EndOptions, Gateway } from "./gateway.ts";
import { listenForSignals, SIGNAL_GRACE_PERIODS } from "./signals.ts";

/** Time limits after the client has closed its end: clients kill us after 2 to 4 seconds. */
const CLIENT_GONE: EndOptions = {
  callsMs: 1000,
  gracePeriods: { inputMs: 500, terminateMs: 500 },
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
    beforeWrite: () => gateway.flushRecords(),
  });
  gateway.connect(channel, { flushesFirst: true, onClosed });
  const why = await Promise.race([clientGone.then(() => "the client is gone"), signals.first]);
  log.debug(`Ending: ${why}`);
  const end = gateway.end(why === "the client is gone" ? CLIENT_GONE : SIGNAL_GRACE_PERIODS);
  // A second signal means that the user does not want to wait.
  await Promise.race([end, signals.second.then(() => gateway.kill())]);
  signals.stop();
}
