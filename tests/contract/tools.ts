/** Contract: a server's list of tools, and who shares it. */
import assert from "node:assert/strict";
import { Client } from "./client.ts";
import { failure, resultText, Scene, type TransportUnderTest } from "./scene.ts";
import { definition, TOOLS } from "./scripted_server.ts";

export function describeTools(name: string, create: () => TransportUnderTest): void {
  Deno.test(`[sessions.tool-pages] ${name}: all pages are one list, each definition unchanged`, async () => {
    const odd =
      '{"name":"odd", "inputSchema":{"type":"object","big":12345678901234567890}, "new":[1.10]}';
    const pages = [[definition("one"), odd], [definition("two")], [definition("three")]];
    await using scene = new Scene(create(), { script: { pages } });
    const { tools } = await scene.listTools();
    assert.deepEqual(tools.map((tool) => tool.name), ["one", "odd", "two", "three"]);
    assert.deepEqual(tools.map((tool) => tool.text.json), pages.flat());
    const tap = await scene.opened();
    const cursors = [];
    for (const _ of pages) cursors.push((await tap.saw("tools/list")).params?.cursor);
    assert.deepEqual(cursors, [undefined, "1", "2"]);
  });

  Deno.test(`[sessions.tool-pages] ${name}: a cursor that comes twice ends the list`, async () => {
    await using scene = new Scene(create(), { script: { holds: ["tools/list"] } });
    const listing = scene.listTools();
    const tap = await scene.opened();
    for (const name of ["one", "two"]) {
      tap.answer(await tap.saw("tools/list"), { tools: [{ name }], nextCursor: "again" });
    }
    assert.deepEqual((await listing).tools.map((tool) => tool.name), ["one", "two"]);
    assert.equal(tap.count("tools/list"), 2);
  });

  Deno.test(`[sessions.odd-tools] ${name}: invalid tools are omitted and logged, the others stay`, async () => {
    const first = definition("one", { first: true });
    const odd = ["null", "7", '"text"', "{}", '{"name":7}', "[]"];
    const pages = [[first, ...odd, definition("one", { first: false })], [definition("two")]];
    await using scene = new Scene(create(), { script: { pages } });
    const { tools } = await scene.listTools();
    assert.deepEqual(tools.map((tool) => tool.text.json), [first, definition("two")]);
    assert.equal(scene.log.length, odd.length + 1);
    assert.match(scene.log[0] ?? "", /Tool left out: tools\[1\] has no name server=files/);
    assert.match(scene.log.at(-1) ?? "", /tools\[7\] has the duplicate name "one"/);
  });

  Deno.test(`[sessions.tool-list] ${name}: a server without tools has none, one that fails is unavailable`, async () => {
    await using scene = new Scene(create(), { script: { holds: ["tools/list"] } });
    const listing = scene.listTools();
    const tap = await scene.opened();
    const fail = async (code: number, message: string) => {
      tap.send({ id: (await tap.saw("tools/list")).id, error: { code, message } });
    };
    await fail(-32000, "not today");
    assert.match(await failure(listing), /it did not list its tools: not today/);
    const next = scene.listTools();
    await fail(-32601, "Method not found");
    assert.deepEqual((await next).tools, []);
  });

  Deno.test(`[sessions.tool-list] ${name}: a server that does not list its tools times out`, async () => {
    const script = { holds: ["tools/list"] };
    await using scene = new Scene(create(), { script, options: { connectTimeoutMs: 1500 } });
    const listing = scene.listTools();
    const tap = await scene.opened();
    await tap.saw("tools/list");
    assert.match(
      await failure(listing),
      /it answered initialize, but listed no tools within 1500 ms/,
    );
    await tap.saw("notifications/cancelled");
  });

  Deno.test(`[sessions.list-cache] ${name}: clients with equal capabilities share one list, others do not`, async () => {
    await using scene = new Scene(create());
    const [one, two, other] = [new Client("1"), new Client("2"), new Client("3", { roots: {} })];
    const lists = await Promise.all(
      [one, one, two].map((client) => scene.listTools(client.agent("a"))),
    );
    assert.ok(lists.every((list) => list === lists[0]));
    await scene.call("echo", { by: two.agent("a") });
    assert.deepEqual(scene.taps.map((tap) => tap.count("tools/list")), [1, 0]);
    scene.script = { pages: [[...TOOLS, definition("more")]] };
    assert.equal((await scene.listTools(other.agent("a"))).tools.length, 3);
    assert.equal((await scene.listTools(one.agent("a"))).tools.length, 2);
    assert.equal(scene.server.status().tools, 3);
  });

  Deno.test(`[sessions.list-changed] ${name}: a changed list is requested again`, async () => {
    await using scene = new Scene(create());
    assert.equal((await scene.listTools()).get("more"), undefined);
    const tap = await scene.opened();
    tap.change({ pages: [[definition("more")]] });
    await tap.settle();
    assert.equal((await scene.listTools()).get("more"), undefined);
    tap.send({ method: "notifications/tools/list_changed" });
    await tap.settle();
    assert.deepEqual((await scene.listTools()).tools.map((tool) => tool.name), ["more"]);
    await scene.listTools();
    assert.equal(tap.count("tools/list"), 2);
  });

  Deno.test(`[sessions.list-changed] ${name}: a list that changes while it is requested is not kept`, async () => {
    await using scene = new Scene(create(), { script: { holds: ["tools/list"] } });
    const listing = scene.listTools();
    const tap = await scene.opened();
    const request = await tap.saw("tools/list");
    tap.send({ method: "notifications/tools/list_changed" });
    tap.answer(request, { tools: [{ name: "old" }] });
    assert.deepEqual((await listing).tools.map((tool) => tool.name), ["old"]);
    const next = scene.listTools();
    tap.answer(await tap.saw("tools/list"), { tools: [{ name: "new" }] });
    assert.deepEqual((await next).tools.map((tool) => tool.name), ["new"]);
  });

  Deno.test(`[sessions.asked-afresh] ${name}: for an unknown tool, the list is requested once more`, async () => {
    await using scene = new Scene(create());
    await scene.listTools();
    const tap = await scene.opened();
    const [answer] = await Promise.all([scene.call("more"), scene.call("other")]);
    assert.ok(answer?.kind === "no-such-tool");
    assert.deepEqual(answer.catalog.tools.map((tool) => tool.name), ["echo", "held"]);
    assert.equal(tap.count("tools/list"), 2);
    // A server that does not notify the gateway of its changed list.
    tap.change({ pages: [[definition("more")]] });
    assert.match(resultText(await scene.call("more")), /"done"/);
    assert.equal(tap.count("tools/list"), 3);
    assert.equal(tap.count("tools/call"), 1);
  });

  Deno.test(`[sessions.list-cache] ${name}: the list is requested again after a reconnect`, async () => {
    await using scene = new Scene(create());
    await scene.listTools();
    const tap = await scene.opened();
    scene.script = { pages: [[definition("new")]] };
    tap.crash();
    await tap.ended;
    assert.deepEqual((await scene.listTools()).tools.map((tool) => tool.name), ["new"]);
  });
}
