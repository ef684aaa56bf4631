/** Contract: the lists of resources, URI templates and prompts of a server. */
import assert from "node:assert/strict";
import type { ListKind } from "../../src/downstream/mod.ts";
import { DownstreamFixture, expectFailure, type TransportUnderTest } from "./downstream_fixture.ts";
import { FakeClient } from "./fake_client.ts";
import type { Fields, Script } from "./scripted_server.ts";

/** The capabilities of a server that offers everything. */
const CAPABILITIES: Fields = {
  tools: {},
  resources: { subscribe: true, listChanged: true },
  prompts: { listChanged: true },
  completions: {},
};

/** A kind of list in the messages of a server. */
interface ListMessages {
  readonly kind: ListKind;
  readonly method: string;
  readonly member: string;
  readonly nameMember: string;
  /** The words for the items in messages. */
  readonly words: string;
}

const LISTS: readonly ListMessages[] = [
  {
    kind: "resources",
    method: "resources/list",
    member: "resources",
    nameMember: "uri",
    words: "resources",
  },
  {
    kind: "templates",
    method: "resources/templates/list",
    member: "resourceTemplates",
    nameMember: "uriTemplate",
    words: "resource templates",
  },
  {
    kind: "prompts",
    method: "prompts/list",
    member: "prompts",
    nameMember: "name",
    words: "prompts",
  },
];

function offering(members: Script = {}): { script: Script } {
  return { script: { capabilities: CAPABILITIES, ...members } };
}

