import assert from "node:assert/strict";
import { ODD_DEFINITION } from "../fixtures/servers/odd_json.ts";
import { sha256 } from "../gateway/http/authenticator_fixture.ts";
import { plainItem } from "../fixtures/servers/offers.ts";
import { AgentSession } from "./agent_session.ts";
import { DirectConnection } from "./direct_connection.ts";
import {
  type Fields,
  misbehavingServer,
  offeringServer,
  readRefusal,
  readSingleText,
  type RunningGateway,
  startGateway,
} from "./gateway.ts";
import { HttpTransport } from "./http_transport.ts";
import { listItems, listKeys, TOOLS, waitForItem } from "./offers.ts";
import type { RawClient } from "./raw_client.ts";
import { waitUntil } from "./wait.ts";

const CHANGED = "notifications/tools/list_changed";
const GATEWAY_TOOLS = ["list_servers", "get_server_tools", "execute_tool"];
const DIRECT_ARGS = ["--agent", "tester", "--face", "direct"];

/** A server whose tools have these names. */
function toolServer(...names: string[]): { command: string; args: string[] } {
  return offeringServer(
    `--tools=${JSON.stringify(names.map((name) => plainItem("tools", name)))}`,
    '--capabilities={"tools":{"listChanged":true}}',
  );
}

function callDirect(client: RawClient, name: string, args: Fields = {}) {
  return client.request("tools/call", { name, arguments: args });
}

Deno.test("the direct face shows the tools of servers", async (t) => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer(), first: offeringServer("--name=first") },
    args: DIRECT_ARGS,
  });
  const { client } = gateway;
  await waitForItem(client, TOOLS, "first__crash");

  await t.step(
    "[direct.definition] each is the server's own definition but for its name",
    async () => {
      await using direct = await DirectConnection.start(misbehavingServer());
      const own = await direct.listTools();
      const listed = (await listItems(client, TOOLS)).slice(0, own.length);
      for (const [index, { name, ...definition }] of listed.entries()) {
        const { name: ownName, ...ownDefinition } = own[index] ?? {};
        assert.deepEqual(definition, ownDefinition);
        if (/^\w+$/.test(String(ownName)) && !String(ownName).includes("__")) {
          assert.equal(name, `odd__${ownName}`);
        } else assert.match(String(name), /^odd__[A-Za-z0-9_-]*_[0-9a-f]{6}$/);
      }
      const { text } = await client.requestText("tools/list", "{}");
      assert.ok(text.includes(ODD_DEFINITION.replace('"contents"', '"odd__contents"')));
      assert.ok(listed.every(({ name }) => !GATEWAY_TOOLS.includes(String(name))));
    },
  );

  await t.step("[direct.call] a call reaches the tool, and its result is unchanged", async () => {
    const args = { text: "é😀", deep: [{ x: 1.5 }] };
    const { result } = await callDirect(client, "odd__echo", args);
    const { params } = JSON.parse(readSingleText(result));
    assert.deepEqual([params.name, params.arguments], ["echo", args]);
    await using direct = await DirectConnection.start(misbehavingServer());
    for (const tool of ["contents", "fails"]) {
      const params = (name: string) => JSON.stringify({ name, arguments: {} });
      const own = await direct.client.requestText("tools/call", params(tool));
      const gateways = await client.requestText("tools/call", params(`odd__${tool}`));
      const body = (text: string) => text.slice(text.indexOf('"result":'));
      assert.ok(gateways.text.includes(body(own.text).slice(0, -1)), gateways.text);
    }
  });

  await t.step("[direct.call] arguments may be left out", async () => {
    const { result } = await client.request("tools/call", { name: "odd__echo" });
    assert.deepEqual(JSON.parse(readSingleText(result)).params.arguments ?? {}, {});
  });

  await t.step("[direct.call] arguments arrive as they were written", async () => {
    const args = '{"n":12345678901234567890,"z":1.10}';
    const params = `{"name":"odd__echo","arguments":${args}}`;
    const { message } = await client.requestText("tools/call", params);
    assert.ok(readSingleText(message.result).includes(args));
  });

  await t.step("[direct.call] a call has progress, and can be cancelled", async () => {
    await client.request("tools/call", {
      name: "odd__progress",
      arguments: {},
      _meta: { progressToken: "mine" },
    });
    const progress = client.notificationParams("notifications/progress");
    assert.deepEqual(progress.map(({ progressToken }) => progressToken), ["mine", "mine", "mine"]);
    const waiting = async () => {
      return readSingleText((await callDirect(client, "odd__waiting")).result);
    };
    const params = { name: "odd__wait", arguments: {} };
    const request = { jsonrpc: "2.0", id: "to cancel", method: "tools/call", params };
    await client.sendLine(JSON.stringify(request));
    await waitUntil("the call waits", async () => await waiting() === "1");
    await client.notify("notifications/cancelled", { requestId: "to cancel" });
    await waitUntil("the call is cancelled", async () => await waiting() === "0");
  });

  await t.step("[direct.changes] a changed list is announced, with the new tool", async () => {
    const previousCount = client.notificationParams(CHANGED).length;
    await callDirect(client, "odd__grow", { notify: true });
    await waitUntil("the change is announced", () => {
      return client.notificationParams(CHANGED).length > previousCount;
    });
    assert.ok((await listKeys(client, TOOLS)).includes("odd__grown"));
    const { result } = await callDirect(client, "odd__grown");
    assert.match(readSingleText(result), /"name":"grown"/);
  });
});

