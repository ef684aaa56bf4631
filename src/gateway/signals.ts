import type { EndOptions } from "./gateway.ts";

/** What is left to do when the system asks the process to end. */
export const ASKED_TO_END: EndOptions = {
  callsMs: 5000,
  patience: { inputMs: 2000, terminateMs: 2000 },
};

/** The signals that end a process. */
export interface Signals {
  /** The first one that came. */
  readonly first: Promise<string>;
  /** The second one: whoever sends it does not want to wait. */
  readonly second: Promise<void>;
  /** Listens no longer. */
  stop(): void;
}

/**
 * Listens for the signals that end a process, and for the one that has it read its files again.
 *
 * @param onHangup Takes the latter.
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
    // A terminal that closes sends it too; it closes standard input as well, and that ends us.
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
