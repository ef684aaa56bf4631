/**
 * Rounds figures for people and logs. A leaf: imports nothing of the project.
 *
 * @module
 */

/** Rounds to three decimals: milliseconds to a microsecond, and rates to a tenth of a percent. */
export function roundThousandths(value: number): number {
  return Math.round(value * 1000) / 1000;
}
