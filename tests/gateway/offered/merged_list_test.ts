import assert from "node:assert/strict";
import fc from "fast-check";
import type { Item } from "../../../src/downstream/mod.ts";
import {
  type ListPart,
  type ListPosition,
  type PageOptions,
  readPage,
} from "../../../src/gateway/offered/merged_list.ts";
import { JsonText } from "../../../src/jsonrpc/mod.ts";

function createItem(name: string, text: string = JSON.stringify({ name })): Item {
  return { name, definition: { name }, text: new JsonText(text) };
}

function createPart(server: string, serverIndex: number, names: readonly string[]): ListPart {
  const items = names.map((name) => createItem(name));
  const byName = new Map(items.map((item) => [item.name, item]));
  return { server, serverIndex, list: { items, get: (name) => byName.get(name) } };
}

const ALL: PageOptions = {
  after: undefined,
  allows: () => true,
  mergesNames: true,
  runStep: (step) => step(),
};

/** Reads all pages, and returns their items as `server item`. */
async function readAll(
  parts: readonly ListPart[],
  options: Partial<PageOptions> = {},
): Promise<string[][]> {
  const pages: string[][] = [];
  let after: ListPosition | undefined;
  do {
    const { items, next } = await readPage(parts, { ...ALL, ...options, after });
    pages.push(items.map(({ server, item }) => `${server} ${item.name}`));
    after = next;
  } while (after !== undefined);
  return pages;
}

function numberedNames(count: number): string[] {
  return Array.from({ length: count }, (_, number) => `n${number}`);
}

Deno.test("[offered.merged] the items are in the order of the servers, and the first server has a name that several list", async () => {
  const parts = [createPart("a", 0, ["x", "y"]), createPart("b", 1, ["y", "z", "x"])];
  assert.deepEqual(await readAll(parts), [["a x", "a y", "b z"]]);
  assert.deepEqual(await readAll(parts, { mergesNames: false }), [
    ["a x", "a y", "b y", "b z", "b x"],
  ]);
  const allows = (server: string, { name }: Item) => server !== "a" || name !== "y";
  assert.deepEqual(await readAll(parts, { allows }), [["a x", "b y", "b z"]]);
});

Deno.test("[offered.pages] a page has at most 500 items, and no empty page follows the last item", async () => {
  const sizes = async (counts: readonly number[]): Promise<number[]> => {
    const parts = counts.map((count, index) =>
      createPart(`s${index}`, index, numberedNames(count))
    );
    return (await readAll(parts, { mergesNames: false })).map(({ length }) => length);
  };
  assert.deepEqual(await sizes([0]), [0]);
  assert.deepEqual(await sizes([500]), [500]);
  assert.deepEqual(await sizes([501]), [500, 1]);
  assert.deepEqual(await sizes([300, 0, 700, 1]), [500, 500, 1]);
});

Deno.test("[offered.pages] a page of long definitions has fewer items", async () => {
  const long = (name: string) =>
    createItem(name, JSON.stringify({ name, text: "x".repeat(1.5e6) }));
  const items = ["a", "b", "c"].map(long);
  const parts = [{ server: "s", serverIndex: 0, list: { items, get: () => undefined } }];
  assert.deepEqual(await readAll(parts), [["s a", "s b"], ["s c"]]);
});

Deno.test("[offered.pages] changes between two pages neither repeat nor skip other items", async () => {
  const names = numberedNames(600);
  const second = createPart("b", 1, ["b"]);
  const parts = [createPart("a", 0, names), second];
  const { next } = await readPage(parts, ALL);
  assert.equal(next?.item, "n499");
  const rest = async (changedParts: readonly ListPart[]): Promise<readonly string[]> => {
    const { items } = await readPage(changedParts, { ...ALL, after: next });
    return items.map(({ item }) => item.name);
  };
  const expected = [...names.slice(500), "b"];
  assert.deepEqual(await rest(parts), expected);
  // Items were added and removed before the position, and the last item of the page was removed.
  assert.deepEqual(await rest([createPart("a", 0, ["new", ...names]), second]), expected);
  assert.deepEqual(await rest([createPart("a", 0, names.slice(10)), second]), expected);
  const withoutLast = names.filter((name) => name !== "n499");
  assert.deepEqual(await rest([createPart("a", 0, withoutLast), second]), expected);
  // The server is gone, or has failed.
  assert.deepEqual(await rest([second]), ["b"]);
  assert.deepEqual(await rest([createPart("0", 0, ["0"]), second]), ["0", "b"]);
});

Deno.test("[offered.merged] a merged list agrees with its definition for any lists", async () => {
  const anyNames = fc.uniqueArray(fc.constantFrom(..."abcdefgh"), { maxLength: 6 });
  const allItems = ["s0", "s1", "s2"].flatMap((server) =>
    Array.from("abcdefgh", (name) => `${server}${name}`)
  );
  const anyDenied = fc.subarray(allItems);
  await fc.assert(
    fc.asyncProperty(fc.array(anyNames, { maxLength: 4 }), anyDenied, async (lists, denied) => {
      const parts = lists.map((names, index) => createPart(`s${index}`, index, names));
      const allows = (server: string, { name }: Item) => !denied.includes(`${server}${name}`);
      const seen = new Set<string>();
      const expected = parts.flatMap(({ server, list }) =>
        list.items.filter((item) => allows(server, item) && !seen.has(item.name))
          .map((item) => (seen.add(item.name), `${server} ${item.name}`))
      );
      assert.deepEqual((await readAll(parts, { allows })).flat(), expected);
    }),
  );
});
