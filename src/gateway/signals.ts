import type { EndOptions } from "./gateway.ts";

/** Time limits of a shutdown by a signal. */
export const SIGNAL_GRACE_PERIODS: EndOptions = {
  callsMs: 5000,
  gracePeriods: { inputMs: 2000, terminateMs: 2000 },
};

/** The signals that end a process. */
export interface Signals {
  readonly first: Promise<string>;
  /** Resolves at the second signal, by which the user says not to wait. */
  readonly second: Promise<void>;
  stop(): void;
}

/**
 * Listens for the signals that end a process, and for SIGHUP, which makes it reload its files.
 *
 * @param onHangup Called at SIGHUP.
 */
export function listenForSignals(onHangup: () => void): Signals {
  const names: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM"];
  const first = Promise.withResolvers<string>();
  const second = Promise.withResolvers<void>();
  let count = 0;
  const listeners = names.map((name) => {
    const listener = (): void => {
      if (++count === 1) first.resolve(`received ${name}`);
      else second.resolve();
    };
    Deno.addSignalListener(name, listener);
    return { name, listener };
  });
  if (Deno.build.os !== "windows") {
    // A terminal also sends SIGHUP when it closes, but then standard input closes too and ends us.
    Deno.addSignalListener("SIGHUP", onHangup);
    listeners.push({ name: "SIGHUP", listener: onHangup });
  }
  return {
    first: first.promise,
    second: second.promise,
    stop: () => {
      for (const { name, listener } of listeners) Deno.removeSignalListener(name, listener);
    },
  };
}
