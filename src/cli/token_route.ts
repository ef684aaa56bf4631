import { buildCommand, type CommandContext } from "@stricli/core";
import type { Outputs } from "./audit.ts";
import type { TokenFlags } from "./token.ts";
import { readExpiry } from "./token_expiry.ts";

/** What this command runs in. */
interface Context extends CommandContext {
  /** What the command ends with. */
  exitCode: number;
}

/** `token`. */
export const token = buildCommand<TokenFlags, [agent: string], Context>({
  loader: async () => {
    const { makeToken } = await import("./token.ts");
    return async function (this: Context, flags: TokenFlags, agent: string) {
      this.exitCode = await makeToken(flags, agent, this.process as Outputs);
    };
  },
  parameters: {
    flags: {
      expires: {
        kind: "parsed",
        parse: (text: string) => readExpiry(text),
        brief: "When it ends: 12h, 30d, 8w, or a date in ISO 8601; never where not given",
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
        brief: "Whose token; an agent of the rules",
        placeholder: "agent",
        parse: String,
      }],
    },
  },
  docs: {
    brief: "Make a bearer token for an agent",
    fullDescription:
      "Makes a bearer token that names an agent over HTTP, prints it this once, and " +
      "writes its hash into the rules, where everything else stays as it is. Earlier tokens of the " +
      "agent go on to count until they are taken out of the rules.\n\n" +
      "Example: agent-mcp-gateway token researcher --expires 30d",
  },
});
