/** Contract: a server's tool list, and which clients share it. */
import assert from "node:assert/strict";
import { FakeClient } from "./fake_client.ts";
import {
  DownstreamFixture,
  expectFailure,
  readResultJson,
  type TransportUnderTest,
} from "./downstream_fixture.ts";
import { createDefinition, TOOLS } from "./scripted_server.ts";

export function describeToolLists(name: string, create: () => TransportUnderTest): void {
  Deno.test(`[sessions.tool-pages] ${name}: all pages form one list, and each definition is unchanged`, async () => {
    const unusualDefinition =
      '{"name":"odd", "inputSchema":{"type":"object","big":12345678901234567890}, "new":[1.10]}';
    const pages = [[createDefinition("one"), unusualDefinition], [createDefinition("two")], [
      createDefinition("three"),
    ]];
    await using fixture = new DownstreamFixture(create(), { script: { pages } });
    const { items } = await fixture.listTools();
    assert.deepEqual(items.map((tool) => tool.name), ["one", "odd", "two", "three"]);
    assert.deepEqual(items.map((tool) => tool.text.json), pages.flat());
    const connection = await fixture.waitForConnection();
    const cursors = [];
    for (const _ of pages) {
      cursors.push((await connection.waitForMessage("tools/list")).params?.cursor);
    }
    assert.deepEqual(cursors, [undefined, "1", "2"]);
  });

  Deno.test(`[sessions.tool-pages] ${name}: a cursor that comes twice ends the list`, async () => {
    await using fixture = new DownstreamFixture(create(), {
      script: { heldMethods: ["tools/list"] },
    });
    const listing = fixture.listTools();
    const connection = await fixture.waitForConnection();
    for (const toolName of ["one", "two"]) {
      connection.answer(await connection.waitForMessage("tools/list"), {
        tools: [{ name: toolName }],
        nextCursor: "again",
      });
    }
    assert.deepEqual((await listing).items.map((tool) => tool.name), ["one", "two"]);
    assert.equal(connection.countReceived("tools/list"), 2);
  });

  Deno.test(`[sessions.odd-tools] ${name}: invalid tools are omitted and logged, the others stay`, async () => {
    const first = createDefinition("one", { first: true });
    const invalidDefinitions = ["null", "7", '"text"', "{}", '{"name":7}', "[]"];
    const pages = [[first, ...invalidDefinitions, createDefinition("one", { first: false })], [
      createDefinition("two"),
    ]];
    await using fixture = new DownstreamFixture(create(), { script: { pages } });
    const { items } = await fixture.listTools();
    assert.deepEqual(items.map((tool) => tool.text.json), [first, createDefinition("two")]);
    assert.equal(fixture.log.length, invalidDefinitions.length + 1);
    assert.match(fixture.log[0] ?? "", /Tool left out: tools\[1\] has no name server=files/);
    assert.match(fixture.log.at(-1) ?? "", /tools\[7\] has the duplicate name "one"/);
  });

  Deno.test(`[sessions.tool-list] ${name}: a server that fails to list its tools is unavailable, and one without tools/list has no tools`, async () => {
    await using fixture = new DownstreamFixture(create(), {
      script: { heldMethods: ["tools/list"] },
    });
    const listing = fixture.listTools();
    const connection = await fixture.waitForConnection();
    const sendError = async (code: number, message: string) => {
      connection.send({
        id: (await connection.waitForMessage("tools/list")).id,
        error: { code, message },
      });
    };
    await sendError(-32000, "not today");
    assert.match(await expectFailure(listing), /it did not list its tools: not today/);
    const secondListing = fixture.listTools();
    await sendError(-32601, "Method not found");
    assert.deepEqual((await secondListing).items, []);
  });

  Deno.test(`[sessions.tool-list] ${name}: a server that does not list its tools times out`, async () => {
    const script = { heldMethods: ["tools/list"] };
    await using fixture = new DownstreamFixture(create(), {
      script,
      options: { connectTimeoutMs: 1500 },
    });
    const listing = fixture.listTools();
    const connection = await fixture.waitForConnection();
    await connection.waitForMessage("tools/list");
    assert.match(
      await expectFailure(listing),
      /it answered initialize, but listed no tools within 1500 ms/,
    );
    await connection.waitForMessage("notifications/cancelled");
  });

  Deno.test(`[sessions.list-cache] ${name}: clients with equal capabilities share one list; clients with different capabilities do not`, async () => {
    await using fixture = new DownstreamFixture(create());
    const [client1, client2, rootsClient] = [
      new FakeClient("1"),
      new FakeClient("2"),
      new FakeClient("3", { roots: {} }),
    ];
    const lists = await Promise.all(
      [client1, client1, client2].map((client) => fixture.listTools(client.asAgent("a"))),
    );
    assert.ok(lists.every((list) => list === lists[0]));
    await fixture.call("echo", { caller: client2.asAgent("a") });
    assert.deepEqual(
      fixture.connections.map((connection) => connection.countReceived("tools/list")),
      [1, 0],
    );
    fixture.script = { pages: [[...TOOLS, createDefinition("more")]] };
    assert.equal((await fixture.listTools(rootsClient.asAgent("a"))).items.length, 3);
    assert.equal((await fixture.listTools(client1.asAgent("a"))).items.length, 2);
    assert.equal(fixture.server.status().tools, 3);
  });

  Deno.test(`[sessions.list-changed] ${name}: a list is requested again only after the server announces a change`, async () => {
    await using fixture = new DownstreamFixture(create());
    assert.equal((await fixture.listTools()).get("more"), undefined);
    const connection = await fixture.waitForConnection();
    connection.changeScript({ pages: [[createDefinition("more")]] });
    await connection.waitUntilAllReceived();
    assert.equal((await fixture.listTools()).get("more"), undefined);
    connection.send({ method: "notifications/tools/list_changed" });
    await connection.waitUntilAllReceived();
    assert.deepEqual((await fixture.listTools()).items.map((tool) => tool.name), ["more"]);
    await fixture.listTools();
    assert.equal(connection.countReceived("tools/list"), 2);
  });

  Deno.test(`[sessions.list-changed] ${name}: a list that changes while it is requested is requested again`, async () => {
    await using fixture = new DownstreamFixture(create(), {
      script: { heldMethods: ["tools/list"] },
    });
    const listing = fixture.listTools();
    const connection = await fixture.waitForConnection();
    const request = await connection.waitForMessage("tools/list");
    connection.send({ method: "notifications/tools/list_changed" });
    connection.answer(request, { tools: [{ name: "old" }] });
    assert.deepEqual((await listing).items.map((tool) => tool.name), ["old"]);
    const secondListing = fixture.listTools();
    connection.answer(await connection.waitForMessage("tools/list"), { tools: [{ name: "new" }] });
    assert.deepEqual((await secondListing).items.map((tool) => tool.name), ["new"]);
  });

  Deno.test(`[sessions.asked-afresh] ${name}: for an unknown tool, the list is requested once more`, async () => {
    await using fixture = new DownstreamFixture(create());
    await fixture.listTools();
    const connection = await fixture.waitForConnection();
    const [answer] = await Promise.all([fixture.call("more"), fixture.call("other")]);
    assert.ok(answer?.kind === "no-such-tool");
    assert.deepEqual(answer.tools.items.map((tool) => tool.name), ["echo", "held"]);
    assert.equal(connection.countReceived("tools/list"), 2);
    // The server does not notify the gateway that its list has changed.
    connection.changeScript({ pages: [[createDefinition("more")]] });
    assert.match(readResultJson(await fixture.call("more")), /"done"/);
    assert.equal(connection.countReceived("tools/list"), 3);
    assert.equal(connection.countReceived("tools/call"), 1);
  });

  Deno.test(`[sessions.list-cache] ${name}: the list is requested again after a reconnect`, async () => {
    await using fixture = new DownstreamFixture(create());
    await fixture.listTools();
    const connection = await fixture.waitForConnection();
    fixture.script = { pages: [[createDefinition("new")]] };
    connection.crash();
    await connection.ended;
    assert.deepEqual((await fixture.listTools()).items.map((tool) => tool.name), ["new"]);
  });
}
