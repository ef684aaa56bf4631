import { isWithinShare } from "../fair_share.ts";
import { WINDOW_S, type WindowCount } from "./minute_counter.ts";

/** Largest difference between two estimates of the end of the same minute, in milliseconds. */
const SAME_END_MS = 1000;

/**
 * Counts the calls of each agent in the current minute, so that no agent uses up the limit that all agents share.
 * A call is counted before the store answers, so that many simultaneous calls of one agent are noticed.
 */
export class MinuteShares {
  readonly #counts = new Map<string, number>();
  #totalCount = 0;
  #endsAt = 0;

  /**
   * Counts a call if it is within the agent's share.
   *
   * @param agent Name of the agent.
   * @param limit The limit of all agents.
   * @returns Milliseconds until the minute ends if the call is beyond the share; otherwise `undefined`.
   */
  take(agent: string, limit: number): number | undefined {
    const now = performance.now();
    if (now >= this.#endsAt) this.#begin(now + WINDOW_S * 1000);
    const count = this.#counts.get(agent) ?? 0;
    const freeCount = limit - this.#totalCount;
    // If nothing is free, the limit of all agents refuses the call.
    if (freeCount > 0 && !isWithinShare(count, freeCount)) return this.#endsAt - now;
    this.#counts.set(agent, count + 1);
    this.#totalCount++;
    return undefined;
  }

  /** Adopts the count of the store, which other gateways may share. */
  update({ count, resetMs }: WindowCount): void {
    const endsAt = performance.now() + resetMs;
    if (endsAt > this.#endsAt + SAME_END_MS) this.#begin(endsAt);
    else this.#endsAt = endsAt;
    this.#totalCount = Math.max(this.#totalCount, count);
  }

  #begin(endsAt: number): void {
    this.#counts.clear();
    this.#totalCount = 0;
    this.#endsAt = endsAt;
  }
}
