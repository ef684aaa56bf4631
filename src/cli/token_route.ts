import { buildCommand } from "@stricli/core";
import type { Outputs } from "./audit.ts";
import type { Context } from "./context.ts";
import type { TokenFlags } from "./token.ts";
import { readExpiry } from "./token_expiry.ts";

/** `token`. */
export const token = buildCommand<TokenFlags, [agent: string], Context>({
  loader: async () => {
    const { makeToken } = await import("./token.ts");
    return async function (this: Context, flags: TokenFlags, agent: string) {
      this.exitCode = await makeToken({ ...flags, agent }, this.process as Outputs);
    };
  },
  parameters: {
    flags: {
      expires: {
        kind: "parsed",
        parse: (text: string) => readExpiry(text),
        brief: "When the token expires: 12h, 30d, 8w, or an ISO 8601 date; default: never",
        optional: true,
      },
      rules: {
        kind: "parsed",
        parse: String,
        brief: "The rules file (GATEWAY_RULES)",
        optional: true,
      },
      json: { kind: "boolean", withNegated: false, default: false, brief: "Print JSON" },
    },
    positional: {
      kind: "tuple",
      parameters: [{
        brief: "The agent that the token is for; it must be in the rules",
        placeholder: "agent",
        parse: String,
      }],
    },
  },
  docs: {
    brief: "Make a bearer token for an agent",
    fullDescription:
      "Makes a bearer token that identifies an agent over HTTP, writes its hash into the rules, and " +
      "prints the token. It cannot be printed again. Nothing else in the rules changes. Earlier tokens " +
      "of the agent stay valid until they are removed from the rules.\n\n" +
      "Example: agent-mcp-gateway token researcher --expires 30d",
  },
});
