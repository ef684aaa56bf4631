import type { ServerConfig } from "../config/mod.ts";
import { estimateTokens } from "./tools/mod.ts";
import { shortenText } from "../text.ts";

/** The end of the instructions: how to use the gateway's tools. */
const HOW_TO = "Call list_servers, then get_server_tools for the server you need, then " +
  "execute_tool with the server, the tool and its args. Pass your agent_id in every call if you " +
  "were given one.";

/** Characters of the list of names: clients that hide tools show about 240 of the instructions. */
const MAX_NAMES = 200;

/** Tokens of the instructions. Estimates of other alphabets may be a third too low, so this leaves room. */
const MAX_TOKENS = 400;
const SPENT = MAX_TOKENS / 1.4;

/** Minimum tokens of a description while any are left; fewer would say nothing. */
const MIN_DESCRIPTION = 12;

/** Characters of a description that are read, more than the tokens allow for. */
const MAX_READ = 4096;

/** Control characters, half characters, and characters that hide or reorder text, but no joiners. */
const HIDDEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029\s]+/gu;

/**
 * Writes the instructions that a client gives its model about the gateway. They begin with the servers,
 * because clients that hide tools behind a search of their own find them by these words.
 *
 * @param servers The servers that the connection's agent may use; none if it has no agent.
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/schema#initializeresult}
 */
export function writeInstructions(servers: readonly ServerConfig[]): string {
  if (servers.length === 0) return HOW_TO;
  const names = `MCP servers behind this gateway: ${namesText(servers)}.`;
  const described = servers.filter(({ description = "" }) => cleaned(description) !== "");
  if (described.length === 0) return `${names}\n${HOW_TO}`;
  const lines: string[] = [];
  let left = SPENT - estimateTokens(`${names}\n${HOW_TO}`);
  for (const [index, { name, description = "" }] of described.entries()) {
    // A long description must not take the tokens of those that follow.
    const share = Math.max(left / (described.length - index), MIN_DESCRIPTION);
    if (left < share) break;
    const line = beginningOf(`${shortName(name)}: ${cleaned(description)}`, share);
    left -= estimateTokens(`${line}\n`);
    lines.push(line);
  }
  return [names, ...lines, HOW_TO].join("\n");
}

/** Lists as many names as fit, and counts the others. */
function namesText(servers: readonly ServerConfig[]): string {
  const shown: string[] = [];
  let length = " and 9999 more".length;
  for (const { name } of servers) {
    const text = shortName(name);
    length += text.length + 2;
    if (length > MAX_NAMES) break;
    shown.push(text);
  }
  const more = servers.length - shown.length;
  return more === 0 ? shown.join(", ") : `${shown.join(", ")} and ${more} more`;
}

function shortName(name: string): string {
  const text = cleaned(name);
  return text.length <= MAX_NAMES / 2 ? text : shortenText(text, MAX_NAMES / 2 - 1);
}

/** Matches most names, which need no cleaning: V8 takes a millisecond to compile the classes of `HIDDEN`. */
const ORDINARY = /^[!-~]*$/;

/** Returns the text on one line, without invisible characters. */
function cleaned(text: string): string {
  return ORDINARY.test(text) ? text : text.slice(0, MAX_READ).replace(HIDDEN, " ").trim();
}

/** Returns the first words of a text that cost at most `tokens`. */
function beginningOf(text: string, tokens: number): string {
  if (estimateTokens(text) <= tokens) return text;
  let end = 0;
  for (const { 0: word, index } of text.matchAll(/\S+/g)) {
    if (estimateTokens(text.slice(0, index + word.length)) > tokens - 1) break;
    end = index + word.length;
  }
  // In a script without spaces no word may fit; a character costs a token at most.
  return end === 0 ? shortenText(text, Math.floor(tokens) - 1) : `${text.slice(0, end)}…`;
}
