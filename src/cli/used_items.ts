import type { RecordedOperation } from "./recorded_operation.ts";

/** Maximum number of names, so that a log of any content takes bounded memory and rules stay readable. */
const MAX_NAMES = 10_000;

/** The use of a tool. */
export interface ToolUse {
  /** Whether a call was let through without an approval. */
  isAllowed: boolean;
  /** Whether a call needed an approval. */
  isAsked: boolean;
}

/**
 * The items of a server that an agent has used, by name. A name is left out if the log has only its beginning, or if it has
 * a wildcard of its own: in rules, either could only be a pattern, which the agent or the server would have chosen.
 */
export interface UsedItems {
  readonly tools: Map<string, ToolUse>;
  readonly resources: Set<string>;
  readonly prompts: Set<string>;
}

/** The items that an agent has used according to the audit log. */
export class Usage {
  /** The items by server. */
  readonly servers = new Map<string, UsedItems>();
  /** Number of operations. */
  count = 0;
  /** Whether the agent has read the gateway's status over HTTP. */
  hasReadStatus = false;
  #names = 0;

  /** Whether there are more names than rules should have. */
  get isTooLarge(): boolean {
    return this.#names > MAX_NAMES;
  }

  /** Adds an operation if it was let through, or if a person was asked about it. */
  add({ access, effect, isLetThrough, isNameCut }: RecordedOperation): void {
    if (!isLetThrough && effect !== "ask") return;
    this.count++;
    if (access.kind === "status") {
      this.hasReadStatus = true;
      return;
    }
    const items = this.#itemsOf(access.server);
    if (isNameCut || hasWildcard(access)) return;
    switch (access.kind) {
      case "server":
        return;
      case "tool": {
        const { tool } = access;
        let use = items.tools.get(tool);
        if (use === undefined && !this.isTooLarge) {
          items.tools.set(tool, use = { isAllowed: false, isAsked: false });
          this.#names++;
        }
        if (use === undefined) return;
        if (effect === "ask") use.isAsked = true;
        else use.isAllowed = true;
        return;
      }
      case "resource":
        return this.#addName(items.resources, access.uri);
      case "prompt":
        return this.#addName(items.prompts, access.prompt);
    }
  }

  #addName(names: Set<string>, name: string): void {
    if (names.has(name) || this.isTooLarge) return;
    names.add(name);
    this.#names++;
  }

  #itemsOf(server: string): UsedItems {
    let items = this.servers.get(server);
    if (items === undefined) {
      items = { tools: new Map(), resources: new Set(), prompts: new Set() };
      if (!this.isTooLarge) {
        this.servers.set(server, items);
        this.#names++;
      }
    }
    return items;
  }
}

/** Whether the name of an item has a wildcard. */
function hasWildcard(access: RecordedOperation["access"]): boolean {
  switch (access.kind) {
    case "tool":
      return /[*?]/.test(access.tool);
    case "resource":
      return /[*?]/.test(access.uri);
    case "prompt":
      return /[*?]/.test(access.prompt);
    case "server":
    case "status":
      return false;
  }
}