Deno.test("[direct.decisions] both faces decide every call alike", async () => {
  const tools = ["read", "read_all", "write", "drop_one", "drop_all", "odd name", "a__b"];
  const server = { ...toolServer(...tools), gateway: { isolation: "shared" } };
  const servers = { db: server, files: server, x__y: server };
  const agents: Record<string, Fields> = {
    all: { allow: { servers: ["*"] } },
    none: { allow: { servers: [] } },
    denied: { allow: { servers: ["*"] }, deny: { servers: ["files"] } },
    five: {
      allow: { servers: ["*"], tools: { db: ["read*", "drop_one"], "*": ["write"] } },
      deny: { tools: { db: ["drop_*", "read_all"], "*": ["odd*"] } },
    },
    explicit: {
      allow: { servers: ["db", "x__y"], tools: { db: ["read"] } },
      deny: { tools: { "*": ["read", "a__b"] } },
    },
  };
  const withTokens = Object.fromEntries(
    Object.entries(agents).map(([agent, rules]) => {
      return [agent, { ...rules, token_sha256: [sha256(`amg_${agent}`)] }];
    }),
  );
  const start = (face: string) =>
    startGateway({
      servers,
      rules: { agents: withTokens },
      args: ["--face", face],
      transport: "http",
      initialize: false,
    });
  await using direct = await start("direct");
  await using meta = await start("meta");
  await using transports = new AsyncDisposableStack();
  const connect = async ({ url }: RunningGateway, agent: string) => {
    const headers = { authorization: `Bearer amg_${agent}` };
    const transport = new HttpTransport({ url, headers });
    transports.defer(() => transport.close());
    const session = new AgentSession(transport);
    await session.client.initialize();
    return session;
  };
  const all = await connect(direct, "all");
  await waitUntil("every tool is listed", async () => {
    return (await listKeys(all.client, TOOLS)).length === tools.length * 3;
  });
  const names = await listKeys(all.client, TOOLS);
  let denialCount = 0;
  for (const agent of Object.keys(agents)) {
    const [directSession, metaSession] = [
      await connect(direct, agent),
      await connect(meta, agent),
    ];
    const shown: string[] = [];
    for (const [serverIndex, server] of Object.keys(servers).entries()) {
      for (const [toolIndex, tool] of tools.entries()) {
        const name = names[serverIndex * tools.length + toolIndex] ?? "";
        const args = { text: "x" };
        const answer = await callDirect(directSession.client, name, args);
        const expected = await metaSession.callServerTool(server, tool, args);
        const label = `${agent} ${server} ${tool}`;
        if (answer.error !== undefined) {
          // A name with a hash of a server that the agent may not use is unknown to it.
          assert.match(
            readRefusal(expected).rule ?? "",
            /^agents\.\w+\.(allow|deny)\.servers/,
            label,
          );
          assert.match(name, /_[0-9a-f]{6}$/);
          assert.equal(answer.error.code, -32602);
        } else if (expected.isError === true) {
          denialCount++;
          assert.deepEqual(readRefusal(answer.result), readRefusal(expected), label);
        } else {
          shown.push(name);
          const [one, two] = [answer.result, expected].map((result) =>
            JSON.parse(readSingleText(result)).params
          );
          assert.deepEqual([one.name, one.arguments], [two.name, two.arguments], label);
        }
      }
    }
    assert.deepEqual(await listKeys(directSession.client, TOOLS), shown, agent);
  }
  assert.ok(denialCount > 20);
});

