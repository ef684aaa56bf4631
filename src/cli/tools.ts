import { JsonText } from "../jsonrpc/mod.ts";
import { type CallResult, parseGatewayAnswer, readResult, refusalText } from "./call_result.ts";
import {
  agentFlag,
  choiceFlag,
  defineCommand,
  FILE_FLAGS,
  JSON_FLAG,
  serverFlag,
  type Streams,
  textFlag,
} from "./command.ts";
import { type CallGateway, withGateway } from "./in_process.ts";
import { openConfiguration } from "./open_configuration.ts";
import { chooseAgent, findServer } from "./resolve_names.ts";
import { paragraph } from "./table.ts";
import { escapeControls, escapeLines } from "../text.ts";
import { jsonOutput, pluralize, styleOf, type TerminalStyle } from "./terminal.ts";
import { withOwnServer } from "./with_own_server.ts";

export const command = defineCommand({
  about: "Lists what list_servers and get_server_tools show an agent, through the same " +
    "steps as any other call: identity, rules, audit. Exit code: 1 if the call fails.",
  example: "agent-mcp-gateway tools --server postgres --agent researcher",
  flags: {
    query: textFlag("Only tools that fit a text, the best first", { placeholder: "text" }),
    server: serverFlag("Only tools of this server"),
    agent: agentFlag("The agent whose tools are listed (GATEWAY_AGENT)"),
    names: textFlag("Only these tools, separated by commas", { placeholder: "names" }),
    pattern: textFlag("Only tools that match, such as get_*", { placeholder: "pattern" }),
    detail: choiceFlag("How much to print of each tool", ["full", "types", "signatures", "names"]),
    json: JSON_FLAG,
    ...FILE_FLAGS,
  },
  async run({ flags, ...streams }) {
    const { query, server, names, pattern, detail, json, ...settingFlags } = flags;
    const opened = withOwnServer(await openConfiguration(settingFlags));
    if (server !== undefined) findServer(server, opened.configuration);
    const openedForAgent = chooseAgent(opened, streams);
    const options = { opened: openedForAgent, stderr: streams.stderr, remembers: true };
    return await withGateway(options, async (call) => {
      const request = { names, pattern, detail };
      if (query !== undefined) {
        return await showFoundTools(call, { query, server, request, json, streams });
      }
      return server === undefined
        ? await showAllServers(call, { request, json, streams })
        : await showServerTools(call, { server, request, json, streams });
    });
  },
});

/** The fields of the answer of `get_server_tools` that are used here. */
interface ServerListing {
  readonly total_available: number;
  readonly returned: number;
  readonly hint?: string;
  /** The declarations of the tools, instead of `tools`; only with detail types. */
  readonly types?: string;
  readonly tools: readonly {
    readonly name: string;
    /** The server; only in the answer to a query. */
    readonly server?: string;
    readonly signature?: string;
    readonly description?: string;
  }[];
  /** Names of servers whose tools are not known yet; only in the answer to a query. */
  readonly pending?: readonly string[];
  /** Names of servers that failed; only in the answer to a query. */
  readonly unavailable?: readonly string[];
}

/** A server in the answer of `list_servers`, with the answer of `get_server_tools` about it. */
interface ListedServer {
  readonly name: string;
  readonly description?: string;
  readonly listing?: ServerListing;
  readonly failure?: CallResult;
}

interface ToolsRequest {
  readonly query?: string;
  readonly names?: string | undefined;
  readonly pattern?: string | undefined;
  readonly detail?: "full" | "types" | "signatures" | "names" | undefined;
}

interface ShowOptions {
  readonly request: ToolsRequest;
  readonly json: boolean;
  readonly streams: Streams;
}

async function showFoundTools(
  call: CallGateway,
  { query, server, request, json, streams: { stdout, stderr } }:
    & ShowOptions
    & { readonly query: string; readonly server: string | undefined },
): Promise<number> {
  const { result, failures } = await searchTools(call, { ...request, query, server });
  if (result.isError) return printRefusal(result, { json, stdout, stderr });
  const listing = parseGatewayAnswer(result) as ServerListing;
  if (json) stdout.write(jsonOutput(JSON.stringify(listing)));
  else if (listing.types !== undefined) stdout.write(typesText(listing.types));
  else {
    const style = styleOf(Deno.stdout);
    const texts = listing.tools.map((tool) => {
      const signature = `${tool.server}: ${tool.signature ?? tool.name}`;
      const displayedTool = request.detail === "full" ? tool : { ...tool, signature };
      return toolText(displayedTool, request.detail, style);
    });
    stdout.write(texts.join(""));
  }
  printNotes(listing, stderr);
  for (const failure of failures) stderr.write(`${refusalText(failure)}\n`);
  return failures.length > 0 || (listing.pending ?? []).length > 0 ? 1 : 0;
}

