import { JsonText } from "../jsonrpc/mod.ts";
import { type CallResult, ownAnswer, readResult, refusalText } from "./call_result.ts";
import {
  agentFlag,
  choiceFlag,
  type Context,
  defineCommand,
  FILE_FLAGS,
  JSON_FLAG,
  serverFlag,
  textFlag,
} from "./command.ts";
import { type CallGateway, withGateway } from "./in_process.ts";
import { openConfiguration } from "./open_configuration.ts";
import { chooseAgent, findServer } from "./resolve_names.ts";
import { paragraph } from "./table.ts";
import { escapeControls, escapeLines } from "../text.ts";
import { counted, foreignText, styleOf, type TerminalStyle } from "./terminal.ts";

export const command = defineCommand({
  about: "Lists what list_servers and get_server_tools show an agent, through the same " +
    "steps as any other call: identity, rules, audit. Exit code: 1 if that fails.",
  example: "agent-mcp-gateway tools --server postgres --agent researcher",
  flags: {
    server: serverFlag("Only tools of this server"),
    agent: agentFlag("The agent whose tools are listed (GATEWAY_AGENT)"),
    names: textFlag("Only these tools, separated by commas", { placeholder: "names" }),
    pattern: textFlag("Only tools that match, such as get_*", { placeholder: "pattern" }),
    detail: choiceFlag("How much to print of each tool", ["full", "signatures", "names"]),
    json: JSON_FLAG,
    ...FILE_FLAGS,
  },
  async run({ flags, ...context }) {
    const { server, names, pattern, detail, json, ...settings } = flags;
    const read = await openConfiguration(settings);
    if (server !== undefined) findServer(server, read.configuration);
    const opened = chooseAgent(read, context);
    return await withGateway({ opened, stderr: context.stderr }, async (call) => {
      const wanted = { names, pattern, detail };
      return server === undefined
        ? await showAll(call, { wanted, json, context })
        : await showOne(call, { server, wanted, json, context });
    });
  },
});

/** The answer of `get_server_tools`, as far as it is read here. */
interface ServerListing {
  readonly total_available: number;
  readonly returned: number;
  readonly hint?: string;
  readonly tools: readonly {
    readonly name: string;
    readonly signature?: string;
    readonly description?: string;
  }[];
}

/** A server in the answer of `list_servers`, with its own answer. */
interface ListedServer {
  readonly name: string;
  readonly description?: string;
  readonly listing?: ServerListing;
  readonly failed?: CallResult;
}

interface ToolsRequest {
  readonly names?: string | undefined;
  readonly pattern?: string | undefined;
  readonly detail?: "full" | "signatures" | "names" | undefined;
}

interface ShowOptions {
  readonly wanted: ToolsRequest;
  readonly json: boolean;
  readonly context: Context;
}

async function showOne(
  call: CallGateway,
  { server, wanted, json, context: { stdout, stderr } }: ShowOptions & { server: string },
): Promise<number> {
  // For people a signature says more than a schema does.
  const detail = wanted.detail ?? (json ? undefined : "signatures");
  const result = await ask(call, server, { ...wanted, detail });
  if (result.isError) return printRefusal(result, { json, stdout, stderr });
  const listing = ownAnswer(result) as ServerListing;
  const style = styleOf(Deno.stdout);
  if (json) stdout.write(`${JSON.stringify(listing)}\n`);
  else stdout.write(listing.tools.map((tool) => toolText(tool, wanted.detail, style)).join(""));
  const { returned, total_available } = listing;
  stderr.write(`${returned} of ${counted(total_available, "tool")}\n`);
  if (listing.hint !== undefined) stderr.write(escapeLines(`${listing.hint}\n`));
  return 0;
}

async function showAll(
  call: CallGateway,
  { wanted, json, context: { stdout, stderr } }: ShowOptions,
): Promise<number> {
  const answer = readResult(await call("list_servers", new JsonText("{}")));
  if (answer.isError) return printRefusal(answer, { json, stdout, stderr });
  const servers = ownAnswer(answer) as readonly Omit<ListedServer, "listing">[];
  const listed = await Promise.all(servers.map(async (server): Promise<ListedServer> => {
    const result = await ask(call, server.name, { ...wanted, detail: wanted.detail ?? "names" });
    if (result.isError) return { ...server, failed: result };
    return { ...server, listing: ownAnswer(result) as ServerListing };
  }));
  if (json) {
    const rows = listed.map(({ listing, failed, ...server }) => {
      return { ...server, ...listing, ...(failed === undefined ? {} : errorOf(failed)) };
    });
    stdout.write(`${JSON.stringify(rows)}\n`);
  } else {
    const style = styleOf(Deno.stdout);
    stdout.write(listed.map((server) => serverText(server, wanted.detail, style)).join("\n"));
  }
  const failures = listed.flatMap(({ failed }) => failed ?? []);
  for (const failure of failures) stderr.write(`${refusalText(failure)}\n`);
  if (listed.length === 0) stderr.write("This agent may use no server\n");
  return failures.length > 0 ? 1 : 0;
}

function printRefusal(
  result: CallResult,
  { json, stdout, stderr }: Context & { readonly json: boolean },
): number {
  if (json) stdout.write(`${result.json}\n`);
  else stderr.write(`${refusalText(result)}\n`);
  return 1;
}

async function ask(call: CallGateway, server: string, wanted: ToolsRequest): Promise<CallResult> {
  const given = Object.entries({ server, ...wanted }).filter(([, value]) => value !== undefined);
  const args = new JsonText(JSON.stringify(Object.fromEntries(given)));
  return readResult(await call("get_server_tools", args));
}

/** The refusal's `{error}`, as it crosses the wire. */
function errorOf(failed: CallResult): object {
  return (failed.refusal === undefined ? { error: failed.json } : ownAnswer(failed)) as object;
}

function serverText(
  { name, description, listing }: ListedServer,
  detail: ToolsRequest["detail"],
  style: TerminalStyle,
): string {
  const head = paragraph(
    escapeControls(description === undefined ? name : `${name}: ${description}`),
    style,
  );
  if (listing === undefined) return `${head}  (not available)\n`;
  if (detail !== undefined && detail !== "names") {
    return head + listing.tools.map((tool) => toolText(tool, detail, style, "  ")).join("");
  }
  const names = listing.tools.map((tool) => escapeControls(tool.name)).join(", ");
  return head + paragraph(names === "" ? "(no tools)" : names, style, "  ");
}

function toolText(
  tool: ServerListing["tools"][number],
  detail: ToolsRequest["detail"],
  style: TerminalStyle,
  indent = "",
): string {
  if (detail === "full") return `${foreignText(JSON.stringify(tool), style)}\n`;
  const head = paragraph(escapeControls(tool.signature ?? tool.name), style, indent);
  if (tool.description === undefined) return head;
  return head + paragraph(tool.description, style, `${indent}    `);
}
