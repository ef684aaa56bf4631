import assert from "node:assert/strict";
import {
  type DownstreamServer,
  ItemList,
  openTransport,
  Processes,
} from "../../../src/downstream/mod.ts";
import { ListReader, type ServerList } from "../../../src/gateway/offered/list_reader.ts";
import { createLog } from "../../../src/log.ts";
import { AsyncQueue } from "../../contract/async_queue.ts";
import { DownstreamFixture } from "../../contract/downstream_fixture.ts";
import { FakeClient } from "../../contract/fake_client.ts";
import {
  createDefinition,
  runScriptedServer,
  type Script,
} from "../../contract/scripted_server.ts";

/** Creates a server in this process that lists one tool, unless its script says otherwise. */
function createFixture(tool: string, script: Script = {}): DownstreamFixture {
  const processes = new Processes(0, createLog());
  return new DownstreamFixture({
    connect: (connectScript) => ({
      kind: "memory",
      serve: (channel) => {
        const exit = () => void channel.close();
        runScriptedServer(channel, connectScript, { printToStderr: () => {}, exit });
      },
    }),
    open: (config, options) => openTransport(config, { ...options, processes }),
    close: () => processes.close(),
  }, { script: { pages: [[createDefinition(tool)]], ...script } });
}

function toolNames(lists: readonly ServerList[]): string[] {
  return lists.flatMap(({ list }) => list.items.map(({ name }) => name));
}

Deno.test("[offered.pending] lists are read at the same time, and a list that takes 2 s is left out and announced when it arrives", async () => {
  await using first = createFixture("first");
  await using slow = createFixture("slow");
  await using last = createFixture("last");
  const gate = Promise.withResolvers<void>();
  slow.openGate = gate.promise;
  const lateLists = new AsyncQueue<string>("a late list");
  const log = createLog({ level: "warn", write: (line) => assert.fail(line) });
  const reader = new ListReader({ onLateList: (kind) => lateLists.add(kind), log });
  const servers = [first, slow, last].map(({ server }) => server);
  const read = (): Promise<ServerList[]> =>
    reader.read("tools", { servers, caller: first.client.asAgent("agent") });
  const startedAt = performance.now();
  assert.deepEqual(toolNames(await read()), ["first", "last"]);
  const firstMs = performance.now() - startedAt;
  assert.ok(firstMs >= 1900 && firstMs < 4000, `The first answer took ${firstMs} ms`);
  // Further answers do not wait.
  const secondStartedAt = performance.now();
  assert.deepEqual(toolNames(await read()), ["first", "last"]);
  const secondMs = performance.now() - secondStartedAt;
  assert.ok(secondMs < 1000, `The second answer took ${secondMs} ms`);
  gate.resolve();
  assert.equal(await lateLists.take(), "tools");
  assert.deepEqual(toolNames(await read()), ["first", "slow", "last"]);
});

Deno.test("[offered.failing] a server that fails is left out, and the log has each reason once", async () => {
  await using good = createFixture("good");
  await using failing = createFixture("failing", { exits: "at-start" });
  const lines: string[] = [];
  const log = createLog({ level: "warn", write: (line) => lines.push(line) });
  const reader = new ListReader({ onLateList: () => assert.fail(), log });
  const servers: DownstreamServer[] = [failing.server, good.server];
  const caller = good.client.asAgent("agent");
  for (let count = 0; count < 3; count++) {
    assert.deepEqual(toolNames(await reader.read("tools", { servers, caller })), ["good"]);
  }
  assert.equal(lines.length, 1, lines.join(""));
  assert.match(lines[0] ?? "", /left out .*its connection ended/);
});

Deno.test("[offered.pending] a list that has changed is searched until the new one is known", () => {
  const log = createLog({ level: "warn", write: (line) => assert.fail(line) });
  const reader = new ListReader({ onLateList: () => assert.fail(), log });
  const list = new ItemList([]);
  let known: ItemList | undefined;
  const server = { knownList: () => known };
  const read = (agent: string) =>
    reader.lastKnownList(server, {
      kind: "resources",
      caller: new FakeClient("client").asAgent(agent),
    });
  assert.equal(read("first"), undefined);
  known = list;
  assert.equal(read("first"), list);
  // The server has announced a change.
  known = undefined;
  assert.equal(read("first"), list);
  assert.equal(read("second"), undefined);
  known = new ItemList([]);
  assert.equal(read("first"), known);
});
