import { CallerError } from "../../errors.ts";
import type { Catalog, Tool } from "../../downstream/mod.ts";
import { longWork } from "../../long_work.ts";
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

/** Maximum length of the list of an answer, in UTF-16 code units; about 130,000 tokens. */
const MAX_LIST_LENGTH = 512 * 1024;

/** Time after which the steps on a list that is not long run as long work, in milliseconds. */
const MAX_DIRECT_MS = 5;

/** Maximum number of names in `omitted`. */
const MAX_OMITTED = 1000;

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
    const catalog = await server.listTools(caller, signal);
    const runStep = createStepRunner(catalog, caller.agent);
    const isCallable = (tool: Tool) =>
      policy.allows(caller.agent, { kind: "tool", server: name, tool: tool.name });
    const callable = await filterTools(catalog.tools, isCallable, runStep);
    const callableNames = new Set(callable.map((tool) => tool.name));
    const names = readNames(args);
    const selected = await filterTools(callable, createSelector(args, names), runStep);
    const { detail, hint: detailHint } = await chooseDetail(selected, args, runStep);
    const { texts, omitted, isCut } = await writeTools(selected, { detail, args, runStep });
    const list = `[${texts.join(",")}]`;
    const hints = [
      catalog.incompleteReason === undefined ? undefined : `${catalog.incompleteReason}.`,
      detailHint,
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
      tokens_used: texts.length === 0 ? 0 : await runStep(() => estimateTokens(list)),
      ...(detail === "full" ? {} : { detail }),
      ...(omitted.length === 0 ? {} : { omitted: omitted.slice(0, MAX_OMITTED) }),
      ...(hints.length === 0 ? {} : { hint: hints.join(" ") }),
    });
    // The definitions are inserted as text, exactly as the server wrote them.
    return { kind: "gateway-result", json: `{"tools":${list},${otherMembers.slice(1)}` };
  },
};

/** Runs a step of the work on a list of tools. */
type StepRunner = <T>(step: () => T) => T | Promise<T>;

/** Creates a runner of steps, between which other calls run if the list is long or the steps take long. */
function createStepRunner({ isLong }: Catalog, agent: string): StepRunner {
  const startedAt = performance.now();
  return (step) =>
    isLong || performance.now() - startedAt > MAX_DIRECT_MS
      ? longWork.run(`agent ${agent}`, step)
      : step();
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

function refuseLongPattern({ pattern }: Arguments): void {
  if (typeof pattern !== "string" || pattern.length <= MAX_PATTERN_LENGTH) return;
  const message =
    `get_server_tools: "pattern" must have at most ${MAX_PATTERN_LENGTH} characters. ` +
    "Correct it and call again.";
  throw new CallerError("INVALID_ARGUMENTS", message);
}

function readNames({ names }: Arguments): ReadonlySet<string> | undefined {
  if (typeof names !== "string") return undefined;
  return new Set(names.split(",").map((name) => name.trim()).filter((name) => name !== ""));
}

/** Creates a function that returns whether the names and the pattern of the arguments include a tool. */
function createSelector(
  args: Arguments,
  names: ReadonlySet<string> | undefined,
): (tool: Tool) => boolean {
  const pattern = typeof args.pattern === "string" ? compilePattern(args.pattern) : undefined;
  return ({ name }) => (names?.has(name) ?? true) && (pattern?.matches(name) ?? true);
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

const signatureTextOf = computeOnce((tool) => {
  const { name, definition } = tool;
  const signature = signatureOf(definition);
  const description = summaryOf(definition, { signature, fullTokens: fullTokensOf(tool) });
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

/** The tools of an answer. */
interface WrittenTools {
  readonly texts: readonly string[];
  /** The names of the selected tools that are not in the answer. */
  readonly omitted: readonly string[];
  /** Whether the answer would be too long with the omitted tools. */
  readonly isCut: boolean;
}

/**
 * Writes the first tools that fit into `max_schema_tokens` and into the maximum length, in the order of the
 * server.
 */
async function writeTools(
  tools: readonly Tool[],
  { detail, args, runStep }: {
    readonly detail: Detail;
    readonly args: Arguments;
    readonly runStep: StepRunner;
  },
): Promise<WrittenTools> {
  const maxTokens = args.max_schema_tokens;
  const texts: string[] = [];
  let length = 0;
  let tokens = 0;
  let isCut = false;
  for (const tool of tools) {
    const text = await runStep(() => writeTool(tool, detail));
    length += text.length;
    isCut = length > MAX_LIST_LENGTH && texts.length > 0;
    if (isCut) break;
    if (typeof maxTokens === "number") {
      tokens += await runStep(() => estimateTokens(text));
      if (tokens > maxTokens) break;
    }
    texts.push(text);
  }
  return { texts, omitted: tools.slice(texts.length).map(({ name }) => name), isCut };
}

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
  const similar = similarNames(name, callableNames, { max: 3 });
  const suggestion = similar.length === 0 ? "" : ` Similar names: ${similar.join(", ")}.`;
  return `You may call no tool "${name}" here.${suggestion}`;
}
