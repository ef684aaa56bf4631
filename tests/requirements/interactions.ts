import type { Section } from "../requirements.ts";

/** Section 27 of the promises: operations whose client is asked for input with an answer. */
export const INTERACTIONS: Readonly<Record<string, Section>> = {
  "27 Interactions": {
    "interaction.key":
      "GATEWAY_STATE_KEY is the key of the state of questions, and appears in no message",
    "interaction.audit":
      "the line of an operation has the number of its rounds, and how long it waited for its client",
  },
};
