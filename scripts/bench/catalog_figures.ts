import { AGENT, formatToolCall, type MeasuredProgram } from "./measured_programs.ts";
import { LoadClient } from "./load_client.ts";
import { proportionalMb } from "./process_figures.ts";
import { listTree } from "./process_tree.ts";
import type { Figures } from "./summary.ts";
import { Workspace } from "./workspace.ts";

/** Number of tools of each server, besides those that every echo server has. */
const TOOLS_FLAG = "--tools=18";

/** Number of servers that each gateway calls. */
const CALLED_SERVERS = 2;

/** Maximum time for all servers to start, in milliseconds. */
const MAX_START_MS = 180_000;

/** Interval between two checks of what has started, in milliseconds. */
const CHECK_MS = 500;

/** Number of checks in a row with the same processes, after which no more are expected. */
const STABLE_CHECKS = 4;

/** The numbers of gateways and servers. */
export interface CatalogNumbers {
  readonly gateways: number;
  readonly servers: number;
}

/**
 * Measures gateways that start at the same time with the same servers, and each call two of them: time from the start
 * to the answer of `get_server_tools`, processes, and memory. With `auto`, the catalogs are remembered; `eager` is the
 * reference.
 */
export async function measureCatalogs(
  program: MeasuredProgram,
  numbers: CatalogNumbers,
  figures: Figures,
): Promise<void> {
  const flags = Array.from({ length: numbers.servers }, () => [TOOLS_FLAG]);
  using workspace = new Workspace({ servers: flags });
  await rememberCatalogs(program, { workspace, count: numbers.servers });
  const title = `${numbers.gateways} gateways of ${numbers.servers} servers`;
  for (const strategy of ["auto", "eager"]) {
    const env = { ...program.env(workspace), GATEWAY_INIT_STRATEGY: strategy };
    await using clients = new AsyncDisposableStack();
    const pids = await Promise.all(
      Array.from({ length: numbers.gateways }, async (_, index) => {
        const startedAt = performance.now();
        const client = clients.use(await LoadClient.open(program.command(workspace), env));
        await client.request(callTool("get_server_tools", { server: serverName(0) }));
        const ms = performance.now() - startedAt;
        figures.addValue(`${title}: start to the answer of get_server_tools`, strategy, "ms", ms);
        for (let call = 0; call < CALLED_SERVERS; call++) {
          const server = serverName((index * CALLED_SERVERS + call) % numbers.servers);
          const args = { server, tool: "echo_read", args: { n: 10 } };
          await client.request(callTool("execute_tool", args));
        }
        return client.pid;
      }),
    );
    const tree = await waitForProcesses(pids);
    figures.addValue(`${title}: processes`, strategy, "", tree.length);
    figures.addValue(`${title}: memory (PSS)`, strategy, "MB", proportionalMb(tree));
  }
}

/** Runs a gateway until it remembers all catalogs. */
async function rememberCatalogs(
  program: MeasuredProgram,
  { workspace, count }: { readonly workspace: Workspace; readonly count: number },
): Promise<void> {
  await using _client = await LoadClient.open(program.command(workspace), program.env(workspace));
  const endsAt = performance.now() + MAX_START_MS;
  while (countCatalogs(workspace) < count) {
    if (performance.now() > endsAt) throw new Error(`Not all of ${count} catalogs are remembered`);
    await pause();
  }
}

function countCatalogs({ cache }: Workspace): number {
  try {
    return [...Deno.readDirSync(`${cache}/agent-mcp-gateway/catalogs`)]
      .filter(({ name }) => name.endsWith(".catalog")).length;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/** Waits until no more processes start, and returns the ids of all processes. */
async function waitForProcesses(pids: readonly number[]): Promise<number[]> {
  const endsAt = performance.now() + MAX_START_MS;
  let previous = -1;
  for (let stableChecks = 0;;) {
    const tree = listTree(...pids).map(({ pid }) => pid);
    stableChecks = tree.length === previous ? stableChecks + 1 : 0;
    if (stableChecks === STABLE_CHECKS || performance.now() > endsAt) return tree;
    previous = tree.length;
    await pause();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, CHECK_MS));
}

function callTool(name: string, args: Readonly<Record<string, unknown>>): string {
  return formatToolCall({ name, arguments: { agent_id: AGENT, ...args } });
}

function serverName(index: number): string {
  return index === 0 ? "echo" : `echo_${index}`;
}
