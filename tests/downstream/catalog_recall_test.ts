import { CatalogRecall, type CatalogRecallOptions } from "../../src/downstream/catalog_recall.ts";
import { ItemList, type ListKind, ServerLists } from "../../src/downstream/catalog/mod.ts";
import { CatalogStore } from "../../src/downstream/remembered/mod.ts";
import type { ReadingOwner } from "../../src/downstream/read_lists.ts";
import { JsonText } from "../../src/jsonrpc/mod.ts";
import { createLog } from "../../src/log.ts";
import { TempFolder } from "../config/temp_folder.ts";
import { waitUntil } from "../e2e/wait.ts";

const CONFIG = {
  name: "s",
  connection: { kind: "stdio", command: "server", args: [], env: {} },
  options: { inheritEnv: [] },
  fingerprint: "s",
} as unknown as CatalogRecallOptions["config"];

const POOL = {
  holdSession: () => ({ [Symbol.dispose]: () => {} }),
} as unknown as CatalogRecallOptions["pool"];

/** A session whose list of tools has one tool, and the number of times that it was requested. */
class ListedSession {
  readonly isAltered = false;
  readonly isCalled = false;
  readonly info = { revision: "2025-11-25", hasTools: true };
  tool = "before";
  requests = 0;

  list(kind: ListKind): Promise<ItemList> {
    if (kind !== "tools") return Promise.resolve(new ItemList([], { completeness: "empty" }));
    this.requests++;
    const definition = { name: this.tool };
    const text = new JsonText(JSON.stringify(definition));
    return Promise.resolve(new ItemList([{ name: this.tool, definition, text }]));
  }
}

function ownerOf(session: ListedSession, capabilitiesKey: string): ReadingOwner {
  return { session, capabilitiesKey } as unknown as ReadingOwner;
}

Deno.test("[catalogs.announced] changes that are announced to clients with different capabilities are all read", async () => {
  using folder = new TempFolder();
  const log = createLog();
  const store = new CatalogStore(`${folder.path}/gateway/catalogs`, {
    log,
    cwd: folder.path,
    env: new Map(),
  });
  const lists = new ServerLists({ server: CONFIG.name, log });
  const memory = () => undefined;
  const recall = new CatalogRecall({
    config: CONFIG,
    store,
    lists,
    pool: POOL,
    memory,
    log,
    probedAt: () => undefined,
  });
  const sessions = [new ListedSession(), new ListedSession()] as const;
  const owners = [ownerOf(sessions[0], "{}"), ownerOf(sessions[1], '{"roots":{}}')];
  for (const owner of owners) await recall.read(owner);
  for (const [index, owner] of owners.entries()) {
    Object.assign(sessions[index] ?? {}, { tool: "after" });
    lists.forgetChanged(owner, ["tools"]);
  }
  const { now } = performance;
  // The lists were read a while ago, so that the next read need not be put off.
  performance.now = () => now.call(performance) + 60_000;
  try {
    for (const owner of owners) recall.noteChange(owner);
    await waitUntil("both sessions have listed again", () => {
      return sessions.every(({ requests }) => requests === 2);
    }, 5000);
    await store.finishReading();
    for (const owner of owners) {
      const catalog = await store.read(CONFIG, owner.capabilitiesKey);
      if (catalog?.lists.tools?.items[0]?.name !== "after") throw new Error("It is not remembered");
    }
  } finally {
    performance.now = now;
    recall.close();
    await store.close();
  }
});
