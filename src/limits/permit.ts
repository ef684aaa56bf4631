import type { Budget } from "../budget.ts";
import type { Pausable } from "../within.ts";

/** Counts the start or the end of an agent's call. */
export type CountCalls = (agent: string, change: 1 | -1) => void;

/** Permits a call and counts it as active until it is disposed of. Disposing is idempotent. */
export class Permit implements Disposable, Pausable {
  /** Distinguishes a permit from a denial. */
  readonly kind = "admitted";
  readonly #agent: string;
  readonly #countCall: CountCalls;
  /** The agent's memory budget. */
  readonly share: Budget;
  readonly #memory: number;
  readonly #clock: Pausable | undefined;
  #pauseCount = 0;
  #hasEnded = false;

  /** Counts an agent's call, and its memory against the agent's budget. */
  constructor(
    agent: string,
    { count, memory, share, clock }: {
      readonly count: CountCalls;
      readonly memory: number;
      readonly share: Budget;
      /** Is paused with the permit. */
      readonly clock?: Pausable | undefined;
    },
  ) {
    this.#agent = agent;
    this.#countCall = count;
    this.#memory = memory;
    this.#clock = clock;
    this.share = share;
    count(agent, 1);
    share.add(memory);
  }

  /** Stops counting the call while it waits for a person. Each `pause` needs its own `resume`. */
  pause(): void {
    if (++this.#pauseCount !== 1 || this.#hasEnded) return;
    this.#countCall(this.#agent, -1);
    this.#clock?.pause();
  }

  /**
   * Counts the call again. Other calls may have started in the meantime, so the agent and the gateway may
   * briefly exceed their limits of active calls. No call is ended for this reason.
   */
  resume(): void {
    if (--this.#pauseCount !== 0 || this.#hasEnded) return;
    this.#countCall(this.#agent, 1);
    this.#clock?.resume();
  }

  /** Stops counting the call, because it has ended. */
  [Symbol.dispose](): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (this.#pauseCount === 0) this.#countCall(this.#agent, -1);
    else this.#clock?.resume();
    this.share.add(-this.#memory);
  }
}
