import assert from "node:assert/strict";
import { sha256 } from "../gateway/http/authenticator_fixture.ts";
import { AgentSession } from "./agent_session.ts";
import { offeringServer, startGateway } from "./gateway.ts";
import { HttpTransport } from "./http_transport.ts";
import { expectRpcError, listKeys, PROMPTS, RESOURCES, TEMPLATES, waitForItem } from "./offers.ts";
import { waitUntil } from "./wait.ts";

Deno.test("requests for resources and prompts are recorded", async (t) => {
  await using gateway = await startGateway({
    servers: {
      first: offeringServer("--name=first"),
      other: offeringServer("--name=other"),
    },
    rules: {
      agents: {
        tester: {
          allow: { servers: ["first"] },
          deny: { resources: { first: ["note://secret*"] }, prompts: { first: ["plain"] } },
        },
      },
    },
    args: ["--agent", "tester"],
  });
  const { client } = gateway;
  await waitForItem(client, RESOURCES, "own://first");
  for (const list of [RESOURCES, TEMPLATES, PROMPTS]) await listKeys(client, list);

  await t.step(
    "[offered.audit] each request has a line with its method and target",
    async () => {
      const requests = [
        ["resources/read", { uri: "note://one" }, { uri: "note://one", decision: "ALLOW" }],
        ["resources/read", { uri: "note://secret" }, {
          uri: "note://secret",
          decision: "DENY",
          code: "DENIED_BY_POLICY",
          rule: "agents.tester.deny.resources.first[0]",
        }],
        ["resources/read", { uri: "do://fail" }, { uri: "do://fail", decision: "ERROR" }],
        ["resources/subscribe", { uri: "note://one" }, { uri: "note://one", decision: "ALLOW" }],
        ["resources/unsubscribe", { uri: "note://one" }, { uri: "note://one", decision: "ALLOW" }],
        ["prompts/get", { name: "first__greet" }, { prompt: "greet", decision: "ALLOW" }],
        ["prompts/get", { name: "first__plain" }, {
          prompt: "plain",
          decision: "DENY",
          code: "DENIED_BY_POLICY",
          rule: "agents.tester.deny.prompts.first[0]",
        }],
        ["completion/complete", {
          ref: { type: "ref/prompt", name: "first__greet" },
          argument: { name: "who", value: "VALUE" },
        }, { prompt: "greet", decision: "ALLOW" }],
      ] as const;
      for (const [method, params, expected] of requests) {
        await client.request(method, params);
        const line = gateway.readAuditLog().at(-1) ?? {};
        const { operation, agent_id, server, latency_ms } = line;
        assert.deepEqual([operation, agent_id], [method, "tester"], method);
        if (method !== "resources/unsubscribe") assert.equal(server, "first", method);
        assert.equal(typeof latency_ms, "number");
        for (const [key, value] of Object.entries(expected)) {
          assert.equal(line[key], value, `${method} ${key} in ${JSON.stringify(line)}`);
        }
      }
      for (const { method } of [RESOURCES, TEMPLATES, PROMPTS]) {
        await client.request(method);
        const { operation, decision } = gateway.readAuditLog().at(-1) ?? {};
        assert.deepEqual([operation, decision], [method, "ALLOW"]);
      }
      await client.request("resources/read", { uri: "nowhere://x" });
      const { operation, uri, uri_cut, code, server } = gateway.readAuditLog().at(-1) ?? {};
      assert.deepEqual([operation, uri, uri_cut, code, server], [
        "resources/read",
        "nowhere://x",
        undefined,
        "RESOURCE_NOT_FOUND",
        undefined,
      ]);
    },
  );

  await t.step("[offered.audit] no record has user info, queries or values", async () => {
    const uris = [
      "HTTPS://User:secret@Example.com:443/Path?token=secret",
      "note://User:secret@host/Path?token=secret",
      "note://User%3Asecret@host/Path?token=secret#secret",
      "note:/Path?secret",
      "nowhere://User:secret@host/Path?secret",
      "nowhere:Path?token=secret",
    ];
    for (const uri of uris) {
      for (const method of ["resources/read", "resources/subscribe", "resources/unsubscribe"]) {
        await client.request(method, { uri });
        const line = JSON.stringify(gateway.readAuditLog().at(-1));
        assert.match(line, /Path/, uri);
        assert.doesNotMatch(line, /secret|User/, uri);
        assert.match(line, /"uri_cut":true/, uri);
      }
    }
    await client.request("prompts/get", { name: "first__greet", arguments: { who: "VALUE" } });
    assert.doesNotMatch(JSON.stringify(gateway.setup.readAuditFile()), /VALUE/);
    assert.doesNotMatch(gateway.program.stderr, /User|token=secret|VALUE/);
  });
});