export function describeItemLists(name: string, create: () => TransportUnderTest): void {
  for (const { kind, method, member, nameMember, words } of LISTS) {
    const item = (itemName: string, members: Fields = {}) => {
      return JSON.stringify({ [nameMember]: itemName, ...members });
    };

    Deno.test(`[servers.lists] ${name}: all pages of the ${words} form one list, and each definition is unchanged`, async () => {
      const unusual = `{ "${nameMember}":"test://odd", "big":12345678901234567890, "new":[1.10]}`;
      const pages = [[item("test://one"), unusual], [item("test://two")]];
      await using fixture = new DownstreamFixture(
        create(),
        offering({ lists: { [member]: pages } }),
      );
      const list = await fixture.list(kind);
      assert.deepEqual(list.items.map((entry) => entry.text.json), pages.flat());
      assert.deepEqual(
        list.items.map((entry) => entry.name),
        ["test://one", "test://odd", "test://two"],
      );
      assert.equal(list.get("test://two")?.definition[nameMember], "test://two");
      assert.equal(await fixture.list(kind), list);
      const caller = fixture.client.asAgent("agent");
      assert.equal(fixture.server.knownList(kind, caller), list);
      const connection = await fixture.waitForConnection();
      assert.equal(connection.countReceived(method), 2);
    });

    Deno.test(`[servers.undeclared] ${name}: a server that does not declare ${words} is not asked for them, and has none`, async () => {
      const script = { capabilities: { tools: {} }, lists: { [member]: [[item("test://one")]] } };
      await using fixture = new DownstreamFixture(create(), { script });
      const { items, incompleteReason, completeness } = await fixture.list(kind);
      assert.deepEqual([items, incompleteReason, completeness], [[], undefined, "empty"]);
      const connection = await fixture.waitForConnection();
      assert.equal(connection.countReceived(method), 0);
      assert.deepEqual(fixture.log, []);
    });

    Deno.test(`[servers.list-limits] ${name}: ${words} that are garbage are left out and logged, the others stay`, async () => {
      const tooLong = kind === "prompts" ? "n".repeat(257) : "n".repeat(4097);
      const pages = [[
        item("test://one"),
        "null",
        "7",
        "{}",
        `{"${nameMember}":7}`,
        item(""),
        item(tooLong),
        item("test://one", { second: true }),
        item("test://two"),
      ]];
      await using fixture = new DownstreamFixture(
        create(),
        offering({ lists: { [member]: pages } }),
      );
      const { items } = await fixture.list(kind);
      assert.deepEqual(items.map((entry) => entry.text.json), [
        item("test://one"),
        item("test://two"),
      ]);
      assert.equal(fixture.log.length, 7);
      assert.match(fixture.log[0] ?? "", new RegExp(` left out: ${words}\\[1\\] has no `));
      assert.match(fixture.log[5] ?? "", /\[6\] has a .* that is too long/);
      assert.match(fixture.log[6] ?? "", /\[7\] has the duplicate .* "test:\/\/one"/);
    });

    Deno.test(`[servers.list-limits] ${name}: an answer without ${words} is an error, and a page that fails leaves those before it`, async () => {
      await using fixture = new DownstreamFixture(create(), offering({ heldMethods: [method] }));
      const listing = fixture.list(kind);
      const connection = await fixture.waitForConnection();
      connection.answer(await connection.waitForMessage(method), { [member]: "x" });
      assert.match(
        await expectFailure(listing),
        new RegExp(`it answered ${method} with "${member}"`),
      );
      const secondListing = fixture.list(kind);
      const firstPage = { [member]: [{ [nameMember]: "test://one" }], nextCursor: "2" };
      connection.answer(await connection.waitForMessage(method), firstPage);
      const { id } = await connection.waitForMessage(method);
      connection.send({ id, error: { code: -32602, message: "Invalid cursor" } });
      const { items, incompleteReason } = await secondListing;
      assert.deepEqual(items.map((entry) => entry.name), ["test://one"]);
      const reason = `Its list of ${words} is incomplete: page 2 is missing: ` +
        `it did not list its ${words}: Invalid cursor`;
      assert.equal(incompleteReason, reason);
    });

    Deno.test(`[servers.list-changes] ${name}: ${words} are requested again after the server has announced a change`, async () => {
      await using fixture = new DownstreamFixture(
        create(),
        offering({ lists: { [member]: [[item("test://one")]] } }),
      );
      await fixture.listTools();
      assert.equal((await fixture.list(kind)).get("test://two"), undefined);
      const connection = await fixture.waitForConnection();
      connection.changeScript({ lists: { [member]: [[item("test://two")]] } });
      await connection.waitUntilAllReceived();
      assert.equal((await fixture.list(kind)).get("test://two"), undefined);
      const changed = kind === "prompts" ? "prompts" : "resources";
      connection.send({ method: `notifications/${changed}/list_changed` });
      assert.equal(
        (await fixture.listChanges.take((change) => change.kind === kind)).connectionId,
        "client-1",
      );
      assert.notEqual((await fixture.list(kind)).get("test://two"), undefined);
      // The tools have not changed.
      await fixture.listTools();
      assert.equal(connection.countReceived("tools/list"), 1);
      assert.equal(fixture.listChanges.all.some((change) => change.kind === "tools"), false);
    });
  }

  Deno.test(`[servers.lists] ${name}: a server with resources that does not know templates has none, and is not warned of`, async () => {
    const error = { code: -32601, message: "Method not found" };
    await using fixture = new DownstreamFixture(
      create(),
      offering({ refusals: { "resources/templates/list": error, "prompts/list": error } }),
    );
    assert.equal((await fixture.list("templates")).incompleteReason, undefined);
    assert.deepEqual(fixture.log, []);
    const { items, incompleteReason } = await fixture.list("prompts");
    assert.deepEqual(items, []);
    assert.match(incompleteReason ?? "", /declares prompts, but it does not know prompts\/list/);
  });

  Deno.test(`[servers.list-changes] ${name}: a list that differs after a restart is reported as changed, and one that is equal is not`, async () => {
    const lists = { resources: [['{"uri":"test://one"}']], prompts: [['{"name":"one"}']] };
    await using fixture = new DownstreamFixture(create(), offering({ lists }));
    await fixture.list("resources");
    const { resources, prompts } = fixture.server.status();
    assert.deepEqual([resources, prompts], [1, null]);
    await fixture.list("prompts");
    const connection = await fixture.waitForConnection();
    fixture.script = { ...fixture.script, lists: { ...lists, prompts: [['{"name":"two"}']] } };
    connection.crash();
    await connection.ended;
    await fixture.list("resources");
    await fixture.list("prompts");
    assert.deepEqual(fixture.listChanges.all, [{ kind: "prompts", connectionId: undefined }]);
  });

  Deno.test(`[servers.offers] ${name}: what a server offers is not known before its handshake, and known after it`, async () => {
    await using fixture = new DownstreamFixture(
      create(),
      {
        script: { capabilities: { resources: {}, completions: {} } },
        options: { idleTimeoutMs: 1 },
      },
    );
    const caller = fixture.client.asAgent("agent");
    const readOffers = () => {
      return (["tools", "resources", "templates", "prompts", "completions"] as const)
        .map((kind) => fixture.server.offers(kind, caller));
    };
    assert.deepEqual(readOffers(), [undefined, undefined, undefined, undefined, undefined]);
    await fixture.list("resources");
    assert.deepEqual(readOffers(), [undefined, true, true, false, true]);
    // The server has tools that it does not declare.
    await fixture.listTools();
    assert.deepEqual(readOffers(), [true, true, true, false, true]);
    await (await fixture.waitForConnection()).ended;
    assert.deepEqual(readOffers(), [true, true, true, false, true]);
    const other = new FakeClient("other", { roots: {} }).asAgent("agent");
    assert.equal(fixture.server.offers("resources", other), undefined);
  });
}
