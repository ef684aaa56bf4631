import { join } from "node:path";
import { ensureServers, serverEntry, type TestServer } from "../test_servers.ts";
import { LoadClient } from "./load_client.ts";
import { AGENT, formatToolCall, type MeasuredProgram } from "./measured_programs.ts";
import { proportionalMb } from "./process_figures.ts";
import { listTree } from "./process_tree.ts";
import type { Figures } from "./summary.ts";
import { Workspace } from "./workspace.ts";

/** A call of a real server, which changes nothing. */
interface Call {
  readonly server: TestServer;
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

const CALLS: readonly Call[] = [
  { server: "everything", tool: "echo", args: { message: "x".repeat(100) } },
  { server: "filesystem", tool: "list_allowed_directories", args: {} },
  { server: "memory", tool: "read_graph", args: {} },
  { server: "memory-earlier", tool: "read_graph", args: {} },
];

/** An entry of a servers file: one of the real servers, with a folder or a file of its own. */
interface CalledServer extends Call {
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Maximum number of attempts to end the daemons. */
const MAX_ENDINGS = 5;

/** Clients that start the servers themselves; the reference. */
export const NO_GATEWAY = "no gateway";

/** The kinds of clients with a gateway, and the isolation of the servers. */
const KINDS = [
  { name: "a gateway each", isShared: false, isolation: "shared" },
  { name: "--shared, servers shared", isShared: true, isolation: "shared" },
  { name: "--shared, servers by agent", isShared: true, isolation: "agent" },
] as const;

/** One client: all of its requests go through `call`. */
interface MeasuredClient {
  readonly pids: readonly number[];
  /** Returns the client of a server, and the call for it. */
  readonly callOf: (server: CalledServer) => { readonly client: LoadClient; readonly call: string };
}

/** The numbers of clients and servers, and of the calls of which the median is taken. */
export interface SharedNumbers {
  readonly clients: number;
  readonly servers: number;
  readonly calls: number;
}

/**
 * Measures clients that are open at the same time and have each called all real servers: with a daemon that they
 * share, with a gateway each, and without a gateway.
 */
export async function measureShared(
  program: MeasuredProgram,
  numbers: SharedNumbers,
  figures: Figures,
): Promise<void> {
  await ensureServers();
  using files = new Workspace({ servers: [] });
  const servers = listServers(files.folder, numbers.servers);
  const title = `${numbers.clients} clients of ${servers.length} servers`;
  const measure = async (
    name: string,
    open: () => Promise<MeasuredClient>,
    others: () => Promise<number[]>,
  ) => {
    const clients: MeasuredClient[] = [];
    for (let index = 0; index < numbers.clients; index++) {
      const startedAt = performance.now();
      const client = await open();
      const ms = performance.now() - startedAt;
      const isFirst = index === 0;
      const figure = isFirst ? "initialize of the first client" : "initialize of a further client";
      figures.addValue(`${title}: ${figure}`, name, "ms", ms);
      await Promise.all(servers.map((server) => callOnce(client, server)));
      clients.push(client);
    }
    const pids = [...clients.flatMap((client) => client.pids), ...await others()];
    const tree = listTree(...pids).map(({ pid }) => pid);
    figures.addValue(`${title}: processes`, name, "", tree.length);
    figures.addValue(`${title}: memory (PSS)`, name, "MB", proportionalMb(tree));
    const [first] = clients;
    const [server] = servers;
    if (first === undefined || server === undefined) return;
    const { client, call } = first.callOf(server);
    await client.load({ call, count: numbers.calls, inFlight: 1, minBytes: 100 });
    const { p50 } = await client.load({ call, count: numbers.calls, inFlight: 1, minBytes: 100 });
    figures.addValue(`${title}: call of 100 B, p50`, name, "ms", p50);
  };
  await measureDirect(servers, measure);
  for (const { name, isShared, isolation } of KINDS) {
    const moreServers = serverEntries(servers, isolation);
    using workspace = new Workspace({ servers: [], moreServers });
    const env = {
      ...program.env(workspace),
      GATEWAY_AGENT: AGENT,
      GATEWAY_LOG_LEVEL: "warning",
      GATEWAY_MAX_PROCESSES: String(numbers.clients * numbers.servers),
      // The sockets are beside the two files, where no other gateway is.
      XDG_RUNTIME_DIR: workspace.folder,
    };
    const command = program.command(workspace);
    await using daemons = new Daemons(command, env);
    await using clients = new AsyncDisposableStack();
    const open = async (): Promise<MeasuredClient> => {
      const words = isShared ? [...command, "--shared"] : command;
      const client = clients.use(await LoadClient.open(words, env));
      return {
        pids: [client.pid],
        callOf: ({ name: server, tool, args }) => {
          return {
            client,
            call: formatToolCall({ name: "execute_tool", arguments: { server, tool, args } }),
          };
        },
      };
    };
    await measure(name, open, () => daemons.listIds());
  }
}

type Measure = (
  name: string,
  open: () => Promise<MeasuredClient>,
  others: () => Promise<number[]>,
) => Promise<void>;

/** Measures clients that start all servers themselves, at once. */
async function measureDirect(servers: readonly CalledServer[], measure: Measure): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const open = async (): Promise<MeasuredClient> => {
    const opened = await Promise.all(servers.map(async ({ name, command, env }) => {
      const client = stack.use(await LoadClient.open(command, env));
      return [name, client] as const;
    }));
    const clients = new Map(opened);
    return {
      pids: opened.map(([, { pid }]) => pid),
      callOf: ({ name, tool, args }) => {
        const client = clients.get(name);
        if (client === undefined) throw new Error(`There is no client of ${name}`);
        return { client, call: formatToolCall({ name: tool, arguments: args }) };
      },
    };
  };
  await measure(NO_GATEWAY, open, () => Promise.resolve([]));
}

async function callOnce(client: MeasuredClient, server: CalledServer): Promise<void> {
  const { client: connection, call } = client.callOf(server);
  const answer = await connection.request(call);
  const { result } = JSON.parse(answer);
  if (result === undefined || result.isError === true) {
    throw new Error(`The call of ${server.name} failed: ${answer}`);
  }
}

/** Returns entries of the real servers in turn. */
function listServers(folder: string, count: number): CalledServer[] {
  return Array.from({ length: count }, (_, index) => {
    const call = CALLS[index % CALLS.length] as Call;
    const name = `${call.server}-${index + 1}`;
    const path = join(folder, name);
    const isFilesystem = call.server === "filesystem";
    if (isFilesystem) Deno.mkdirSync(path);
    const command = ["node", serverEntry(call.server), ...isFilesystem ? [path] : []];
    // The file of server-memory, which the others ignore; no call creates it.
    return { ...call, name, command, env: { MEMORY_FILE_PATH: path } };
  });
}

function serverEntries(
  servers: readonly CalledServer[],
  isolation: string,
): Record<string, unknown> {
  return Object.fromEntries(servers.map(({ name, command: [command, ...args], env }) => {
    // No server ends because it is idle while further clients start.
    return [name, { command, args, env, gateway: { isolation, idle_timeout_s: 3600 } }];
  }));
}

/** The daemons that clients have started with an environment; all are ended. */
class Daemons implements AsyncDisposable {
  readonly #command: readonly string[];
  readonly #env: Readonly<Record<string, string>>;

  /** @param command The command that starts the gateway, with the flags of its files. */
  constructor(command: readonly string[], env: Readonly<Record<string, string>>) {
    this.#command = command.slice(0, command.indexOf("--mcp-config"));
    this.#env = env;
  }

  /** Returns the ids of their processes. */
  async listIds(): Promise<number[]> {
    const text = await this.#run("ps", "--json");
    return (JSON.parse(text) as { readonly pid: number }[]).map(({ pid }) => pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // On a busy machine, a daemon needs longer to end hundreds of servers than `down` waits.
    for (let attempt = 1; attempt < MAX_ENDINGS; attempt++) {
      if (await this.#run("down").then(() => true, () => false)) return;
    }
    await this.#run("down");
  }

  async #run(...words: string[]): Promise<string> {
    const [file = "", ...args] = this.#command;
    const { success, stdout, stderr } = await new Deno.Command(file, {
      args: [...args, ...words],
      env: this.#env,
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    if (!success) throw new Error(`${words.join(" ")} failed: ${decoder.decode(stderr)}`);
    return decoder.decode(stdout);
  }
}
