import { CallerError } from "../../errors.ts";
import { serverCommand, type Tool } from "../../downstream/mod.ts";
import { similarNames } from "../../similar_names.ts";
import { findServer, listedToolRequest } from "./find_server.ts";
import { signatureOf, summaryOf } from "./signature.ts";
import { estimateTokens } from "./tokens.ts";
import {
  AGENT_ID,
  ALWAYS_LOAD,
  type Arguments,
  type GatewayAnswer,
  type LocalTool,
  type ToolContext,
} from "./tool.ts";
import {
  computeOnce,
  createSelector,
  createStepRunner,
  definitionWriter,
  type Detail,
  joinTools,
  readNames,
  refuseLongPattern,
  type StepRunner,
  writeTools,
} from "./tool_listing.ts";

/**
 * Maximum number of tokens of full definitions, for a call with `server` only; if the definitions have more
 * tokens, signatures are shown.
 */
const MAX_FULL_TOKENS = 4000;

/** Maximum number of unknown names with a hint of their own: each name is compared with every tool. */
const MAX_HINTS = 5;

/** Maximum number of names in `omitted`. */
const MAX_OMITTED = 1000;

/** Finds tools by a query, or lists those tools of a server that the agent may call, in the requested detail. */
export const getServerTools: LocalTool = {
  definition: {
    name: "get_server_tools",
    description: "Find tools by query, or list a server's tools, that you may call.",
    inputSchema: {
      type: "object",
      properties: {
        agent_id: AGENT_ID,
        query: { type: "string" },
        server: { type: "string" },
        names: { type: "string", description: "Comma-separated" },
        pattern: { type: "string", description: "Wildcard, e.g. get_*" },
        max_schema_tokens: { type: "integer", minimum: 1 },
        detail: { type: "string", enum: ["full", "types", "signatures", "names"] },
      },
    },
    annotations: { title: "Find tools", readOnlyHint: true },
    _meta: ALWAYS_LOAD,
  },

  accessRequest: ({ server }) =>
    typeof server === "string" ? { kind: "server", server } : undefined,

  async run(args, context) {
    refuseLongPattern(args);
    const query = typeof args.query === "string" ? args.query.trim() : "";
    if (query !== "") {
      const { findTools } = await import("./find_tools.ts");
      return await findTools(query, { args, context });
    }
    if (typeof args.server === "string") return await listServerTools(args.server, args, context);
    const message =
      'get_server_tools: give a "query", a "server", or both. Call again with one of them.';
    throw new CallerError("INVALID_ARGUMENTS", message);
  },
};

async function listServerTools(
  serverName: string,
  args: Arguments,
  context: ToolContext,
): Promise<GatewayAnswer> {
  const { caller, policy, signal } = context;
  const server = findServer(context, serverName);
  const { name } = server.config;
  const catalog = await server.list("tools", { caller, signal });
  const runStep = createStepRunner(catalog, caller.agent);
  const isCallable = (tool: Tool) => policy.allows(caller.agent, listedToolRequest(name, tool));
  const callable = await filterTools(catalog.items, isCallable, runStep);
  const callableNames = new Set(callable.map((tool) => tool.name));
  const names = readNames(args);
  const selected = await filterTools(callable, createSelector(args, names), runStep);
  const { detail, hint: detailHint } = await chooseDetail(selected, args, runStep);
  const write = await loadWriter(detail, server);
  const { texts, isCut } = await writeTools(selected, { write, args, runStep });
  const omitted = selected.slice(texts.length).map((tool) => tool.name);
  const list = await joinTools(texts, {
    detail,
    tools: selected.map((tool) => ({ server: name, tool })),
    runStep,
  });
  const hints = [
    catalog.incompleteReason === undefined ? undefined : `${catalog.incompleteReason}.`,
    catalog.completeness === "empty" && catalog.incompleteReason === undefined
      ? "It offers no tools."
      : undefined,
    detailHint,
    catalog.heldBack.size === 0 ? undefined : heldBackHint(name, catalog.heldBack.size),
    args.pattern !== undefined && selected.length === 0
      ? `No tool that you may call matches the pattern; without it you see all ${callable.length}.`
      : undefined,
    isCut
      ? 'The list would be too long; ask for the other tools with "names" or "pattern".'
      : undefined,
    omitted.length > MAX_OMITTED
      ? `${omitted.length} tools are omitted; "omitted" has the first ${MAX_OMITTED}.`
      : undefined,
    ...await unknownNameHints(
      [...names ?? []].filter((unknown) => !callableNames.has(unknown)),
      callableNames,
      runStep,
    ),
  ]
    .filter((hint) => hint !== undefined);
  const otherMembers = JSON.stringify({
    server: name,
    total_available: callable.length,
    returned: texts.length,
    tokens_used: texts.length === 0 ? 0 : await runStep(() => estimateTokens(list.json)),
    ...(detail === "full" ? {} : { detail }),
    ...(omitted.length === 0 ? {} : { omitted: omitted.slice(0, MAX_OMITTED) }),
    ...(hints.length === 0 ? {} : { hint: hints.join(" ") }),
  });
  // The list is inserted as text: definitions are as the server wrote them.
  return { kind: "gateway-result", json: `{"${list.key}":${list.json},${otherMembers.slice(1)}` };
}

