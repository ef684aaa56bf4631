import { canonicalJson } from "../canonical_json.ts";
import {
  comparePins,
  type LockFile,
  type PinDifference,
  PINNED_KINDS,
  type PinnedServerInfo,
  type ServerPins,
} from "../pins/mod.ts";
import { sha256 } from "../sha256.ts";
import { ITEM_NOUNS, quoteName } from "./pinned_items.ts";
import type { PinnableServer } from "./read_pinnable.ts";

/** A server, compared with its pins. */
export interface ServerReport {
  readonly server: string;
  readonly status: "unchanged" | "changed" | "not pinned" | "pinned" | "updated" | "failed";
  readonly differences: readonly PinDifference[];
  /** Names of items whose definition in the lock file does not have its hash. */
  readonly editedItems: readonly string[];
  readonly pinnedInfo: PinnedServerInfo | undefined;
  readonly isOtherVersion: boolean;
  readonly listed: PinnableServer["listed"];
  readonly failure: string | undefined;
}

/** Compares a server with its pins, and determines its status after the command. */
export async function createReport(
  { name, listed, failure }: PinnableServer,
  { lockFile, update, writes }: {
    readonly lockFile: LockFile;
    readonly update: boolean;
    readonly writes: boolean;
  },
): Promise<ServerReport> {
  const lockedServer = lockFile.get(name);
  const editedItems = lockedServer === undefined ? [] : await findEditedItems(lockedServer.pins);
  const commonFields = {
    server: name,
    editedItems,
    pinnedInfo: lockedServer?.serverInfo,
    listed,
    failure,
  };
  if (listed === undefined) {
    return { ...commonFields, status: "failed", differences: [], isOtherVersion: false };
  }
  if (lockedServer === undefined) {
    const status = writes ? "pinned" : "not pinned";
    return { ...commonFields, status, differences: [], isOtherVersion: false };
  }
  const differences = comparePins(lockedServer.pins, listed.pins);
  // An item that cannot be pinned is held back, whether it was pinned before or not.
  const unpinnable = listed.unpinnable.map(({ kind, name: item }): PinDifference => {
    const pinned = lockedServer.pins[kind].get(item);
    const change = pinned === undefined ? "new" : "changed";
    return { kind, name: item, change, pinned, listed: undefined };
  });
  const isUnpinnable = ({ kind, name: item }: PinDifference): boolean =>
    unpinnable.some((other) => other.kind === kind && other.name === item);
  const allDifferences = [
    ...differences.filter((difference) => !isUnpinnable(difference)),
    ...unpinnable,
  ];
  const isEqual = allDifferences.length === 0;
  const isOtherVersion =
    canonicalJson(lockedServer.serverInfo) !== canonicalJson(listed.serverInfo);
  const isChanged = !isEqual || editedItems.length > 0;
  const comparison = isEqual ? "unchanged" : "changed";
  const status = update && (isChanged || isOtherVersion) ? "updated" : comparison;
  return { ...commonFields, status, differences: allDifferences, isOtherVersion };
}

/** Finds pins whose definition does not have their hash: somebody has edited the lock file by hand. */
async function findEditedItems(pins: ServerPins): Promise<string[]> {
  const editedItems: string[] = [];
  for (const kind of PINNED_KINDS) {
    for (const [name, { sha256: hash, definition }] of pins[kind]) {
      if (await sha256(canonicalJson(definition)) === hash) continue;
      editedItems.push(`${ITEM_NOUNS[kind]} ${quoteName(name)}`);
    }
  }
  return editedItems;
}
