import type { ListKind, RememberedServer } from "../downstream/mod.ts";
import { defineCommand, FILE_FLAGS, optional, type Output, serverArgument } from "./command.ts";
import { CommandError, UsageError } from "./error_report.ts";
import { type Interrupts, withInterrupts } from "./interrupts.ts";
import { openCatalogs } from "./open_catalogs.ts";
import { openConfiguration, type OpenedConfiguration } from "./open_configuration.ts";
import { withProbedServers } from "./probe.ts";
import { findServer } from "./resolve_names.ts";
import { pluralize } from "./terminal.ts";
import { escapeControls, escapeLines } from "../text.ts";

/** The word for one item of each list. */
const NOUNS: Readonly<Record<ListKind, string>> = {
  tools: "tool",
  resources: "resource",
  templates: "resource template",
  prompts: "prompt",
};

export const command = defineCommand({
  about: "Starts servers, and updates what the gateway remembers of them: tools, resources and " +
    "prompts. Exit code: 1 if a server fails.",
  example: "agent-mcp-gateway refresh postgres",
  flags: FILE_FLAGS,
  args: [optional(serverArgument("Name of the server; default: all servers"))],
  async run({ flags, args: [name], stdout, stderr }) {
    const opened = await openConfiguration(flags);
    const { configuration } = opened;
    const names = name === undefined
      ? [...configuration.servers.keys()]
      : [findKnownServer(name, opened)];
    return await withInterrupts((interrupts) => {
      return refresh(names, { opened, interrupts, stdout, stderr });
    });
  },
});

/** @throws {CommandError} if the server is not configured, or is not used. */
function findKnownServer(name: string, { configuration }: OpenedConfiguration): string {
  try {
    return findServer(name, configuration).name;
  } catch (error) {
    throw error instanceof UsageError ? new CommandError(error.message) : error;
  }
}

async function refresh(
  names: readonly string[],
  { opened, interrupts, stdout, stderr }: {
    readonly opened: OpenedConfiguration;
    readonly interrupts: Interrupts;
    readonly stdout: Output;
    readonly stderr: Output;
  },
): Promise<number> {
  const { settings, configuration: { servers }, log } = opened;
  const catalogs = openCatalogs(log);
  if (catalogs === undefined) {
    throw new CommandError("There is no home folder, so nothing can be remembered: set HOME");
  }
  let hasFailed = false;
  await withProbedServers(
    { servers, settings, log, interrupts, catalogs },
    async (probedServers) => {
      await probedServers.mapServers(names, async (name) => {
        try {
          const unavailable = servers.get(name)?.unavailable;
          if (unavailable !== undefined) {
            throw new CommandError(`Server "${name}" is not available: ${unavailable}`);
          }
          const counts = await probedServers.servers.get(name)?.remembered.refresh();
          interrupts.signal.throwIfAborted();
          stdout.write(`${escapeControls(name)}: ${describeCounts(counts)}\n`);
        } catch (error) {
          interrupts.signal.throwIfAborted();
          hasFailed = true;
          stderr.write(escapeLines(`${error instanceof Error ? error.message : error}\n`));
        }
      });
    },
  );
  await catalogs.close();
  return hasFailed ? 1 : 0;
}

function describeCounts(counts: Awaited<ReturnType<RememberedServer["refresh"]>> = {}): string {
  const texts = Object.entries(counts).filter(([kind, count]) => kind === "tools" || count > 0)
    .map(([kind, count]) => pluralize(count, NOUNS[kind as ListKind]));
  return texts.join(", ");
}
