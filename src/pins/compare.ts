import { type Pin, PINNED_KINDS, type PinnedKind, type ServerPins } from "./lock_file.ts";

/** A change of an item since it was pinned. */
export type ChangeKind = "new" | "changed" | "gone";

/** A difference between the pins of a server and what it lists. */
export interface PinDifference {
  /** The kind of item. */
  readonly kind: PinnedKind;
  /** The item's name: of a tool or a prompt, or the URI template. */
  readonly name: string;
  /** The change. */
  readonly change: ChangeKind;
  /** The pin; `undefined` if the item is new. */
  readonly pinned: Pin | undefined;
  /** The item as it is listed; `undefined` if it is gone. */
  readonly listed: Pin | undefined;
}

/** Compares the pins of a server with its listed items. Differences of listed items come first, then the gone items. */
export function comparePins(pins: ServerPins, listed: ServerPins): PinDifference[] {
  return PINNED_KINDS.flatMap((kind) => {
    const differences: PinDifference[] = [];
    for (const [name, item] of listed[kind]) {
      const pinned = pins[kind].get(name);
      if (pinned?.sha256 === item.sha256) continue;
      const change = pinned === undefined ? "new" : "changed";
      differences.push({ kind, name, change, pinned, listed: item });
    }
    for (const [name, pinned] of pins[kind]) {
      if (listed[kind].has(name)) continue;
      differences.push({ kind, name, change: "gone", pinned, listed: undefined });
    }
    return differences;
  });
}
