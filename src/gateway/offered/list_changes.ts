import type { ListKind } from "../../downstream/mod.ts";

/** The lists about whose changes clients are notified. Resource templates belong to the resources. */
export type ChangingList = "tools" | "resources" | "prompts";

/** Returns the list about which clients are notified when a list of a server changes. */
export function notifiedList(kind: ListKind): ChangingList {
  return kind === "templates" ? "resources" : kind;
}

/** Time within which several changes are one notification, in milliseconds. */
const COLLECT_MS = 100;

/**
 * Notifies one client that lists have changed: only of lists that it has requested, and once for several changes.
 */
export class ListChanges {
  readonly #notify: (list: ChangingList) => boolean;
  readonly #requestedLists = new Set<ChangingList>();
  readonly #timers = new Map<ChangingList, ReturnType<typeof setTimeout>>();
  #isClosed = false;

  /**
   * Starts without any list.
   *
   * @param notify Notifies the client; returns false if the client does not read, and has to be notified later.
   */
  constructor(notify: (list: ChangingList) => boolean) {
    this.#notify = notify;
  }

  /** Notes that the client has requested a list. */
  noteRequested(list: ChangingList): void {
    this.#requestedLists.add(list);
  }

  /** Notifies the client soon, if it has requested the list. */
  addChange(list: ChangingList): void {
    if (this.#isClosed || !this.#requestedLists.has(list) || this.#timers.has(list)) return;
    const timer = setTimeout(() => {
      this.#timers.delete(list);
      if (!this.#notify(list)) this.addChange(list);
    }, COLLECT_MS);
    this.#timers.set(list, timer);
  }

  /** Stops notifying, after the client has left. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