Deno.test("[offered.limits] every request for resources and prompts counts towards the limits", async () => {
  const requests = [
    ["resources/list", {}],
    ["resources/templates/list", {}],
    ["prompts/list", {}],
    ["resources/read", { uri: "nowhere://x" }],
    ["resources/subscribe", { uri: "nowhere://x" }],
    ["resources/unsubscribe", { uri: "nowhere://x" }],
    ["prompts/get", { name: "nobody" }],
    ["completion/complete", { ref: { type: "ref/prompt", name: "x" }, argument: {} }],
  ] as const;
  // Each request has an agent of its own.
  const agents = requests.map((_, index): [string, object] => {
    const limits = { per_minute: 3 };
    return [`agent${index}`, {
      allow: { servers: ["*"] },
      limits,
      token_sha256: [sha256(`amg_${index}`)],
    }];
  });
  await using gateway = await startGateway({
    servers: {},
    rules: { agents: Object.fromEntries(agents) },
    transport: "http",
    initialize: false,
  });
  await using transports = new AsyncDisposableStack();
  for (const [index, [method, params]] of requests.entries()) {
    const headers = { authorization: `Bearer amg_${index}` };
    const transport = new HttpTransport({ url: gateway.url, headers });
    transports.defer(() => transport.close());
    const { client } = new AgentSession(transport);
    await client.initialize();
    for (let count = 0; count < 3; count++) {
      assert.notEqual((await client.request(method, params)).error?.code, -32005, method);
    }
    const { code, data } = await expectRpcError(client, method, params);
    assert.equal(code, -32005, method);
    assert.equal(data.code, "RATE_LIMITED");
    const { operation, decision, code: recorded, agent_id } = gateway.readAuditLog().at(-1) ?? {};
    assert.deepEqual(
      [operation, decision, recorded, agent_id],
      [method, "DENY", "RATE_LIMITED", `agent${index}`],
    );
  }
});

Deno.test("[servers.subscriptions] on a session that several clients share, an update reaches only its subscriber", async (t) => {
  const tokens = ["amg_a", "amg_b"];
  await using gateway = await startGateway({
    servers: {
      common: { ...offeringServer("--name=common"), gateway: { isolation: "shared" } },
    },
    rules: {
      agents: Object.fromEntries(tokens.map((token, index) => {
        return [`agent${index}`, { allow: { servers: ["*"] }, token_sha256: [sha256(token)] }];
      })),
    },
    transport: "http",
    initialize: false,
  });
  await using transports = new AsyncDisposableStack();
  const connect = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const transport = new HttpTransport({ url: gateway.url, headers });
    transports.defer(() => transport.close());
    const session = new AgentSession(transport);
    await session.client.initialize();
    await waitForItem(session.client, RESOURCES, "own://common");
    return { session, transport };
  };
  const [one, two, three] = [
    await connect("amg_a"),
    await connect("amg_b"),
    await connect("amg_a"),
  ];
  const uri = "own://common";
  const updates = ({ session }: typeof one) => {
    return session.client.notificationParams("notifications/resources/updated").length;
  };
  const subscribed = () => two.session.callServerToolForText("common", "subscribed");
  const update = () => two.session.callServerToolForText("common", "update", { uri });

  await t.step(
    "the server is subscribed to once, and each subscriber hears of updates",
    async () => {
      assert.equal(
        await one.session.callServerToolForText("common", "pid"),
        await two.session.callServerToolForText("common", "pid"),
      );
      for (const { session } of [one, two]) {
        await session.client.request("resources/subscribe", { uri });
      }
      const received = await two.session.callServerToolForText("common", "received");
      const lines = received.split("\n").filter((line) => line.includes('"resources/subscribe"'));
      assert.equal(lines.length, 1);
      await update();
      await waitUntil("both hear of the update", () => updates(one) === 1 && updates(two) === 1);
      await three.session.client.request("ping");
      assert.equal(updates(three), 0);
    },
  );

  await t.step("the end of one subscription leaves the other", async () => {
    await one.session.client.request("resources/unsubscribe", { uri });
    assert.equal(await subscribed(), JSON.stringify([uri]));
    await update();
    await waitUntil("the other hears of the update", () => updates(two) === 2);
    await one.session.client.request("ping");
    assert.equal(updates(one), 1);
    await two.session.client.request("resources/unsubscribe", { uri });
    assert.equal(await subscribed(), "[]");
  });

  await t.step("a client that goes leaves no subscription", async () => {
    await three.session.client.request("resources/subscribe", { uri });
    assert.equal(await subscribed(), JSON.stringify([uri]));
    await fetch(gateway.url, {
      method: "DELETE",
      headers: {
        authorization: "Bearer amg_a",
        "mcp-session-id": String(three.transport.sessionId),
      },
    }).then((response) => response.body?.cancel());
    await waitUntil("the subscription has ended", async () => await subscribed() === "[]");
  });
});
