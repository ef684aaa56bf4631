import { CallerError } from "../../errors.ts";
import type { Tool } from "../../downstream/mod.ts";
import { similarNames } from "../../similar_names.ts";
import { compilePattern } from "../../policy/mod.ts";
import { findServer } from "./find_server.ts";
import { signatureOf, summaryOf } from "./signature.ts";
import { estimateTokens } from "./tokens.ts";
import { AGENT_ID, ALWAYS_LOAD, type Arguments, type LocalTool } from "./tool.ts";

/**
 * Maximum number of tokens of full definitions, for a call with `server` only; if the definitions have more
 * tokens, signatures are shown.
 */
const MAX_FULL_TOKENS = 4000;

/** Maximum number of unknown names with a hint of their own: each name is compared with every tool. */
const MAX_HINTS = 5;

/** Maximum length of a pattern, in UTF-16 code units: that of a tool's name. */
const MAX_PATTERN_LENGTH = 256;

type Detail = "full" | "signatures" | "names";

/** Lists those tools of a server that the agent may call, in the requested detail. */
export const getServerTools: LocalTool = {
  definition: {
    name: "get_server_tools",
    description: "List a server's tools that you may call.",
    inputSchema: {
      type: "object",
      properties: {
        agent_id: AGENT_ID,
        server: { type: "string" },
        names: { type: "string", description: "Comma-separated" },
        pattern: { type: "string", description: "Wildcard, e.g. get_*" },
        max_schema_tokens: { type: "integer", minimum: 1 },
        detail: { type: "string", enum: ["full", "signatures", "names"] },
      },
      required: ["server"],
    },
    annotations: { title: "List a server's tools", readOnlyHint: true },
    _meta: ALWAYS_LOAD,
  },

  accessRequest: (args) => ({ kind: "server", server: String(args.server) }),

  async run(args, context) {
    const { caller, policy, signal } = context;
    refuseLongPattern(args);
    const server = findServer(context, String(args.server));
    const { name } = server.config;
    const { tools, incompleteReason } = await server.listTools(caller, signal);
    const callable = tools.filter((tool) =>
      policy.allows(caller.agent, { kind: "tool", server: name, tool: tool.name })
    );
    const { selected, unknownNames } = selectTools(callable, args);
    const { detail, hint: detailHint } = chooseDetail(selected, args);
    const { shown, omitted } = limitTokens(
      selected.map((tool) => ({ tool, text: writeTool(tool, detail) })),
      args,
    );
    const list = `[${shown.map(({ text }) => text).join(",")}]`;
    const unmatchedHint = args.pattern !== undefined && selected.length === 0
      ? `No tool that you may call matches the pattern; without it you see all ${callable.length}.`
      : undefined;
    const incompleteHint = incompleteReason === undefined ? undefined : `${incompleteReason}.`;
    const hints = [
      incompleteHint,
      detailHint,
      unmatchedHint,
      ...unknownNameHints(unknownNames, callable),
    ]
      .filter((hint) => hint !== undefined);
    const otherMembers = JSON.stringify({
      server: name,
      total_available: callable.length,
      returned: shown.length,
      tokens_used: shown.length === 0 ? 0 : estimateTokens(list),
      ...(detail === "full" ? {} : { detail }),
      ...(omitted.length === 0 ? {} : { omitted }),
      ...(hints.length === 0 ? {} : { hint: hints.join(" ") }),
    });
    // The definitions are inserted as text, exactly as the server wrote them.
    return { kind: "gateway-result", json: `{"tools":${list},${otherMembers.slice(1)}` };
  },
};

function refuseLongPattern({ pattern }: Arguments): void {
  if (typeof pattern !== "string" || pattern.length <= MAX_PATTERN_LENGTH) return;
  const message =
    `get_server_tools: "pattern" must have at most ${MAX_PATTERN_LENGTH} characters. ` +
    "Correct it and call again.";
  throw new CallerError("INVALID_ARGUMENTS", message);
}

function selectTools(
  tools: readonly Tool[],
  args: Arguments,
): { selected: Tool[]; unknownNames: string[] } {
  const names = typeof args.names === "string"
    ? new Set(args.names.split(",").map((name) => name.trim()).filter((name) => name !== ""))
    : undefined;
  const pattern = typeof args.pattern === "string" ? compilePattern(args.pattern) : undefined;
  const selected = tools.filter((tool) => {
    return (names?.has(tool.name) ?? true) && (pattern?.matches(tool.name) ?? true);
  });
  const knownNames = new Set(tools.map((tool) => tool.name));
  return { selected, unknownNames: [...names ?? []].filter((name) => !knownNames.has(name)) };
}

function chooseDetail(tools: readonly Tool[], args: Arguments): { detail: Detail; hint?: string } {
  if (args.detail !== undefined) return { detail: args.detail as Detail };
  const isNarrowed = args.names !== undefined || args.pattern !== undefined ||
    args.max_schema_tokens !== undefined;
  if (isNarrowed) return { detail: "full" };
  const tokens = tools.reduce((sum, tool) => sum + fullTokensOf(tool), 0);
  if (tokens <= MAX_FULL_TOKENS) return { detail: "full" };
  return {
    detail: "signatures",
    hint: `Full schemas would take about ${tokens} tokens; ask for those you need with "names".`,
  };
}

function writeTool(tool: Tool, detail: Detail): string {
  switch (detail) {
    case "full":
      return tool.text.json;
    case "names":
      return JSON.stringify({ name: tool.name });
    case "signatures":
      return signatureTextOf(tool);
  }
}

const fullTokensOf = computeOnce((tool) => estimateTokens(tool.text.json));

const signatureTextOf = computeOnce(({ name, definition }) => {
  const description = summaryOf(definition);
  const signature = signatureOf(definition);
  return JSON.stringify({ name, signature, ...(description === "" ? {} : { description }) });
});

/** Computes a value once for each tool: the signatures of 400 tools take 2 ms, and agents ask again and again. */
function computeOnce<T>(compute: (tool: Tool) => T): (tool: Tool) => T {
  const values = new WeakMap<Tool, T>();
  return (tool) => {
    const value = values.get(tool) ?? compute(tool);
    values.set(tool, value);
    return value;
  };
}

/** Shows the first tools that fit into `max_schema_tokens`, in the order of the server. */
function limitTokens<T extends { tool: Tool; text: string }>(
  writtenTools: readonly T[],
  args: Arguments,
): { shown: readonly T[]; omitted: string[] } {
  const maxTokens = args.max_schema_tokens;
  if (typeof maxTokens !== "number") return { shown: writtenTools, omitted: [] };
  let usedTokens = 0;
  let shownCount = 0;
  for (const { text } of writtenTools) {
    usedTokens += estimateTokens(text);
    if (usedTokens > maxTokens) break;
    shownCount++;
  }
  const omitted = writtenTools.slice(shownCount).map(({ tool }) => tool.name);
  return { shown: writtenTools.slice(0, shownCount), omitted };
}

function unknownNameHints(names: readonly string[], callable: readonly Tool[]): string[] {
  const hints = names.slice(0, MAX_HINTS).map((name) => unknownNameHint(name, callable));
  const omittedCount = names.length - hints.length;
  return omittedCount > 0 ? [...hints, `Nor ${omittedCount} more of these names.`] : hints;
}

function unknownNameHint(name: string, callable: readonly Tool[]): string {
  const similar = similarNames(name, callable.map((tool) => tool.name), { max: 3 });
  const suggestion = similar.length === 0 ? "" : ` Similar names: ${similar.join(", ")}.`;
  return `You may call no tool "${name}" here.${suggestion}`;
}
