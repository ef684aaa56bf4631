import type { Section } from "../requirements.ts";

/** Section 27 of the promises: operations whose client is asked for input with an answer. */
export const INTERACTIONS: Readonly<Record<string, Section>> = {
  "27 Interactions": {
    "interaction.key":
      "GATEWAY_STATE_KEY is the key of the state of questions, and appears in no message",
    "interaction.parks":
      "a call whose server asks is parked while its client answers, and goes on with the next request",
    "interaction.relays":
      "input that a server needs which waits for nothing is relayed, if the client declares it",
    "interaction.links":
      "links that a server of an earlier revision refuses a call for are asked for, and the call made anew",
    "interaction.metrics": "parked calls, and how they ended, are in the metrics",
    "interaction.once":
      "a state is used once, by the client that received it, for the same call; else nothing runs",
    "interaction.sealed": "clients can neither read nor change the state that they hold",
    "interaction.missing": "responses that are missing or invalid are asked for again",
    "interaction.capabilities": "only input is asked for that the request declares",
    "interaction.ends":
      "a parked call ends with its client, its time, its server or the gateway, and leaves nothing behind",
    "interaction.cancelled":
      "a client on a pipe ends a parked call with the cancellation of the request that was answered with the question",
    "interaction.rules": "the rules decide about each request that continues a call",
    "interaction.limits":
      "a call over several requests counts once, and takes no place while it waits",
    "interaction.bounds":
      "the number of parked calls is limited, in all and for each client, whose oldest question makes room after a minute",
    "interaction.memory": "answers that wait for their clients count in the memory",
    "interaction.messages": "progress and log messages go to the request that is attached",
    "interaction.first": "responses without a state of the gateway begin a new call",
    "interaction.attribution":
      "a server's request is for the call that it can belong to, and never for another agent's",
    "interaction.login":
      "a client that is asked with answers can log in: its next request waits for the login",
    "interaction.audit":
      "the line of an operation has the number of its rounds, and how long it waited for its client",
  },
};