Deno.test("[direct.name-limit] the limit of names is from 32 to 128", async () => {
  for (const value of ["31", "129", "x"]) {
    await assert.rejects(
      startGateway({ env: { GATEWAY_NAME_LIMIT: value } }),
      /GATEWAY_NAME_LIMIT/,
    );
  }
});

Deno.test("tools of an entry are shown beside the three", async (t) => {
  const servers = {
    some: { ...offeringServer("--name=some"), gateway: { direct: ["echo", "p*", "none"] } },
    all: { ...toolServer("read", "write"), gateway: { direct: true } },
    no: { ...toolServer("read"), gateway: { direct: false } },
    plain: toolServer("read"),
  };
  const rules = {
    agents: { tester: { allow: { servers: ["*"] }, deny: { tools: { all: ["write"] } } } },
  };
  await t.step("[direct.entry] patterns choose the tools, and rules apply", async () => {
    await using gateway = await startGateway({ servers, rules, args: ["--agent", "tester"] });
    const { client } = gateway;
    await waitForItem(client, TOOLS, "all__read");
    await waitForItem(client, TOOLS, "some__pid");
    assert.deepEqual(await listKeys(client, TOOLS), [
      ...GATEWAY_TOOLS,
      "some__echo",
      "some__pid",
      "all__read",
    ]);
    const { result } = await callDirect(client, "some__echo");
    assert.match(readSingleText(result), /"name":"echo"/);
    const denied = await callDirect(client, "all__write");
    assert.equal(readRefusal(denied.result).code, "DENIED_BY_POLICY");
    for (const name of ["some__update", "some__nothing", "plain__read", "no__read"]) {
      assert.equal((await callDirect(client, name)).error?.code, -32602, name);
    }
    assert.equal((await gateway.callServerTool("plain", "read")).isError, undefined);
  });

  await t.step(
    "[direct.entry] with the direct face every tool is shown without the three",
    async () => {
      await using gateway = await startGateway({ servers, rules, args: DIRECT_ARGS });
      await waitForItem(gateway.client, TOOLS, "plain__read");
      await waitForItem(gateway.client, TOOLS, "some__crash");
      const keys = await listKeys(gateway.client, TOOLS);
      assert.equal(keys.length, 10 + 1 + 1 + 1);
      assert.ok(keys.every((key) => !GATEWAY_TOOLS.includes(key)));
    },
  );
});

Deno.test("[direct.list] an unknown face is an error, and the environment chooses one", async () => {
  await assert.rejects(startGateway({ env: { GATEWAY_FACE: "both" } }), /GATEWAY_FACE/);
  await using gateway = await startGateway({
    servers: { a: toolServer("read") },
    env: { GATEWAY_FACE: "direct" },
  });
  await waitForItem(gateway.client, TOOLS, "a__read");
  assert.deepEqual(await listKeys(gateway.client, TOOLS), ["a__read"]);
});
