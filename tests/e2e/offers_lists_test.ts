import assert from "node:assert/strict";
import { join } from "node:path";
import { plainItem } from "../fixtures/servers/offers.ts";
import { type Fields, misbehavingServer, offeringServer, startGateway } from "./gateway.ts";
import {
  expectRpcError,
  listItems,
  listKeys,
  PROMPTS,
  RESOURCES,
  TEMPLATES,
  waitForItem,
} from "./offers.ts";
import { waitUntil } from "./wait.ts";

const LISTS = [RESOURCES, TEMPLATES, PROMPTS] as const;
const CHANGED = "notifications/resources/list_changed";

/** Reads the pages of a list: the numbers of items on each. */
async function readPageSizes(
  request: (params: Fields) => Promise<Fields>,
  member: string,
): Promise<number[]> {
  const sizes: number[] = [];
  let params: Fields = {};
  for (;;) {
    const page = await request(params);
    sizes.push((page[member] as unknown[]).length);
    if (page.nextCursor === undefined) return sizes;
    params = { cursor: page.nextCursor };
  }
}

Deno.test("[offered.pages] lists are paged by 500, whatever the pages of the servers", async (t) => {
  await using gateway = await startGateway({
    servers: {
      one: offeringServer("--name=one", "--extra=700", "--page-size=300"),
      two: offeringServer("--name=two", "--extra=600"),
    },
  });
  const { client } = gateway;
  await waitForItem(client, RESOURCES, "own://two/599");
  await waitForItem(client, TEMPLATES, "own://two/599/{path}");
  await waitForItem(client, PROMPTS, "two__extra_599");

  await t.step("each page but the last is full, and each item is on one page", async () => {
    for (const list of LISTS) {
      const request = async (params: Fields) => {
        const { result, error } = await client.request(list.method, params);
        return result ?? assert.fail(JSON.stringify(error));
      };
      const sizes = await readPageSizes(request, list.member);
      assert.deepEqual(sizes.slice(0, 2), [500, 500]);
      assert.ok(sizes.length === 3 && (sizes[2] ?? 0) > 300, `${sizes}`);
      const keys = await listKeys(client, list);
      assert.equal(new Set(keys).size, keys.length);
    }
  });

  await t.step("a cursor of another list is refused, and a cursor serves twice", async () => {
    const cursors = await Promise.all(LISTS.map(async ({ method }) => {
      return (await client.request(method)).result?.nextCursor;
    }));
    for (const [index, { method }] of LISTS.entries()) {
      for (const [other, cursor] of cursors.entries()) {
        const answers = await Promise.all([1, 2].map(() => client.request(method, { cursor })));
        for (const { result, error } of answers) {
          if (index === other) assert.ok(result, JSON.stringify(error));
          else assert.equal(error?.code, -32602);
        }
        assert.deepEqual(answers[0]?.result, answers[1]?.result);
      }
    }
  });

  await t.step("a cursor that was changed is refused, or gives a page of the list", async () => {
    const { result } = await client.request("resources/list");
    const cursor = String(result?.nextCursor);
    for (let index = 0; index < cursor.length; index += 3) {
      for (const letter of ["A", "_", "\u0000"]) {
        const changed = cursor.slice(0, index) + letter + cursor.slice(index + 1);
        const answer = await client.request("resources/list", { cursor: changed });
        if (answer.error !== undefined) assert.equal(answer.error.code, -32602);
        else assert.ok(Array.isArray(answer.result?.resources));
      }
    }
  });

  await t.step(
    "an item that is added between two pages moves no other to another page",
    async () => {
      const { result } = await client.request("resources/list");
      const firstKeys = (result?.resources as Fields[]).map(({ uri }) => uri);
      const change = { kind: "resources", name: "added://one" };
      await gateway.callServerToolForText("one", "change", change);
      await waitForItem(client, RESOURCES, "added://one");
      const rest: unknown[] = [];
      let cursor = result?.nextCursor;
      while (cursor !== undefined) {
        const { result } = await client.request("resources/list", { cursor });
        rest.push(...(result?.resources as Fields[]).map(({ uri }) => uri));
        cursor = result?.nextCursor;
      }
      const all = await listKeys(client, RESOURCES);
      assert.deepEqual([...firstKeys, ...rest], all);
    },
  );
});

