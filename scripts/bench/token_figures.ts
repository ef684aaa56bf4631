import { encode } from "gpt-tokenizer/encoding/o200k_base";
import { loadDirectTools } from "../../src/gateway/mod.ts";
import { answerQueries } from "./finding_figures.ts";
import { createFinder, gatewayDefinitions, readQueries, readServers } from "./finding_queries.ts";
import { type Figures, summarize } from "./summary.ts";

/** The tools that an agent who edits code uses all the time, by server, as `gateway.direct` names them. */
const HOT_TOOLS: Readonly<Record<string, readonly string[]>> = {
  filesystem: ["read_text_file", "edit_file", "list_directory", "search_files"],
  github: ["get_issue"],
};

/** The default of `GATEWAY_NAME_LIMIT`. */
const NAME_LIMIT = 64;

/** The definitions that a client sees, and their costs. */
export interface TokenRow {
  readonly seen: string;
  /** Number of definitions at the start of a session. */
  readonly tools: number;
  /** Tokens of these definitions. */
  readonly definitions: number;
  /** Tokens of a session with one call, whose arguments are `{}`. */
  readonly session: number;
}

/** Counts tokens for the tools of all recorded lists. */
export async function countFaces(): Promise<TokenRow[]> {
  const { directDefinitions } = await loadDirectTools();
  const count = (text: string) => encode(text).length;
  const servers = readServers();
  const own: readonly unknown[] = JSON.parse(gatewayDefinitions());
  const ownTokens = count(gatewayDefinitions());
  /** Counts all definitions of each server that it shows, and one call without arguments. */
  const countShown = (seen: string, show: (server: typeof servers[number]) => string[]) => {
    const shown = servers.map(show).filter((definitions) => definitions.length > 0);
    const tools = shown.reduce((sum, definitions) => sum + definitions.length, 0);
    const tokens = shown.reduce((sum, definitions) => sum + count(`[${definitions.join()}]`), 0);
    return { seen, tools, definitions: tokens, session: tokens + count("{}") };
  };
  const tasks = readQueries("held_back").filter(({ kind }) => kind === "task");
  const results = await answerQueries(tasks, servers);
  const found = results.flatMap(({ sessionTokens }) => sessionTokens ?? []);
  const session = Math.round(summarize(found).median);
  const hot = countShown("", ({ server: name, tools }) => {
    const config = { name, directTools: HOT_TOOLS[name] ?? [] };
    return directDefinitions(tools, { config, face: "meta", maxNameLength: NAME_LIMIT });
  });
  const hybrid = { tools: own.length + hot.tools, definitions: ownTokens + hot.definitions };
  return [
    countShown("all tools, without the gateway", ({ tools }) => tools.map(({ text }) => text.json)),
    countShown("all tools, with `--face direct`", ({ server: name, tools }) => {
      return directDefinitions(tools, {
        config: { name },
        face: "direct",
        maxNameLength: NAME_LIMIT,
      });
    }),
    {
      seen: "the three tools, and one found by a query",
      tools: own.length,
      definitions: ownTokens,
      session,
    },
    {
      seen: "the three and five hot tools, one of which is called",
      ...hybrid,
      session: ownTokens + hot.session,
    },
    {
      seen: "the three and five hot tools, and one found by a query",
      ...hybrid,
      session: session + hot.definitions,
    },
  ];
}

/** The tokens of all tools of the complete recorded lists, as `get_server_tools` shows them in one detail. */
export interface DetailRow {
  readonly detail: string;
  readonly tokens: number;
  /** Share of the tokens of the full definitions, in percent. */
  readonly percent: number;
}

/** Counts the tokens of each detail. */
export async function countDetails(): Promise<DetailRow[]> {
  const servers = readServers({ areComplete: true });
  const list = createFinder(servers);
  const countDetail = async (detail: string): Promise<number> => {
    let tokens = 0;
    for (const { server } of servers) {
      const { tools, types } = JSON.parse(await list({ server, detail }));
      tokens += encode(JSON.stringify(types ?? tools)).length;
    }
    return tokens;
  };
  const full = await countDetail("full");
  const rows: DetailRow[] = [];
  for (const detail of ["full", "types", "signatures", "names"]) {
    const tokens = await countDetail(detail);
    rows.push({ detail, tokens, percent: Math.round(100 * tokens / full) });
  }
  return rows;
}

/** Counts the tokens of all faces and details, and returns the tables. */
export async function measureTokens(figures: Figures): Promise<string> {
  const lines = [
    "| the client sees | definitions | their tokens | a session with one call |",
    "|---|---|---|---|",
  ];
  for (const { seen, tools, definitions, session } of await countFaces()) {
    const [definitionText, sessionText] = [definitions, session]
      .map((value) => value.toLocaleString("en"));
    lines.push(`| ${seen} | ${tools} | ${definitionText} | ${sessionText} |`);
    figures.addValue(`definitions: ${seen}`, "source", "tokens", definitions);
    figures.addValue(`a session with one call: ${seen}`, "source", "tokens", session);
  }
  lines.push("", "| `detail` | tokens | of `full` |", "|---|---|---|");
  for (const { detail, tokens, percent } of await countDetails()) {
    lines.push(`| \`${detail}\` | ${tokens.toLocaleString("en")} | ${percent} % |`);
    figures.addValue(`all recorded tools: ${detail}`, "source", "tokens", tokens);
  }
  return lines.join("\n");
}
