import { hashText } from "../config/mod.ts";
import { addToken } from "../config/editing/mod.ts";
import { ConfigError } from "../errors.ts";
import { agentArgument, defineCommand, JSON_FLAG, parsedFlag, RULES_FLAG } from "./command.ts";
import { CommandError } from "./error_report.ts";
import { findFiles } from "./open_configuration.ts";
import { jsonOutput } from "./terminal.ts";
import { readExpiry } from "./times.ts";
import { editTrustedFile } from "./trust.ts";

/** Prefix of all tokens, by which scanners recognize a leaked token. */
const PREFIX = "amg_";

/** Number of random bytes in a token; nobody can guess 256 bits. */
const RANDOM_BYTES = 32;

export const command = defineCommand({
  about:
    "Makes a bearer token that identifies an agent over HTTP, writes its hash into the rules, and " +
    "prints the token. It cannot be printed again. Nothing else in the rules changes. Earlier tokens " +
    "of the agent stay valid until they are removed from the rules.",
  example: "agent-mcp-gateway token researcher --expires 30d",
  flags: {
    expires: parsedFlag(
      "When the token expires: 12h, 30d, 8w, or an ISO 8601 date; default: never",
      { parse: (text) => readExpiry(text) },
    ),
    rules: RULES_FLAG,
    json: JSON_FLAG,
  },
  args: [agentArgument("The agent that the token is for; it must be in the rules")],
  async run({ flags: { expires, rules: rulesPath, json }, args: [agent], stdout, stderr }) {
    try {
      const { files: { rules } } = findFiles({ rules: rulesPath });
      if (rules.origin === "missing") {
        const searchedPaths = rules.searchedPaths.join(" or ");
        throw new CommandError(`There is no rules file at ${searchedPaths}; name it with --rules`);
      }
      const token = PREFIX + crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)).toBase64({
        alphabet: "base64url",
        omitPadding: true,
      });
      const sha256 = await hashText(token);
      const addHash = (text: string) =>
        addToken({ file: rules.displayPath, text }, { agent, sha256, expires });
      await editTrustedFile(rules.path, addHash);
      const validity = expires === undefined
        ? "It does not expire"
        : `It is valid until ${expires}`;
      stderr.write(
        `Wrote the hash of a new token for agent "${agent}" into ${rules.displayPath}. ${validity}.\n` +
          "This is the only time the token is shown; clients send it as " +
          "`Authorization: Bearer TOKEN`.\n",
      );
      const result = { agent, token, sha256, ...(expires && { expires }), rules: rules.path };
      stdout.write(json ? jsonOutput(JSON.stringify(result)) : `${token}\n`);
      return 0;
    } catch (error) {
      if (error instanceof ConfigError || !(error instanceof Error)) throw error;
      throw new CommandError(`No token was made: ${error.message}`, { cause: error });
    }
  },
});
