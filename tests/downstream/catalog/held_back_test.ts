import assert from "node:assert/strict";
import fc from "fast-check";
import { Budget } from "../../../src/budget.ts";
import {
  ItemList,
  type ListingSession,
  ListMemory,
  ServerLists,
} from "../../../src/downstream/catalog/mod.ts";
import { JsonText } from "../../../src/jsonrpc/mod.ts";
import { createLog } from "../../../src/log.ts";
import { canonicalDefinition, type PinnedHashes } from "../../../src/pins/mod.ts";
import { sha256 } from "../../../src/sha256.ts";

type Definition = Readonly<Record<string, unknown>>;

function listOf(definitions: readonly Definition[], memory?: ListMemory): ItemList {
  const items = definitions.map((definition) => {
    const text = new JsonText(JSON.stringify(definition));
    return { name: String(definition.name), definition, text };
  });
  return new ItemList(items, memory === undefined ? {} : { memory });
}

async function pinsOf(definitions: readonly Definition[]): Promise<PinnedHashes> {
  const tools = new Map<string, string>();
  for (const definition of definitions) {
    const canonical = canonicalDefinition(JSON.stringify(definition));
    if ("json" in canonical) tools.set(String(definition.name), await sha256(canonical.json));
  }
  return { tools, resourceTemplates: new Map(), prompts: new Map() };
}

function createLists(onWarning: (line: string) => void = () => {}): ServerLists {
  const log = { ...createLog({ level: "error" }), warn: onWarning };
  return new ServerLists({ server: "s", log });
}

/** Lists the same tools whenever it is asked. */
function sessionOf(list: ItemList): ListingSession {
  return { isAltered: false, list: () => Promise.resolve(list) };
}

function ownerOf(session: ListingSession) {
  return { session, capabilitiesKey: "{}" };
}

const READ = { name: "read", description: "Reads" };
const WRITE = { name: "write", description: "Writes" };

Deno.test("[pins.enforced] a list without differences is the list as the server gave it, and others keep it as their whole list", async () => {
  const lists = createLists();
  const pins = await pinsOf([READ, WRITE]);
  assert.equal(lists.setPins(pins), true);
  const whole = listOf([READ, WRITE]);
  const owner = ownerOf(sessionOf(whole));
  assert.equal(await lists.of("tools").fetchList(owner), whole);
  assert.equal(lists.setPins(await pinsOf([READ, WRITE])), false);
  assert.equal(lists.of("tools").cachedList(owner), whole);
  assert.equal(lists.setPins(await pinsOf([READ])), true);
  assert.equal(lists.of("tools").cachedList(owner), undefined);
  const accepted = await lists.of("tools").fetchList(owner);
  assert.deepEqual(accepted.items.map(({ name }) => name), ["read"]);
  assert.equal(accepted.get("write"), undefined);
  assert.deepEqual([...accepted.heldBack], [["write", "new"]]);
  assert.equal(accepted.whole, whole);
  assert.equal(lists.heldBackCount, 1);
  assert.equal(lists.setPins(undefined), true);
  assert.equal(await lists.of("tools").fetchList(owner), whole);
});

Deno.test("[pins.watched] pins that change while a list arrives decide about it", async () => {
  const lists = createLists();
  lists.setPins(await pinsOf([READ, WRITE]));
  const arrival = Promise.withResolvers<ItemList>();
  const owner = ownerOf({ isAltered: false, list: () => arrival.promise });
  const fetching = lists.of("tools").fetchList(owner);
  const later = await pinsOf([READ]);
  arrival.resolve(listOf([READ, WRITE]));
  // One microtask later, the list is compared with the earlier pins.
  await Promise.resolve();
  lists.setPins(later);
  assert.deepEqual((await fetching).items.map(({ name }) => name), ["read"]);
});

Deno.test("[pins.enforced] the log names what is held back once, without its characters that hide something", async () => {
  const warnings: string[] = [];
  const lists = createLists((line) => warnings.push(line));
  lists.setPins(await pinsOf([READ]));
  const definitions = [READ, { name: "a\u202eb\nc" }];
  await lists.of("tools").fetchList(ownerOf(sessionOf(listOf(definitions))));
  await lists.of("tools").fetchList(ownerOf(sessionOf(listOf(definitions))));
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /: 1 tools: "a\\u202eb\\nc"; agent-mcp-gateway pin s --diff/);
});

Deno.test("[pins.enforced] a list whose items are held back takes the memory of the whole list, once", async () => {
  const budget = new Budget(1000);
  const memory = new ListMemory(budget);
  assert.ok(memory.take(600));
  const lists = createLists();
  lists.setPins(await pinsOf([READ]));
  const list = await lists.of("tools").fetchList(ownerOf(sessionOf(listOf([READ, WRITE], memory))));
  assert.equal(list.items.length, 1);
  assert.equal(budget.isExceeded(500), true);
  assert.ok(list.takeMemory(300));
  assert.equal(budget.isExceeded(200), true);
  list.free();
  assert.equal(budget.isExceeded(900), false);
});

Deno.test("[pins.enforced] only definitions that are equal as JSON values, but for _meta and icons, are shown", async () => {
  const name = fc.constantFrom("a", "b", "c", "d");
  const value = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.dictionary(fc.string(), fc.nat(3)),
  );
  const definition = fc.tuple(name, fc.dictionary(fc.constantFrom("x", "_meta", "icons"), value))
    .map(([ownName, members]): Definition => ({ ...members, name: ownName }));
  const definitions = fc.uniqueArray(definition, { selector: ({ name: own }) => own });
  await fc.assert(fc.asyncProperty(definitions, definitions, async (pinned, listed) => {
    const lists = createLists();
    lists.setPins(await pinsOf(pinned));
    const list = await lists.of("tools").fetchList(ownerOf(sessionOf(listOf(listed))));
    const relevant = ({ _meta, icons: _icons, ...members }: Definition) => sorted(members);
    const expected = listed.filter((one) =>
      pinned.some((other) => sorted(relevant(one)) === sorted(relevant(other)))
    );
    assert.deepEqual(list.items.map((item) => item.definition), expected);
    assert.equal(list.heldBack.size, listed.length - expected.length);
  }));
});

/** Writes a value as JSON with sorted keys; an oracle that shares no code with the one that is tested. */
function sorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sorted)}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([one], [other]) => one < other ? -1 : 1);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${sorted(member)}`)}}`;
}