Deno.test("lists do not wait for slow servers, and their part follows", async (t) => {
  const folder = Deno.makeTempDirSync();
  try {
    const gate = join(folder, "gate");
    await using gateway = await startGateway({
      servers: {
        slow: offeringServer("--name=slow", `--hold=initialize:${gate}`),
        slow_list: offeringServer("--name=slow_list", `--hold=resources/list:${gate}`),
        failing: offeringServer("--exit-at=initialize"),
        failing_list: offeringServer("--exit-at=resources/list"),
        plain: misbehavingServer(),
        good: offeringServer("--name=good"),
      },
    });
    const { client } = gateway;
    const listOwn = async () => {
      const uris = await listKeys(client, RESOURCES);
      return uris.filter((uri) => uri.startsWith("own:"));
    };

    await t.step(
      "[offered.pending] a list waits at most 2 s for servers that are not known",
      async () => {
        const startedMs = performance.now();
        const own = await listOwn();
        const tookMs = performance.now() - startedMs;
        assert.deepEqual(own, ["own://good"]);
        assert.ok(tookMs < 4000, `${tookMs} ms`);
      },
    );

    await t.step("[offered.failing] a server that fails is left out, and logged", async () => {
      assert.match(gateway.program.stderr, /failing_list/);
      const error = await client.request("resources/read", { uri: "own://good" });
      assert.ok(error.result);
    });

    await t.step(
      "[offered.pending] the part of a slow server follows, and is announced",
      async () => {
        const previousCount = client.notificationParams(CHANGED).length;
        Deno.writeTextFileSync(gate, "");
        await waitUntil("the change is announced", () => {
          return client.notificationParams(CHANGED).length > previousCount;
        });
        await waitForItem(client, RESOURCES, "own://slow");
        await waitForItem(client, RESOURCES, "own://slow_list");
        assert.deepEqual(await listOwn(), ["own://slow", "own://slow_list", "own://good"]);
      },
    );
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("[offered.no-agent] a connection without an agent is offered nothing, and the log says so once", async () => {
  await using gateway = await startGateway({
    servers: { first: offeringServer("--name=first") },
    rules: { agents: { tester: { allow: { servers: ["*"] } } } },
    initialize: false,
  });
  const { client } = gateway;
  const { result } = await client.initialize();
  for (const name of ["resources", "prompts", "completions"]) {
    assert.equal(name in (result?.capabilities as Fields), false, name);
  }
  const call = { agent_id: "tester" };
  await gateway.callServerTool("first", "pid", {}, call);
  for (const list of LISTS) assert.deepEqual(await listItems(client, list), []);
  for (const method of ["resources/read", "resources/subscribe"]) {
    const { code } = await expectRpcError(client, method, { uri: "note://one" });
    assert.equal(code, -32002);
  }
  assert.equal(
    (await expectRpcError(client, "prompts/get", { name: "first__plain" })).code,
    -32602,
  );
  const complete = {
    ref: { type: "ref/prompt", name: "first__greet" },
    argument: { name: "who", value: "" },
  };
  assert.ok((await client.request("completion/complete", complete)).error);
  const lines = gateway.program.stderr.split("\n").filter((line) => {
    return line.includes("its connection has no agent");
  });
  assert.equal(lines.length, 1, gateway.program.stderr);
});

Deno.test("[offered.no-agent] a connection without an agent is the default agent where there is one", async () => {
  await using gateway = await startGateway({
    servers: { first: offeringServer("--name=first") },
    rules: {
      agents: { default: { allow: { servers: ["*"] } }, tester: {} },
      defaults: { deny_on_missing_agent: false },
    },
  });
  await waitForItem(gateway.client, RESOURCES, "own://first");
  const { result } = await gateway.client.request("resources/read", { uri: "own://first" });
  assert.ok(result);
});

Deno.test("[offered.capabilities] no capabilities are declared that no server of the agent has", async () => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer(), first: offeringServer("--name=first") },
    rules: { agents: { tester: { allow: { servers: [] } }, other: { allow: { servers: ["*"] } } } },
    args: ["--agent", "tester"],
    initialize: false,
  });
  const { result } = await gateway.client.initialize();
  for (const name of ["resources", "prompts", "completions"]) {
    assert.equal(name in (result?.capabilities as Fields), false, name);
  }
  assert.deepEqual(await listItems(gateway.client, RESOURCES), []);
});

