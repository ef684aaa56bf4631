/** Contract: invalid and incomplete tool lists; missing tools are always reported. */
import assert from "node:assert/strict";
import type { ItemList } from "../../src/downstream/mod.ts";
import {
  DownstreamFixture,
  expectFailure,
  type FixtureOptions,
  readResultJson,
  type TransportUnderTest,
} from "./downstream_fixture.ts";
import { createDefinition, type Fields } from "./scripted_server.ts";
import type { ScriptedConnection } from "./scripted_connection.ts";

/** Options of a fixture in which the test answers each request for a page of tools. */
const HELD_LIST = { script: { heldMethods: ["tools/list"] } };

/** Makes the server answer the next request for a page of tools. */
async function sendPage(connection: ScriptedConnection, result: unknown): Promise<void> {
  connection.send({ id: (await connection.waitForMessage("tools/list")).id, result });
}

/** Lists the tools of a server that sends the given pages. */
async function listPages(
  fixture: DownstreamFixture,
  ...pages: readonly unknown[]
): Promise<ItemList> {
  const listing = fixture.listTools();
  listing.catch(() => {});
  const connection = fixture.connections.at(-1) ?? await fixture.waitForConnection();
  for (const result of pages) await sendPage(connection, result);
  return await listing;
}

export function describeInvalidToolLists(name: string, create: () => TransportUnderTest): void {
  const serversWithoutTools: readonly [string, Fields][] = [
    ["answers with an error", { refusals: { "tools/list": "no such thing" } }],
    ["answers with an empty list", { pages: [[]] }],
    ["does not answer", { heldMethods: ["tools/list"] }],
  ];
  for (const [behaviour, script] of serversWithoutTools) {
    Deno.test(`[sessions.no-tools] ${name}: a server that declares no tools and ${behaviour} is asked once and has no tools`, async () => {
      await using fixture = new DownstreamFixture(create(), {
        script: { ...script, capabilities: { resources: {} } },
        options: { connectTimeoutMs: 1000 },
      });
      for (let count = 0; count < 3; count++) {
        const { items, incompleteReason } = await fixture.listTools();
        assert.deepEqual([items, incompleteReason], [[], undefined]);
        const answer = await fixture.call("any");
        assert.ok(answer.kind === "no-such-tool" && answer.tools.completeness === "empty");
      }
      assert.equal((await fixture.waitForConnection()).countReceived("tools/list"), 1);
      assert.deepEqual(fixture.log, []);
      assert.equal(fixture.server.status().last_error, null);
    });
  }

  Deno.test(`[sessions.no-tools] ${name}: the tools of a server that does not declare the capability are listed`, async () => {
    const script = {
      capabilities: {},
      pages: [[createDefinition("one")], [createDefinition("two")]],
    };
    await using fixture = new DownstreamFixture(create(), { script });
    const { items, incompleteReason } = await fixture.listTools();
    assert.deepEqual(items.map((tool) => tool.name), ["one", "two"]);
    assert.equal(incompleteReason, undefined);
  });

  Deno.test(`[sessions.no-tools] ${name}: a server that declares tools but does not know tools/list is reported`, async () => {
    await using fixture = new DownstreamFixture(create(), HELD_LIST);
    const listing = fixture.listTools();
    const connection = await fixture.waitForConnection();
    const error = { code: -32601, message: "Method not found" };
    connection.send({ id: (await connection.waitForMessage("tools/list")).id, error });
    assert.match(
      (await listing).incompleteReason ?? "",
      /declares tools, but it does not know tools\/list/,
    );
  });

  const invalidResults: readonly [unknown, RegExp][] = [
    [null, /it answered tools\/list with null\b/],
    [[], /it answered tools\/list with an array\b/],
    ["tools", /it answered tools\/list with a string\b/],
    [{}, /it answered tools\/list without "tools", where a list belongs/],
    [{ items: [] }, /without "tools"/],
    [{ tools: null }, /it answered tools\/list with "tools": null, where a list belongs/],
    [{ tools: { a: {} } }, /with "tools": an object/],
    [{ tools: "x" }, /with "tools": a string/],
  ];
  Deno.test(`[sessions.malformed-list] ${name}: an invalid list is reported as an error, and never as an empty list`, async () => {
    await using fixture = new DownstreamFixture(create(), HELD_LIST);
    for (const [result, expected] of invalidResults) {
      assert.match(
        await expectFailure(listPages(fixture, result)),
        expected,
        JSON.stringify(result),
      );
    }
    assert.equal(fixture.connections.length, 1);
  });

  const firstPage = { tools: [{ name: "one" }, { name: "held" }], nextCursor: "2" };
  const incompleteLists: readonly [string, readonly unknown[], RegExp][] = [
    [
      "is not a list",
      [firstPage, { tools: "x" }],
      /page 2 is missing: it answered .* "tools": a string/,
    ],
    ["is null", [firstPage, null], /page 2 is missing: it answered tools\/list with null/],
    [
      "has the cursor of an earlier page",
      [firstPage, { tools: [], nextCursor: "2" }],
      /page 2 has a cursor that an earlier page had/,
    ],
    [
      "has a number for its cursor",
      [{ ...firstPage, nextCursor: 5 }],
      /"nextCursor" of page 1 is 5, /,
    ],
    [
      "has an object for its cursor",
      [{ ...firstPage, nextCursor: {} }],
      /"nextCursor" .* is \{\}, /,
    ],
  ];
  for (const [defect, pages, expected] of incompleteLists) {
    Deno.test(`[sessions.partial-list] ${name}: if a page ${defect}, the list ends with the tools so far, and the reason is reported`, async () => {
      await using fixture = new DownstreamFixture(create(), HELD_LIST);
      const { items, incompleteReason } = await listPages(fixture, ...pages);
      assert.deepEqual(items.map((tool) => tool.name), ["one", "held"]);
      assert.match(incompleteReason ?? "", /^Its list of tools is incomplete: /);
      assert.match(incompleteReason ?? "", expected);
      assert.equal(fixture.log.length, 1);
      assert.match(fixture.log[0] ?? "", expected);
    });
  }

  Deno.test(`[sessions.partial-list] ${name}: if a page fails, the tools so far can be called`, async () => {
    await using fixture = new DownstreamFixture(create(), HELD_LIST);
    const listing = fixture.listTools();
    const connection = await fixture.waitForConnection();
    await sendPage(connection, firstPage);
    const error = { code: -32602, message: "Invalid cursor" };
    connection.send({ id: (await connection.waitForMessage("tools/list")).id, error });
    assert.equal(
      (await listing).incompleteReason,
      "Its list of tools is incomplete: page 2 is missing: it did not list its tools: Invalid cursor",
    );
    const { answer, request } = await fixture.startHeldCall();
    connection.answer(request, { content: [] });
    assert.equal(readResultJson(await answer), '{"content":[]}');
    assert.equal(connection.countReceived("tools/list"), 2);
  });

  Deno.test(`[sessions.partial-list] ${name}: if a page never arrives, the list ends with the tools so far`, async () => {
    const options: FixtureOptions = { ...HELD_LIST, options: { connectTimeoutMs: 1000 } };
    await using fixture = new DownstreamFixture(create(), options);
    const { items, incompleteReason } = await listPages(fixture, firstPage);
    assert.equal(items.length, 2);
    assert.match(incompleteReason ?? "", /page 2 is missing: it was not answered in time/);
    // The second call does not request the missing page again.
    assert.equal((await fixture.listTools()).items.length, 2);
    assert.equal(fixture.connections[0]?.countReceived("tools/list"), 2);
  });

  Deno.test(`[sessions.partial-list] ${name}: a server that ends in the middle of its list is unavailable`, async () => {
    await using fixture = new DownstreamFixture(create(), HELD_LIST);
    const listing = fixture.listTools();
    const connection = await fixture.waitForConnection();
    await sendPage(connection, firstPage);
    await connection.waitForMessage("tools/list");
    connection.crash();
    await expectFailure(listing);
  });

  Deno.test(`[sessions.odd-tools] ${name}: each omitted tool is logged once, and at most a hundred per server`, async () => {
    const definitions = [createDefinition("one"), createDefinition("one"), createDefinition("")];
    await using fixture = new DownstreamFixture(create(), {
      script: { pages: [definitions, [createDefinition("one")]] },
    });
    for (let count = 0; count < 4; count++) await fixture.call("unknown");
    const connection = await fixture.waitForConnection();
    assert.ok(connection.countReceived("tools/list") > 4);
    const expected = [
      'Tool left out: tools[1] has the duplicate name "one"',
      "Tool left out: tools[2] has an empty name",
      'Tool left out: tools[0] of page 2 has the duplicate name "one"',
    ].map((line) => `warn: ${line} server=files\n`);
    assert.deepEqual(fixture.log, expected);
    assert.equal((await fixture.call("")).kind, "no-such-tool");
    // Each list logs only new findings. After a hundred findings, a last line says that no more are logged.
    for (let round = 0; round < 10; round++) {
      const newDefinitions = Array.from(
        { length: 15 },
        (_, n) => createDefinition(`twice ${round} ${n}`),
      );
      connection.changeScript({ pages: [[...newDefinitions, ...newDefinitions]] });
      await fixture.call("unknown");
    }
    assert.equal(fixture.log.length, 101);
    assert.match(fixture.log.at(-1) ?? "", /Nothing more is logged about its lists of tools/);
  });
}