/** Searches tools. Unlike an agent, a command waits for servers that have not listed their tools. */
async function searchTools(
  call: CallGateway,
  { server, ...request }: ToolsRequest & { readonly server: string | undefined },
): Promise<{ readonly result: CallResult; readonly failures: readonly CallResult[] }> {
  const result = await requestTools(call, server, request);
  const { pending = [] } = result.isError ? {} : parseGatewayAnswer(result) as ServerListing;
  if (pending.length === 0) return { result, failures: [] };
  const results = await Promise.all(pending.map((name) => {
    return requestTools(call, name, { detail: "names" });
  }));
  const failures = results.filter(({ isError }) => isError);
  const [failure] = failures;
  // Another request would start the failed server again.
  if (server !== undefined && failure !== undefined) return { result: failure, failures: [] };
  return { result: await requestTools(call, server, request), failures };
}

function printNotes(
  { returned, total_available, hint, pending = [], unavailable = [] }: ServerListing,
  stderr: Streams["stderr"],
): void {
  stderr.write(`${returned} of ${pluralize(total_available, "tool")}\n`);
  const notes = [
    ...(hint === undefined ? [] : [hint]),
    ...(pending.length === 0 ? [] : [`Not listed yet: ${pending.join(", ")}`]),
    ...(unavailable.length === 0 ? [] : [`Not available: ${unavailable.join(", ")}`]),
  ];
  for (const note of notes) stderr.write(escapeLines(`${note}\n`));
}

async function showServerTools(
  call: CallGateway,
  { server, request, json, streams: { stdout, stderr } }: ShowOptions & { server: string },
): Promise<number> {
  // A signature is easier for people to read than a schema.
  const detail = request.detail ?? (json ? undefined : "signatures");
  const result = await requestTools(call, server, { ...request, detail });
  if (result.isError) return printRefusal(result, { json, stdout, stderr });
  const listing = parseGatewayAnswer(result) as ServerListing;
  const style = styleOf(Deno.stdout);
  if (json) stdout.write(jsonOutput(JSON.stringify(listing)));
  else if (listing.types !== undefined) stdout.write(typesText(listing.types));
  else stdout.write(listing.tools.map((tool) => toolText(tool, request.detail, style)).join(""));
  printNotes(listing, stderr);
  return 0;
}

async function showAllServers(
  call: CallGateway,
  { request, json, streams: { stdout, stderr } }: ShowOptions,
): Promise<number> {
  const answer = readResult(await call("list_servers", new JsonText("{}")));
  if (answer.isError) return printRefusal(answer, { json, stdout, stderr });
  const servers = parseGatewayAnswer(answer) as readonly Omit<ListedServer, "listing">[];
  const listedServers = await Promise.all(servers.map(async (server): Promise<ListedServer> => {
    const result = await requestTools(call, server.name, {
      ...request,
      detail: request.detail ?? "names",
    });
    if (result.isError) return { ...server, failure: result };
    return { ...server, listing: parseGatewayAnswer(result) as ServerListing };
  }));
  if (json) {
    const rows = listedServers.map(({ listing, failure, ...server }) => {
      return { ...server, ...listing, ...(failure === undefined ? {} : refusalError(failure)) };
    });
    stdout.write(jsonOutput(JSON.stringify(rows)));
  } else {
    const style = styleOf(Deno.stdout);
    stdout.write(
      listedServers.map((server) => serverText(server, request.detail, style)).join("\n"),
    );
  }
  const failures = listedServers.flatMap(({ failure }) => failure ?? []);
  for (const failure of failures) stderr.write(`${refusalText(failure)}\n`);
  if (listedServers.length === 0) stderr.write("This agent may use no server\n");
  return failures.length > 0 ? 1 : 0;
}

function printRefusal(
  result: CallResult,
  { json, stdout, stderr }: Streams & { readonly json: boolean },
): number {
  if (json) stdout.write(jsonOutput(result.json));
  else stderr.write(`${refusalText(result)}\n`);
  return 1;
}

async function requestTools(
  call: CallGateway,
  server: string | undefined,
  request: ToolsRequest,
): Promise<CallResult> {
  const fields = Object.entries({ server, ...request }).filter(([, value]) => value !== undefined);
  const args = new JsonText(JSON.stringify(Object.fromEntries(fields)));
  return readResult(await call("get_server_tools", args));
}

/** Returns the `{error}` of a refusal, as the gateway sent it. */
function refusalError(failure: CallResult): object {
  return (failure.refusal === undefined
    ? { error: failure.json }
    : parseGatewayAnswer(failure)) as object;
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
  if (listing.types !== undefined) return head + typesText(listing.types);
  if (detail !== undefined && detail !== "names") {
    return head + listing.tools.map((tool) => toolText(tool, detail, style, "  ")).join("");
  }
  const names = listing.tools.map((tool) => escapeControls(tool.name)).join(", ");
  return head + paragraph(names === "" ? "(no tools)" : names, style, "  ");
}

function typesText(types: string): string {
  return escapeLines(`${types}\n`);
}

function toolText(
  tool: ServerListing["tools"][number],
  detail: ToolsRequest["detail"],
  style: TerminalStyle,
  indent = "",
): string {
  if (detail === "full") return jsonOutput(JSON.stringify(tool));
  const head = paragraph(escapeControls(tool.signature ?? tool.name), style, indent);
  if (tool.description === undefined) return head;
  return head + paragraph(tool.description, style, `${indent}    `);
}