Deno.test("[offered.changes] a reload of the rules or servers changes the lists, and is announced", async () => {
  const makeRules = (uri: string) => ({
    agents: { tester: { allow: { servers: ["*"] }, deny: { resources: { "*": [uri] } } } },
  });
  const first = offeringServer("--name=first");
  await using gateway = await startGateway({
    servers: { first },
    rules: makeRules("none://"),
    args: ["--agent", "tester"],
  });
  const { client, setup } = gateway;
  await waitForItem(client, RESOURCES, "own://first");
  const count = () => client.notificationParams(CHANGED).length;
  const waitForChange = async (change: () => void) => {
    const previousCount = count();
    change();
    await waitUntil("the change is announced", () => count() > previousCount);
  };
  await waitForChange(() => setup.writeFile(".mcp-gateway-rules.json", makeRules("own://*")));
  assert.ok((await listKeys(client, RESOURCES)).every((uri) => !uri.startsWith("own:")));
  const { data } = await expectRpcError(client, "resources/read", { uri: "own://first" });
  assert.equal(data.rule, 'agents.tester.deny.resources["*"][0]');
  await waitForChange(() => setup.writeFile(".mcp-gateway-rules.json", makeRules("none://")));
  await waitForItem(client, RESOURCES, "own://first");
  await waitForChange(() => {
    const mcpServers = { first, second: offeringServer("--name=second") };
    setup.writeFile(".mcp.json", { mcpServers });
  });
  await waitForItem(client, RESOURCES, "own://second");
});

Deno.test("[offered.no-tools] a server without tools is a good server", async () => {
  await using gateway = await startGateway({
    servers: {
      docs: offeringServer("--name=docs", '--capabilities={"resources":{},"prompts":{}}'),
    },
  });
  await waitForItem(gateway.client, RESOURCES, "own://docs");
  const { result } = await gateway.client.request("resources/read", { uri: "own://docs" });
  assert.match(JSON.stringify(result), /docs read own:\/\/docs/);
  const { tools } = await gateway.callGatewayToolForJson<{ tools: unknown[] }>(
    "get_server_tools",
    { server: "docs" },
  );
  assert.deepEqual(tools, []);
  assert.doesNotMatch(gateway.program.stderr, /WARN|ERROR/);
});

Deno.test("[servers.list-limits] items that are no items are left out, and the others stay", async () => {
  const good = plainItem("resources", "good://1");
  const odd = ["null", "7", '"text"', "{}", '{"uri":7}', '{"uri":""}', '{"name":"no uri"}'];
  const long = `{"uri":"long://${"x".repeat(100_000)}","name":"x"}`;
  await using gateway = await startGateway({
    servers: {
      odd: offeringServer(
        `--resources=${JSON.stringify([...odd, good, good, long])}`,
        `--templates=${
          JSON.stringify(["null", '{"uriTemplate":["x"]}', '{"uriTemplate":"a://{"}'])
        }`,
        `--prompts=${JSON.stringify(["null", '{"name":null}', '{"name":""}', '{"name":"good"}'])}`,
      ),
    },
  });
  const { client } = gateway;
  await waitForItem(client, RESOURCES, "good://1");
  assert.equal((await listKeys(client, RESOURCES)).filter((uri) => uri === "good://1").length, 1);
  await waitForItem(client, PROMPTS, "odd__good");
  for (const list of LISTS) {
    for (const key of await listKeys(client, list)) assert.equal(typeof key, "string");
  }
  assert.ok((await client.request("resources/read", { uri: "good://1" })).result);
});
