import type { Caller } from "../downstream/mod.ts";
import {
  PINNED_KINDS,
  type PinnedKind,
  type PinnedServerInfo,
  type ServerPins,
} from "../pins/mod.ts";
import type { Output } from "./command.ts";
import { CommandError } from "./error_report.ts";
import { withInterrupts } from "./interrupts.ts";
import type { OpenedConfiguration } from "./open_configuration.ts";
import {
  findItemsHiddenText,
  type ItemHiddenText,
  type ListedItem,
  LISTS,
  pinItems,
  type UnpinnableItem,
} from "./pinned_items.ts";
import { ANONYMOUS_CALLER, type ProbedServers, withProbedServers } from "./probe.ts";
import { Progress } from "./progress.ts";

/** A server as it could be pinned now, or the reason why it could not be read. */
export interface PinnableServer {
  readonly name: string;
  /** Absent if the server failed. */
  readonly listed?: {
    readonly serverInfo: PinnedServerInfo;
    readonly pins: ServerPins;
    readonly unpinnable: readonly UnpinnableItem[];
    readonly hiddenText: readonly ItemHiddenText[];
  };
  /** The reason of the failure. */
  readonly failure?: string;
}

/** A caller with all capabilities, because some servers list more tools to a client that can do more. */
const CALLER: Caller = {
  ...ANONYMOUS_CALLER,
  capabilities: { elicitation: { form: {}, url: {} }, roots: {}, sampling: {} },
};

/** Starts servers, and reads everything that can be pinned. */
export async function readPinnableServers(
  names: readonly string[],
  { opened, stderr }: { readonly opened: OpenedConfiguration; readonly stderr: Output },
): Promise<PinnableServer[]> {
  const { settings, configuration: { servers }, log } = opened;
  return await withInterrupts(async (interrupts) => {
    const { signal } = interrupts;
    return await withProbedServers(
      { servers, settings, log, interrupts },
      async (probedServers) => {
        using progress = new Progress(names, {
          output: stderr,
          signal,
          mayDownload: (name) => probedServers.mayDownload(name),
        });
        return await probedServers.mapServers(names, async (name) => {
          const server = await readServer(name, { probedServers, signal });
          progress.finish(name, server.failure === undefined ? "listed" : "FAILED");
          return server;
        });
      },
    );
  });
}

async function readServer(
  name: string,
  { probedServers, signal }: {
    readonly probedServers: ProbedServers;
    readonly signal: AbortSignal;
  },
): Promise<PinnableServer> {
  try {
    const server = probedServers.servers.get(name);
    if (server === undefined) throw new Error(`There is no server ${name}`);
    const { unavailable } = server.config;
    if (unavailable !== undefined) throw new CommandError(`it is not available: ${unavailable}`);
    const items: Partial<Record<PinnedKind, readonly ListedItem[]>> = {};
    for (const kind of PINNED_KINDS) {
      const list = await server.list(LISTS[kind], { caller: CALLER, signal });
      // The missing items would be held back as new ones.
      if (list.completeness === "partial") throw new CommandError(`${list.incompleteReason}`);
      items[kind] = list.items;
    }
    const { name: ownName, version } = await server.getInfo(CALLER, signal);
    const serverInfo = {
      ...(ownName === undefined ? {} : { name: ownName }),
      ...(version === undefined ? {} : { version }),
    };
    const listed = { serverInfo, ...await pinItems(items), hiddenText: findItemsHiddenText(items) };
    return { name, listed };
  } catch (error) {
    signal.throwIfAborted();
    return { name, failure: error instanceof Error ? error.message : String(error) };
  }
}
