import type { Section } from "../requirements.ts";

/** Promises about a machine that sleeps, and about clocks that are set. */
export const WAKE: Readonly<Record<string, Section>> = {
  "19 Sleep and wake": {
    "wake.noticed":
      "a sleep of the machine, or a stop of the gateway, is noticed by the clocks; a timer for it runs only while remote servers are connected",
    "wake.first-call":
      "the first call after a sleep works or fails within seconds, although all connections to a remote server died in silence; it is sent at most once",
    "wake.network":
      "a call after a sleep waits some seconds for the network to come back, and no session is lost meanwhile",
    "wake.in-flight":
      "a call whose answer was lost in a sleep fails within seconds, with a hint, and is not sent again; one whose connection survives gets its answer",
    "wake.streams":
      "the streams of remote servers are opened again after a sleep, without a call, and what was missed is reported",
    "wake.clock-back": "a clock that is set back is no sleep",
    "wake.clocks":
      "pauses, minutes, allowances, states and catalogs neither end at once nor last for ever because a clock was set",
    "wake.late-timers":
      "an answer that arrived while the gateway was stopped is read before a timeout that is due takes effect",
    "wake.http-sessions":
      "the time in which the gateway was stopped does not count as idle time of its HTTP clients",
    "wake.tokens":
      "after a sleep, each login whose token has expired is renewed once, however many sessions and gateways use it",
  },
};
