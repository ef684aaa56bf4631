/** Variable in which the launcher of the npm package passes the id of its process. */
const PID_VARIABLE = "AGENT_MCP_GATEWAY_LAUNCHER_PID";

/** Interval at which the gateway checks that the launcher still runs, in milliseconds. */
const CHECK_INTERVAL_MS = 1000;

/** A watch over the process that started the gateway. */
export interface LauncherWatch {
  /** Resolves to the reason when the launcher has ended. Never resolves without a launcher. */
  readonly gone: Promise<string>;
  /** Stops watching. */
  stop(): void;
}

/**
 * Watches the launcher of the npm package, if it started this process. A launcher that was killed passes no
 * signal on. On Windows the id of the parent does not change, so that the end of the launcher is not noticed.
 */
export function watchLauncher(): LauncherWatch {
  const { promise: gone, resolve } = Promise.withResolvers<string>();
  const pid = Deno.ppid;
  // The npm launcher grants access to all variables. If this variable may not be read, the process has no launcher.
  const { state } = Deno.permissions.querySync({ name: "env", variable: PID_VARIABLE });
  // Descendants of the launcher's child inherit the variable, too, but have another parent.
  if (state !== "granted" || Deno.env.get(PID_VARIABLE) !== String(pid)) {
    return { gone, stop: () => {} };
  }
  const timer = setInterval(() => {
    if (Deno.ppid !== pid) resolve("the launcher is gone");
  }, CHECK_INTERVAL_MS);
  return { gone, stop: () => clearInterval(timer) };
}
