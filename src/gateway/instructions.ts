import type { ServerConfig } from "../config/mod.ts";
import { estimateTokens } from "./tools/mod.ts";
import { shortenText } from "../text.ts";

/** How agents learn what to do; two sentences. */
const HOW_TO = "Call list_servers, then get_server_tools for the server you need, then " +
  "execute_tool with the server, the tool and its args. Pass your agent_id in every call if you " +
  "were given one.";

/** Characters of the list of names: clients that hide tools show some 240 of the instructions. */
const MAX_NAMES = 200;

/** Tokens of the whole. Estimates of other alphabets may be a third too low, so less is spent. */
const MAX_TOKENS = 400;
const SPENT = MAX_TOKENS / 1.4;

/** Tokens that a description gets at least while there are any left; fewer say nothing. */
const MIN_DESCRIPTION = 12;

/** Characters of a description that are looked at, more than the tokens are enough for. */
const MAX_READ = 4096;

/** Control characters, half characters, and characters that hide or reorder text, but no joiners. */
const HIDDEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029\s]+/gu;

/**
 * What a client tells its model of the gateway. It begins with what is behind the gateway, because
 * clients that hide tools behind a search of their own find them by these words.
 *
 * @param servers Those that the connection's agent may use; none where it has no agent.
 * @see {@link https://modelcontextprotocol.io/specification/2025-11-25/schema#initializeresult}
 */
export function writeInstructions(servers: readonly ServerConfig[]): string {
  if (servers.length === 0) return HOW_TO;
  const names = `MCP servers behind this gateway: ${namesText(servers)}.`;
  const described = servers.filter(({ description = "" }) => cleaned(description) !== "");
  const lines: string[] = [];
  let left = SPENT - estimateTokens(`${names}\n${HOW_TO}`);
  for (const [index, { name, description = "" }] of described.entries()) {
    // A long description must not take the room of those that follow.
    const share = Math.max(left / (described.length - index), MIN_DESCRIPTION);
    if (left < share) break;
    const line = beginningOf(`${shortName(name)}: ${cleaned(description)}`, share);
    left -= estimateTokens(`${line}\n`);
    lines.push(line);
  }
  return [names, ...lines, HOW_TO].join("\n");
}

/** As many names as there is room for, and how many more there are. */
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

/** On one line, with nothing in it that cannot be seen. */
function cleaned(text: string): string {
  return text.slice(0, MAX_READ).replace(HIDDEN, " ").trim();
}

/** The words of a text that cost no more than some tokens. */
function beginningOf(text: string, tokens: number): string {
  if (estimateTokens(text) <= tokens) return text;
  let end = 0;
  for (const { 0: word, index } of text.matchAll(/\S+/g)) {
    if (estimateTokens(text.slice(0, index + word.length)) > tokens - 1) break;
    end = index + word.length;
  }
  // Where words are not written apart there may be none that fits; a character costs a token at most.
  return end === 0 ? shortenText(text, Math.floor(tokens) - 1) : `${text.slice(0, end)}…`;
}
