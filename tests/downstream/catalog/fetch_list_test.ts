import assert from "node:assert/strict";
import { Budget } from "../../../src/budget.ts";
import { fetchList, type ItemList } from "../../../src/downstream/catalog/mod.ts";
import { ListInterner } from "../../../src/downstream/catalog/list_interner.ts";
import { OLDEST_CODEC } from "../../../src/downstream/revisions/mod.ts";
import { createMemoryChannels, type IncomingRequest, Peer } from "../../../src/jsonrpc/mod.ts";

/** Fetches the list of a server with an endless list; returns it with the number of requested pages. */
async function fetchEndlessList(
  createToolNames: (page: number) => string[],
  memory?: Budget,
  createMembers: (name: string) => object = () => ({}),
  kind: "tools" | "resources" = "tools",
): Promise<{ list: ItemList; pageCount: number }> {
  const [gatewayChannel, serverChannel] = createMemoryChannels();
  const ignoringHandlers = { notification: () => {}, unexpected: () => {}, closed: () => {} };
  let pageCount = 0;
  new Peer(serverChannel, {
    ...ignoringHandlers,
    request: (request: IncomingRequest) => {
      const items = createToolNames(++pageCount).map((name) => ({
        [kind === "tools" ? "name" : "uri"]: name,
        ...createMembers(name),
      }));
      request.reply({ [kind]: items, nextCursor: String(pageCount) });
    },
  });
  const peer = new Peer(gatewayChannel, { ...ignoringHandlers, request: () => {} });
  const list = await fetchList({
    kind,
    listPage: (cursor, signal) => OLDEST_CODEC.list(peer, { kind, cursor, signal }),
    timeoutMs: 60_000,
    isDeclared: true,
    quote: (text) => text,
    memory,
  });
  await peer.close();
  return { list, pageCount };
}

Deno.test("[sessions.partial-list] an endless list is cut after 1000 pages, and the list gives the reason", async () => {
  const { list, pageCount } = await fetchEndlessList((page) => [`tool ${page}`]);
  assert.equal(pageCount, 1000);
  assert.equal(list.items.length, 1000);
  assert.equal(
    list.incompleteReason,
    "Its list of tools is incomplete: it has more than 1000 pages",
  );
  assert.equal(list.completeness, "partial");
});

Deno.test("[sessions.partial-list] a list is cut before the page with which it exceeds 10000 tools", async () => {
  const { list, pageCount } = await fetchEndlessList((page) => {
    return Array.from({ length: 4_000 }, (_, index) => `${page}.${index}`);
  });
  assert.equal(pageCount, 3);
  assert.equal(list.items.length, 8_000);
  assert.equal(
    list.incompleteReason,
    "Its list of tools is incomplete: page 3 is missing: its list of tools has more than 10000 entries",
  );
});

Deno.test("[sessions.odd-tools] a tool whose definition has more than 1 MiB is left out", async () => {
  const maxLength = 1024 * 1024;
  const frameLength = JSON.stringify({ name: "a", x: "" }).length;
  const { list } = await fetchEndlessList(
    (page) => page === 1 ? ["a", "b"] : [],
    undefined,
    (name) => ({ x: "x".repeat(maxLength - frameLength + (name === "a" ? 0 : 1)) }),
  );
  assert.deepEqual(list.items.map(({ name }) => name), ["a"]);
  assert.deepEqual(list.leftOut, ["tools[1] has a definition of more than 1 MiB"]);
});

Deno.test("[sessions.odd-tools] a tool whose name has more than 256 characters is left out", async () => {
  const { list } = await fetchEndlessList((page) => {
    return page === 1 ? ["n".repeat(256), "n".repeat(257)] : [];
  });
  assert.deepEqual(list.items.map(({ name }) => name.length), [256]);
  assert.deepEqual(list.leftOut, ["tools[1] has a name that is too long"]);
});

Deno.test("[servers.list-limits] a list of resources has the limits of a list of tools, but URIs may be longer, and it counts in the same memory", async () => {
  const memory = new Budget(100_000_000);
  const { list } = await fetchEndlessList(
    (page) => {
      return page === 1
        ? ["u".repeat(4096), "u".repeat(4097)]
        : Array.from({ length: 4000 }, (_, index) => `test://${page}/${index}`);
    },
    memory,
    () => ({}),
    "resources",
  );
  assert.equal(list.items.length, 8001);
  assert.equal(list.get("u".repeat(4096))?.name.length, 4096);
  assert.deepEqual(list.leftOut, ["resources[1] has a URI that is too long"]);
  assert.equal(
    list.incompleteReason,
    "Its list of resources is incomplete: page 4 is missing: its list of resources has more than 10000 entries",
  );
  assert.ok(memory.used > 8000 * 20, String(memory.used));
  const small = new Budget(2 * memory.used, memory);
  small.add(small.max);
  await assert.rejects(
    fetchEndlessList(() => ["test://a"], small, () => ({}), "resources"),
    /its lists of resources do not fit into its share of the memory/,
  );
});

Deno.test("[memory.catalogs] lists of tools count in the memory of their server, equal ones once, and further ones are refused or cut", async () => {
  const memory = new Budget(4_000_000);
  const store = new ListInterner();
  const fetch = async (prefix: string) => {
    const { list } = await fetchEndlessList((page) => {
      return page <= 2
        ? Array.from({ length: 1000 }, (_, index) => `${prefix} ${page} ${index}`)
        : [];
    }, memory);
    return await store.keep(list);
  };
  const first = await fetch("a");
  const { used } = memory;
  assert.ok(used > 2000 * 64, String(used));
  assert.equal(await fetch("a"), first);
  assert.equal(memory.used, used);
  const others: ItemList[] = [];
  await assert.rejects(async () => {
    for (;;) {
      const list = await fetch(`b${others.length}`);
      others.push(list);
      const { incompleteReason = "" } = list;
      if (!incompleteReason.includes("1000 pages")) throw new Error(incompleteReason);
    }
  }, /its lists of tools do not fit into its share of the memory, a quarter of GATEWAY_MAX_HELD/);
  assert.ok(memory.used <= memory.max);
});
