import type { Section } from "../requirements.ts";

/** Section 17 of the promises, the part about code. */
export const CODE: Readonly<Record<string, Section>> = {
  "17 Code": {
    "code.api": "code calls tools, prints, and returns a value that JSON has",
    "code.values":
      "a call resolves to structured content, else to the text, parsed where it is JSON, else to the content; errors throw with their codes",
    "code.errors": "an error of the code says what, with the line and column of the code",
    "code.typescript": "code may be TypeScript; lines stay the same",
    "code.limits":
      "the 1,001st call is refused, 32 are in flight, and the output is cut at 256 KiB",
    "code.time":
      "code that does not end in time is ended with its process, and its output is kept; time in which a call waits for a person does not count",
    "code.memory": "code that uses too much memory ends itself only",
    "code.queue": "a run past the limit waits in line, in its own time, with fair turns for agents",
    "code.process":
      "each run has a process of its own, and one unused process is kept for the next",
    "code.realm": "code reaches nothing but ECMAScript, its calls, its output and timers",
    "code.attacks": "code in every form of the program harms neither the gateway nor its answers",
    "code.killed": "nothing that code runs in survives the gateway, even if that is killed",
    "code.channel":
      "a process that sends anything else than calls and output is ended, and harms nothing",
  },
};
