import { CallerError } from "../../errors.ts";
import { longWork } from "../../long_work.ts";
import type { PinnedHashes, PinnedKind } from "../../pins/mod.ts";
import { sha256 } from "../../sha256.ts";
import { shortenText } from "../../text.ts";
import { serverCommand } from "../server_command.ts";
import { type HeldBackReason, type ItemList, LIST_WORDS, type ListKind } from "./item_list.ts";

/** The kind of the pins for each kind of list; resources are not pinned. */
const PINNED_KIND_OF_LIST = {
  tools: "tools",
  resources: undefined,
  templates: "resourceTemplates",
  prompts: "prompts",
} as const satisfies Readonly<Record<ListKind, PinnedKind | undefined>>;

/** The clause for each reason in an error. */
const CLAUSES: Readonly<Record<HeldBackReason, string>> = {
  new: "it was not there when the user pinned the server",
  changed: "it has changed since the user pinned it",
};

/** Maximum length of a name in an error, in UTF-16 code units. */
const MAX_NAME_LENGTH = 200;

/**
 * Returns a list without the items that are new or have changed since the server was pinned; the list itself if all are
 * as they were pinned.
 *
 * @param list The list as the server gave it.
 */
export async function holdBackItems(
  list: ItemList,
  { kind, pins, server }: {
    readonly kind: ListKind;
    readonly pins: PinnedHashes;
    readonly server: string;
  },
): Promise<ItemList> {
  const pinnedKind = PINNED_KIND_OF_LIST[kind];
  if (pinnedKind === undefined) return list;
  const { canonicalDefinition } = await import("../../pins/mod.ts");
  const party = `server ${server}`;
  // Hashes are computed at the same time, outside of this thread.
  const reasons: (readonly [name: string, reason: Promise<HeldBackReason | undefined>])[] = [];
  for (const { name, text: { json } } of list.items) {
    const pinned = pins[pinnedKind].get(name);
    if (pinned === undefined) {
      reasons.push([name, Promise.resolve("new")]);
      continue;
    }
    const step = longWork.runFor({ party, bytes: json.length }, () => canonicalDefinition(json));
    const canonical = step instanceof Promise ? await step : step;
    const hash = "json" in canonical ? sha256(canonical.json) : Promise.resolve(undefined);
    reasons.push([name, hash.then((current) => current === pinned ? undefined : "changed")]);
  }
  const heldBack = new Map<string, HeldBackReason>();
  for (const [name, pending] of reasons) {
    const reason = await pending;
    if (reason !== undefined) heldBack.set(name, reason);
  }
  return list.withoutItems(heldBack);
}

/** Whether two sets of pins are equal. */
export function arePinsEqual(
  one: PinnedHashes | undefined,
  other: PinnedHashes | undefined,
): boolean {
  if (one === undefined || other === undefined) return one === other;
  return Object.values(PINNED_KIND_OF_LIST).every((kind) =>
    kind === undefined ||
    (one[kind].size === other[kind].size &&
      one[kind].entries().every(([name, hash]) => other[kind].get(name) === hash))
  );
}

/**
 * Creates the error for the use of an item that is not as it was pinned.
 *
 * @param reason The reason why it is held back; `undefined` if the server does not list it any more.
 */
export function createHeldBackError(
  reason: HeldBackReason | undefined,
  { server, kind, name }: {
    readonly server: string;
    readonly kind: ListKind;
    readonly name: string;
  },
): CallerError {
  const { title } = LIST_WORDS[kind];
  const quoted = JSON.stringify(shortenText(name, MAX_NAME_LENGTH));
  const clause = reason === undefined
    ? "the server does not list it any more as the user pinned it"
    : CLAUSES[reason];
  const command = serverCommand("pin", server, "--diff");
  const update = serverCommand("pin", server, "--update");
  return new CallerError(
    "TOOL_CHANGED",
    `${title} ${quoted} of server "${server}" is held back: ${clause}`,
    {
      hint: `Tell the user to run ${command}, which shows the difference, and then ` +
        `${update} if the change is acceptable. Until then, use something else`,
      command,
    },
  );
}
