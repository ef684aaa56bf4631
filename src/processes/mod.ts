/**
 * Processes in groups of their own: starts them, signals them, watches their memory, and ends them if the gateway is
 * killed. Knows neither servers nor code. Imports the leaves.
 *
 * @module
 */
export { MemoryWatch, type WatchedProcess } from "./memory_watch.ts";
export {
  type GroupSignal,
  killCommand,
  signalGroup,
  treeKillCommand,
  waitForGroupEnd,
} from "./process_group.ts";
export { type CommandLine, spawnDetached, type SpawnOptions } from "./spawn_detached.ts";
export { Watchdog } from "./watchdog.ts";
