import { type ListKind, serverCommand } from "../downstream/mod.ts";
import {
  canonicalDefinition,
  escapeNonAscii,
  findHiddenText,
  hasMixedLetters,
  type HiddenText,
  type Pin,
  PINNED_KINDS,
  type PinnedHashes,
  type PinnedKind,
  type ServerPins,
} from "../pins/mod.ts";
import { sha256 } from "../sha256.ts";
import { escapeControls, quoteEscaped, shortenText } from "../text.ts";

/** Maximum length of a name in a message, in UTF-16 code units. */
const MAX_NAME_LENGTH = 80;

/** The list of each kind of items that are pinned. */
export const LISTS: Readonly<Record<PinnedKind, ListKind>> = {
  tools: "tools",
  resourceTemplates: "templates",
  prompts: "prompts",
};

/** The word for one item of each kind. */
export const ITEM_NOUNS: Readonly<Record<PinnedKind, string>> = {
  tools: "tool",
  resourceTemplates: "resource template",
  prompts: "prompt",
};

/** An item that a server lists. */
export interface ListedItem {
  readonly name: string;
  readonly definition: Readonly<Record<string, unknown>>;
  /** The definition as the server wrote it. */
  readonly text: { readonly json: string };
}

/** The items of a server, by kind; a kind that is absent is not known. */
export type ListedItems = Readonly<Partial<Record<PinnedKind, readonly ListedItem[]>>>;

/** Selects the lists whose items are pinned. */
export function selectListedItems(
  lists: Readonly<Partial<Record<ListKind, readonly ListedItem[] | undefined>>>,
): ListedItems {
  const kinds = PINNED_KINDS.flatMap((kind) => {
    const items = lists[LISTS[kind]];
    return items === undefined ? [] : [[kind, items] as const];
  });
  return Object.fromEntries(kinds);
}

/** An item that cannot be pinned, and why. */
export interface UnpinnableItem {
  readonly kind: PinnedKind;
  readonly name: string;
  readonly failure: string;
}

/** Pins items as they are listed. */
export async function pinItems(
  items: ListedItems,
): Promise<{ readonly pins: ServerPins; readonly unpinnable: readonly UnpinnableItem[] }> {
  const unpinnable: UnpinnableItem[] = [];
  const pins = {
    tools: new Map(),
    resourceTemplates: new Map(),
    prompts: new Map(),
  } satisfies Record<PinnedKind, Map<string, Pin>>;
  for (const kind of PINNED_KINDS) {
    for (const { name, text } of items[kind] ?? []) {
      const canonicalForm = canonicalDefinition(text.json);
      if ("failure" in canonicalForm) {
        unpinnable.push({ kind, name, failure: canonicalForm.failure });
      } else {
        const { json } = canonicalForm;
        pins[kind].set(name, { sha256: await sha256(json), definition: JSON.parse(json) });
      }
    }
  }
  return { pins, unpinnable };
}

/** Hidden text in an item. */
export interface ItemHiddenText extends HiddenText {
  readonly item: PinnedKind;
  readonly name: string;
}

/** Finds text that is meant to be hidden in the definitions of items. */
export function findItemsHiddenText(items: ListedItems): ItemHiddenText[] {
  return PINNED_KINDS.flatMap((item) =>
    (items[item] ?? []).flatMap(({ name, definition }) =>
      findHiddenText(definition).map((found) => ({ item, name, ...found }))
    )
  );
}

/** Maximum number of messages about the hidden text of a server. */
const MAX_MESSAGES = 20;

/** Describes hidden texts, each as a clause about the server. */
export function describeHiddenText(found: readonly ItemHiddenText[]): string[] {
  const messages = found.slice(0, MAX_MESSAGES).map(({ item, name, kind, path, excerpt }) =>
    `its ${ITEM_NOUNS[item]} ${quoteName(name)} may hide something from you: ${kind} in ${path}: ` +
    quoteEscaped(excerpt)
  );
  const more = found.length - messages.length;
  return more === 0 ? messages : [...messages, `it may hide something in ${more} more definitions`];
}

/** A server, and the hashes of its pins; `undefined` if it is not pinned. */
export interface PinnedServer {
  readonly server: string;
  readonly pinned: PinnedHashes | undefined;
}

/** Describes which items are held back by the pins of a server; `undefined` if none are. */
async function describeHeldBack(
  items: ListedItems,
  { server, pinned }: PinnedServer,
): Promise<string | undefined> {
  if (pinned === undefined) return undefined;
  const { pins } = await pinItems(items);
  const names = PINNED_KINDS.flatMap((kind) =>
    (items[kind] ?? []).filter(({ name }) => {
      const hash = pins[kind].get(name)?.sha256;
      return hash === undefined || hash !== pinned[kind].get(name);
    }).map(({ name }) => `${ITEM_NOUNS[kind]} ${quoteName(name)}`)
  );
  if (names.length === 0) return undefined;
  const more = names.length > MAX_MESSAGES ? ` and ${names.length - MAX_MESSAGES} more` : "";
  return `held back, because they are new or have changed since it was pinned: ` +
    `${names.slice(0, MAX_MESSAGES).join(", ")}${more}; ` +
    `${serverCommand("pin", server, "--diff")} shows the differences`;
}

/** Describes items of a server that are held back, and hidden text in items, each as a clause about the server. */
export async function describeItems(
  items: ListedItems,
  server: PinnedServer,
): Promise<string[]> {
  const heldBack = await describeHeldBack(items, server);
  return [
    ...(heldBack === undefined ? [] : [heldBack]),
    ...describeHiddenText(findItemsHiddenText(items)),
  ];
}

/** Quotes the name of an item, which a server has chosen, so that it does not look like another one. */
export function quoteName(name: string): string {
  const visibleName = hasMixedLetters(name) ? escapeNonAscii(name) : escapeControls(name);
  return quoteEscaped(shortenText(visibleName, MAX_NAME_LENGTH));
}