/** Says how many tools are held back. Their names are not shown: a server may have chosen them to be read. */
function heldBackHint(server: string, count: number): string {
  const tools = count === 1 ? "1 tool is" : `${count} tools are`;
  const command = serverCommand("pin", server, "--diff");
  return `${tools} held back until the user accepts what has changed: ${command}.`;
}

async function filterTools(
  tools: readonly Tool[],
  isIncluded: (tool: Tool) => boolean,
  runStep: StepRunner,
): Promise<Tool[]> {
  const included: Tool[] = [];
  for (const tool of tools) {
    if (await runStep(() => isIncluded(tool))) included.push(tool);
  }
  return included;
}

async function chooseDetail(
  tools: readonly Tool[],
  args: Arguments,
  runStep: StepRunner,
): Promise<{ detail: Detail; hint?: string }> {
  if (args.detail !== undefined) return { detail: args.detail as Detail };
  const isNarrowed = args.names !== undefined || args.pattern !== undefined ||
    args.max_schema_tokens !== undefined;
  if (isNarrowed) return { detail: "full" };
  let tokens = 0;
  for (const tool of tools) tokens += await runStep(() => fullTokensOf(tool));
  if (tokens <= MAX_FULL_TOKENS) return { detail: "full" };
  return {
    detail: "signatures",
    hint: `Full schemas would take about ${tokens} tokens; ask for those you need with "names".`,
  };
}

/** Returns the function that writes a tool in a detail. */
async function loadWriter(
  detail: Detail,
  server: { readonly isPinned: boolean },
): Promise<(tool: Tool) => string> {
  switch (detail) {
    case "full":
      return await definitionWriter(server);
    case "types":
      return (await import("./declarations.ts")).writeDeclaration;
    case "names":
      return ({ name }) => JSON.stringify({ name });
    case "signatures":
      return signatureTextOf;
  }
}

const fullTokensOf = computeOnce((tool) => estimateTokens(tool.text.json));

const signatureTextOf = computeOnce((tool) => {
  const { name, definition } = tool;
  const signature = signatureOf(definition);
  const description = summaryOf(definition, { signature, fullTokens: fullTokensOf(tool) });
  return JSON.stringify({ name, signature, ...(description === "" ? {} : { description }) });
});

async function unknownNameHints(
  names: readonly string[],
  callableNames: ReadonlySet<string>,
  runStep: StepRunner,
): Promise<string[]> {
  const hints: string[] = [];
  for (const name of names.slice(0, MAX_HINTS)) {
    hints.push(await runStep(() => unknownNameHint(name, callableNames)));
  }
  const omittedCount = names.length - hints.length;
  return omittedCount > 0 ? [...hints, `Nor ${omittedCount} more of these names.`] : hints;
}

function unknownNameHint(name: string, callableNames: ReadonlySet<string>): string {
  const similarTools = similarNames(name, callableNames, { max: 3 });
  const suggestion = similarTools.length === 0 ? "" : ` Similar names: ${similarTools.join(", ")}.`;
  return `You may call no tool "${name}" here.${suggestion}`;
}
