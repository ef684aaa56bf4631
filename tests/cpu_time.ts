import { cpuUsage } from "node:process";

/**
 * Returns the CPU time of this process so far, in milliseconds. Unlike the time on a clock, it does not
 * depend on what else the machine runs.
 */
export function cpuMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}
