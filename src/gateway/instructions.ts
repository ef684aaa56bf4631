import type { ServerConfig, Settings } from "../config/mod.ts";
import { cutToTokens, estimateTokens } from "./tools/mod.ts";
import { shortenText } from "../text.ts";

/** The end of the instructions, about the use of the gateway's tools. */
const META_USAGE = "Call get_server_tools with a query to find tools, or list_servers and then " +
  "get_server_tools for a server, then execute_tool with the server, the tool and its args. Pass " +
  "your agent_id in every call if you were given one.";

/** The end of the instructions for clients that see the tools of servers instead. */
const DIRECT_USAGE = "The name of each tool begins with the name of its server.";

/**
 * Maximum length of the list of names, in characters: clients that hide tools show the model about the
 * first 240 characters of the instructions.
 */
const MAX_NAMES_CHARS = 200;

/** Maximum number of tokens of the instructions. */
const MAX_TOKENS = 400;

/** Maximum of the estimate: in other alphabets, a text may have 1.4 times the estimated tokens. */
const MAX_ESTIMATED_TOKENS = MAX_TOKENS / 1.4;

/** Minimum number of tokens that a description may use; with fewer it would say nothing. */
const MIN_DESCRIPTION_TOKENS = 12;

/** Maximum length of a name or a description that is read, in characters; far more than is ever shown. */
const MAX_READ_CHARS = 4096;

/**
 * Writes the instructions that a client gives its model about the gateway. They begin with the servers:
 * clients that hide tools until the model searches for them also search these words.
 *
 * @param servers The servers that the connection's agent may use; none if it has no agent.
 * @param face Tools that the client sees: the gateway's own, or directly those of the servers.
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/schema#initializeresult}
 */
export function writeInstructions(
  servers: readonly ServerConfig[],
  face: Settings["face"] = "meta",
): string {
  const usage = face === "meta" ? META_USAGE : DIRECT_USAGE;
  if (servers.length === 0) return usage;
  const names = `MCP servers behind this gateway: ${listNames(servers)}.`;
  const describedServers = servers.filter(({ description = "" }) =>
    toCleanLine(description) !== ""
  );
  if (describedServers.length === 0) return `${names}\n${usage}`;
  const lines: string[] = [];
  let tokensLeft = MAX_ESTIMATED_TOKENS - estimateTokens(`${names}\n${usage}`);
  for (const [index, { name, description = "" }] of describedServers.entries()) {
    // Each description may use an equal share, so that a long one leaves tokens for the next ones.
    const share = Math.max(tokensLeft / (describedServers.length - index), MIN_DESCRIPTION_TOKENS);
    if (tokensLeft < share) break;
    const line = cutToTokens(`${shortenName(name)}: ${toCleanLine(description)}`, share);
    tokensLeft -= estimateTokens(`${line}\n`);
    lines.push(line);
  }
  return [names, ...lines, usage].join("\n");
}

/** Lists as many names as fit, and the number of the omitted names. */
function listNames(servers: readonly ServerConfig[]): string {
  const shownNames: string[] = [];
  let length = " and 9999 more".length;
  for (const { name } of servers) {
    const text = shortenName(name);
    length += text.length + 2;
    if (length > MAX_NAMES_CHARS) break;
    shownNames.push(text);
  }
  const omittedCount = servers.length - shownNames.length;
  return omittedCount === 0
    ? shownNames.join(", ")
    : `${shownNames.join(", ")} and ${omittedCount} more`;
}

function shortenName(name: string): string {
  const text = toCleanLine(name);
  return text.length <= MAX_NAMES_CHARS / 2 ? text : shortenText(text, MAX_NAMES_CHARS / 2 - 1);
}

/** Matches most names, which need no cleaning. */
const PRINTABLE_ASCII = /^[!-~]*$/;

/** Returns the text on one line, without invisible characters. */
function toCleanLine(text: string): string {
  if (PRINTABLE_ASCII.test(text)) return text;
  // White space, control characters, lone surrogates, and characters that hide or reorder text, but not the
  // joiners that some scripts need. V8 takes a millisecond to compile this.
  const invisible = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029\s]+/gu;
  return text.slice(0, MAX_READ_CHARS).replace(invisible, " ").trim();
}
