import type { Section } from "../requirements.ts";

/** Section 17 of the promises, the part about rules and configuration. */
export const OWN_SERVER_RULES: Readonly<Record<string, Section>> = {
  "17 The gateway's own server: rules": {
    "own.rules": "validate warns of names in the rules that no tool of the own server has",
    "own.named-only":
      "only an entry of allow.servers with its whole name grants the gateway's own server",
    "own.reserved-name":
      "no entry has the name of the own server, and rules may name it without a warning",
    "own.read-by-limit":
      "an agent with a limit on results may use read_result without a rule for it",
    "own.limits":
      "max_result_tokens is a limit of servers, agents and defaults, and leaves room for a hint",
    "own.commands":
      "commands treat the own server as any other where it is of use, and say why rules do not grant it",
    "own.use": "a configuration that does not use the own server is known by its files alone",
  },
};
