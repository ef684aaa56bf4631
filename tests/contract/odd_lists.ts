/** Contract: invalid lists of tools; missing tools are always reported. */
import assert from "node:assert/strict";
import type { Catalog } from "../../src/downstream/mod.ts";
import { failure, resultText, Scene, type SceneOptions, type TransportUnderTest } from "./scene.ts";
import { definition, type Fields } from "./scripted_server.ts";
import type { Tap } from "./tap.ts";

const NO_TOOLS = "It offers no tools; its resources and prompts are not passed on";
const HELD = { script: { holds: ["tools/list"] } };

/** Makes the server answer the next request for a page. */
async function page(tap: Tap, result: unknown): Promise<void> {
  tap.send({ id: (await tap.saw("tools/list")).id, result });
}

/** The list of a server whose pages the test provides. */
async function listPages(scene: Scene, ...pages: readonly unknown[]): Promise<Catalog> {
  const listing = scene.listTools();
  listing.catch(() => {});
  const tap = scene.taps.at(-1) ?? await scene.opened();
  for (const result of pages) await page(tap, result);
  return await listing;
}

export function describeOddLists(name: string, create: () => TransportUnderTest): void {
  const toolless: readonly [string, Fields][] = [
    ["answers with an error", { refuses: { "tools/list": "no such thing" } }],
    ["answers with an empty list", { pages: [[]] }],
    ["does not answer", { holds: ["tools/list"] }],
  ];
  for (const [what, script] of toolless) {
    Deno.test(`[sessions.no-tools] ${name}: a server that declares no tools and ${what} is asked once, and has none`, async () => {
      await using scene = new Scene(create(), {
        script: { ...script, capabilities: { resources: {} } },
        options: { connectTimeoutMs: 1000 },
      });
      for (let count = 0; count < 3; count++) {
        const { tools, incompleteReason } = await scene.listTools();
        assert.deepEqual([tools, incompleteReason], [[], NO_TOOLS]);
        const answer = await scene.call("any");
        assert.ok(answer.kind === "no-such-tool" && answer.catalog.incompleteReason === NO_TOOLS);
      }
      assert.equal((await scene.opened()).count("tools/list"), 1);
      assert.deepEqual(scene.log, [`warn: ${NO_TOOLS} server=files\n`]);
      assert.equal(scene.server.status().last_error, null);
    });
  }

  Deno.test(`[sessions.no-tools] ${name}: a server that does not declare its tools has them all the same`, async () => {
    const script = { capabilities: {}, pages: [[definition("one")], [definition("two")]] };
    await using scene = new Scene(create(), { script });
    const { tools, incompleteReason } = await scene.listTools();
    assert.deepEqual(tools.map((tool) => tool.name), ["one", "two"]);
    assert.equal(incompleteReason, undefined);
  });

  Deno.test(`[sessions.no-tools] ${name}: a server that declares tools and does not know tools/list is reported`, async () => {
    await using scene = new Scene(create(), HELD);
    const listing = scene.listTools();
    const tap = await scene.opened();
    const error = { code: -32601, message: "Method not found" };
    tap.send({ id: (await tap.saw("tools/list")).id, error });
    assert.match(
      (await listing).incompleteReason ?? "",
      /declares tools, but it does not know tools\/list/,
    );
  });

  const malformed: readonly [unknown, RegExp][] = [
    [null, /it answered tools\/list with null\b/],
    [[], /it answered tools\/list with an array\b/],
    ["tools", /it answered tools\/list with a string\b/],
    [{}, /it answered tools\/list without "tools", where a list belongs/],
    [{ items: [] }, /without "tools"/],
    [{ tools: null }, /it answered tools\/list with "tools": null, where a list belongs/],
    [{ tools: { a: {} } }, /with "tools": an object/],
    [{ tools: "x" }, /with "tools": a string/],
  ];
  Deno.test(`[sessions.malformed-list] ${name}: an invalid list is an error that says so, and never empty`, async () => {
    await using scene = new Scene(create(), HELD);
    for (const [result, expected] of malformed) {
      assert.match(await failure(listPages(scene, result)), expected, JSON.stringify(result));
    }
    assert.equal(scene.taps.length, 1);
  });

  const one = { tools: [{ name: "one" }, { name: "held" }], nextCursor: "2" };
  const partial: readonly [string, readonly unknown[], RegExp][] = [
    ["is no list", [one, { tools: "x" }], /page 2 is missing: it answered .* "tools": a string/],
    ["is null", [one, null], /page 2 is missing: it answered tools\/list with null/],
    [
      "leads back",
      [one, { tools: [], nextCursor: "2" }],
      /page 2 has a cursor that an earlier page had/,
    ],
    ["has a number for its cursor", [{ ...one, nextCursor: 5 }], /"nextCursor" of page 1 is 5, /],
    ["has an object for its cursor", [{ ...one, nextCursor: {} }], /"nextCursor" .* is \{\}, /],
  ];
  for (const [what, pages, expected] of partial) {
    Deno.test(`[sessions.partial-list] ${name}: a page that ${what} keeps the tools so far, and is reported`, async () => {
      await using scene = new Scene(create(), HELD);
      const { tools, incompleteReason } = await listPages(scene, ...pages);
      assert.deepEqual(tools.map((tool) => tool.name), ["one", "held"]);
      assert.match(incompleteReason ?? "", /^Its list of tools is incomplete: /);
      assert.match(incompleteReason ?? "", expected);
      assert.equal(scene.log.length, 1);
      assert.match(scene.log[0] ?? "", expected);
    });
  }

  Deno.test(`[sessions.partial-list] ${name}: a page that fails keeps the tools so far, and they can be called`, async () => {
    await using scene = new Scene(create(), HELD);
    const listing = scene.listTools();
    const tap = await scene.opened();
    await page(tap, one);
    const error = { code: -32602, message: "Invalid cursor" };
    tap.send({ id: (await tap.saw("tools/list")).id, error });
    assert.equal(
      (await listing).incompleteReason,
      "Its list of tools is incomplete: page 2 is missing: it did not list its tools: Invalid cursor",
    );
    const { answer, request } = await scene.hold();
    tap.answer(request, { content: [] });
    assert.equal(resultText(await answer), '{"content":[]}');
    assert.equal(tap.count("tools/list"), 2);
  });

  Deno.test(`[sessions.partial-list] ${name}: a page that never arrives keeps the tools so far`, async () => {
    const timed: SceneOptions = { ...HELD, options: { connectTimeoutMs: 1000 } };
    await using scene = new Scene(create(), timed);
    const { tools, incompleteReason } = await listPages(scene, one);
    assert.equal(tools.length, 2);
    assert.match(incompleteReason ?? "", /page 2 is missing: it was not answered in time/);
    // The missing page is known now; nobody waits for it a second time.
    assert.equal((await scene.listTools()).tools.length, 2);
    assert.equal(scene.taps[0]?.count("tools/list"), 2);
  });

  Deno.test(`[sessions.partial-list] ${name}: a server that ends in the middle of its list is unavailable`, async () => {
    await using scene = new Scene(create(), HELD);
    const listing = scene.listTools();
    const tap = await scene.opened();
    await page(tap, one);
    await tap.saw("tools/list");
    tap.crash();
    await failure(listing);
  });

  Deno.test(`[sessions.odd-tools] ${name}: omitted tools are logged once, however often the list is requested`, async () => {
    const odd = [definition("one"), definition("one"), definition("")];
    await using scene = new Scene(create(), { script: { pages: [odd, [definition("one")]] } });
    for (let count = 0; count < 4; count++) await scene.call("unknown");
    const tap = await scene.opened();
    assert.ok(tap.count("tools/list") > 4);
    const expected = [
      'Tool left out: tools[1] has the duplicate name "one"',
      "Tool left out: tools[2] has an empty name",
      'Tool left out: tools[0] of page 2 has the duplicate name "one"',
    ].map((line) => `warn: ${line} server=files\n`);
    assert.deepEqual(scene.log, expected);
    assert.equal((await scene.call("")).kind, "no-such-tool");
    // Another list reports what is new about it, and never more than a hundred lines in all.
    for (let round = 0; round < 10; round++) {
      const names = Array.from({ length: 15 }, (_, n) => definition(`twice ${round} ${n}`));
      tap.change({ pages: [[...names, ...names]] });
      await scene.call("unknown");
    }
    assert.equal(scene.log.length, 101);
    assert.match(scene.log.at(-1) ?? "", /Nothing more is logged about its lists of tools/);
  });
}
