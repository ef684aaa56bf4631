/**
 * The signals that a process that serves clients reacts to. A leaf: imports nothing of the project.
 *
 * @module
 */

/** The signals that ask the process to end. */
export interface Signals {
  /** Resolves at the first signal, to a phrase with its name. */
  readonly first: Promise<string>;
  /** Resolves at the second signal, with which the user asks not to wait. */
  readonly second: Promise<void>;
  /** Stops listening. */
  stop(): void;
}

/**
 * Listens for the signals that ask the process to end, and for SIGHUP, which asks it to reload its files.
 *
 * @param onHangup Called at SIGHUP.
 */
export function listenForSignals(onHangup: () => void): Signals {
  const names: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM"];
  const first = Promise.withResolvers<string>();
  const second = Promise.withResolvers<void>();
  let signalCount = 0;
  const listeners = names.map((name) => {
    const listener = (): void => {
      if (++signalCount === 1) first.resolve(`received ${name}`);
      else second.resolve();
    };
    Deno.addSignalListener(name, listener);
    return { name, listener };
  });
  if (Deno.build.os !== "windows") {
    // A terminal also sends SIGHUP when it closes, but then standard input closes too, which ends the
    // process.
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
