import assert from "node:assert/strict";
import { fetchCatalog } from "../../src/downstream/catalog.ts";
import { createMemoryChannels, type IncomingRequest, Peer } from "../../src/jsonrpc/mod.ts";

Deno.test("[sessions.partial-list] a list without an end is cut after 1000 pages, and that is said", async () => {
  const [ours, theirs] = createMemoryChannels();
  const quiet = { notification: () => {}, noise: () => {}, closed: () => {} };
  let pages = 0;
  new Peer(theirs, {
    ...quiet,
    request: (request: IncomingRequest) => {
      pages++;
      request.reply({ tools: [{ name: `tool ${pages}` }], nextCursor: String(pages) });
    },
  });
  const peer = new Peer(ours, { ...quiet, request: () => {} });
  const options = { timeoutMs: 60_000, declaresTools: true, quote: (text: string) => text };
  const { tools, shortfall, extent } = await fetchCatalog(peer, options);
  assert.equal(pages, 1000);
  assert.equal(tools.length, 1000);
  assert.equal(shortfall, "Its list of tools is incomplete: it has more than 1000 pages");
  assert.equal(extent, "partial");
  await peer.close();
});
