import assert from "node:assert/strict";
import { SHARED_URI } from "../fixtures/servers/offers.ts";
import { type Fields, offeringServer, startGateway } from "./gateway.ts";
import type { RawClient } from "./raw_client.ts";

const SERVERS = {
  first: offeringServer("--name=first"),
  second: offeringServer("--name=second"),
  hidden: offeringServer("--name=hidden"),
};

const RULES = {
  agents: {
    a: {
      allow: { servers: ["first", "second"], prompts: { second: ["greet"] } },
      deny: { resources: { first: ["shared://*", "note://*"], second: ["secret://*"] } },
    },
    b: { allow: { servers: ["second"] } },
  },
};

async function namesOf(client: RawClient, method: string): Promise<string[]> {
  const { result } = await client.request(method);
  const [items = []] = Object.values(result ?? {});
  return (items as { uri?: string; uriTemplate?: string; name: string }[])
    .map(({ uri, uriTemplate, name }) => uri ?? uriTemplate ?? name);
}

async function errorOf(client: RawClient, method: string, params: Fields) {
  const { error } = await client.request(method, params);
  assert.ok(error, `${method} ${JSON.stringify(params)}`);
  return { ...error, data: error.data as Fields };
}

/** Returns the text of the first content of a resource. */
async function read(client: RawClient, uri: string): Promise<unknown> {
  const { result, error } = await client.request("resources/read", { uri });
  assert.equal(error, undefined, uri);
  return (result?.contents as { text: string }[])[0]?.text;
}

Deno.test("an agent sees and gets what its rules allow, from the first server that has it", async (t) => {
  await using gateway = await startGateway({
    servers: SERVERS,
    rules: RULES,
    args: ["--agent", "a"],
  });
  const { client } = gateway;

  await t.step("[offered.merged] [offered.rules] lists have what the rules allow", async () => {
    const uris = await namesOf(client, "resources/list");
    assert.equal(uris.filter((uri) => uri === SHARED_URI).length, 1);
    assert.ok(uris.indexOf("own://first") < uris.indexOf("own://second"));
    assert.ok(!uris.includes("own://hidden"));
    const prompts = await namesOf(client, "prompts/list");
    assert.ok(prompts.includes("first__plain"));
    assert.deepEqual(prompts.filter((name) => name.startsWith("second")), ["second__greet"]);
    assert.ok(!prompts.some((name) => name.startsWith("hidden")));
  });

  await t.step("[offered.merged] the first server that the rules allow is read", async () => {
    assert.equal(await read(client, SHARED_URI), `second read ${SHARED_URI}`);
    assert.equal(await read(client, "note://one"), "second read note://one");
    assert.equal(await read(client, "urn:isbn:0451450523"), "first read urn:isbn:0451450523");
  });

  await t.step(
    "[offered.rules] a denial has its rule only if a list leads to a server",
    async () => {
      const rules = {
        agents: {
          a: {
            allow: { servers: ["first"] },
            deny: {
              resources: { first: ["note://one", "given://*"] },
              prompts: { first: ["greet", "nobody"] },
            },
          },
        },
      };
      await using denying = await startGateway({ servers: SERVERS, rules, args: ["--agent", "a"] });
      const denied = await errorOf(denying.client, "resources/read", { uri: "note://one" });
      assert.equal(denied.code, -32002);
      assert.equal(denied.data.code, "DENIED_BY_POLICY");
      assert.equal(denied.data.rule, "agents.a.deny.resources.first[0]");
      assert.equal(denied.data.message, denied.message);
      for (const method of ["resources/subscribe", "resources/read"]) {
        // The server hidden lists the first, and nobody the second.
        const existing = await errorOf(denying.client, method, { uri: "own://hidden" });
        const unknown = await errorOf(denying.client, method, { uri: "own://nobody" });
        const withoutUri = (error: object) => JSON.stringify(error).replaceAll(/own:..\w+/g, "URI");
        assert.equal(withoutUri(existing), withoutUri(unknown));
        assert.deepEqual([unknown.code, unknown.data.code], [-32002, "RESOURCE_NOT_FOUND"]);
      }
      const prompt = await errorOf(denying.client, "prompts/get", { name: "first__greet" });
      assert.deepEqual([prompt.code, prompt.data.code], [-32602, "DENIED_BY_POLICY"]);
      assert.equal(prompt.data.rule, "agents.a.deny.prompts.first[0]");
      const nobody = await errorOf(denying.client, "prompts/get", { name: "first__nobody" });
      assert.deepEqual([nobody.code, nobody.data.code], [-32602, "DENIED_BY_POLICY"]);
      assert.equal(nobody.data.rule, "agents.a.deny.prompts.first[1]");
      const hidden = await errorOf(denying.client, "prompts/get", { name: "hidden__greet" });
      assert.deepEqual([hidden.code, hidden.data.code], [-32602, "PROMPT_NOT_FOUND"]);
      assert.equal(hidden.data.rule, undefined);
      const ref = { type: "ref/prompt", name: "first__greet" };
      const argument = { name: "who", value: "" };
      const completion = await errorOf(denying.client, "completion/complete", { ref, argument });
      assert.deepEqual([completion.code, completion.data.code], [-32602, "DENIED_BY_POLICY"]);
      // A link that is denied looks as if it did not exist.
      await denying.client.request("prompts/get", { name: "first__plain" });
      const link = await errorOf(denying.client, "resources/read", { uri: "given://plain" });
      assert.deepEqual([link.code, link.data.code], [-32002, "RESOURCE_NOT_FOUND"]);
      assert.equal(link.data.rule, undefined);
    },
  );

  await t.step("[offered.audit] every request has a line", async () => {
    const lines = gateway.readAuditLog().length;
    await client.request("resources/read", {
      uri: "HTTPS://User:secret@Example.com:443/Path?token=secret",
    });
    await client.request("prompts/get", { name: "first__odd_prompt___none" });
    await client.request("prompts/get", { name: "second__greet", arguments: { who: "x" } });
    await client.request("resources/list");
    const added = gateway.readAuditLog().slice(lines).map((line) => ({
      operation: line.operation,
      decision: line.decision,
      server: line.server,
      uri: line.uri,
      prompt: line.prompt,
      code: line.code,
    }));
    const nothing = { server: undefined, uri: undefined, prompt: undefined, code: undefined };
    assert.deepEqual(added, [
      {
        ...nothing,
        operation: "resources/read",
        decision: "ALLOW",
        server: "first",
        uri: "https://example.com/Path",
      },
      {
        ...nothing,
        operation: "prompts/get",
        decision: "ERROR",
        prompt: "first__odd_prompt___none",
        code: "PROMPT_NOT_FOUND",
      },
      {
        ...nothing,
        operation: "prompts/get",
        decision: "ALLOW",
        server: "second",
        prompt: "greet",
      },
      { ...nothing, operation: "resources/list", decision: "ALLOW" },
    ]);
    assert.doesNotMatch(JSON.stringify(gateway.readAuditLog()), /secret/);
  });
});

Deno.test("[offered.no-agent] a connection without an agent is offered nothing, which the log says once", async () => {
  await using gateway = await startGateway({
    servers: SERVERS,
    rules: { ...RULES, defaults: { deny_on_missing_agent: true } },
    initialize: false,
  });
  const { client } = gateway;
  const { result } = await client.initialize();
  assert.deepEqual(Object.keys(result?.capabilities as Fields).sort(), ["logging", "tools"]);
  for (const method of ["resources/list", "resources/templates/list", "prompts/list"]) {
    assert.deepEqual(await namesOf(client, method), [], method);
  }
  for (
    const [method, params, expectedCode] of [
      ["resources/read", { uri: "own://first" }, -32002],
      ["prompts/get", { name: "first__plain" }, -32602],
    ] as const
  ) {
    const { code, message, data } = await errorOf(client, method, params);
    assert.equal(code, expectedCode);
    assert.match(`${message} ${data.hint}`, /^This connection has no agent\b.* with --agent\b/);
  }
  const { stderr } = gateway.program;
  assert.equal(stderr.split("connection has no agent").length - 1, 1, stderr);
});

Deno.test("[offered.limits] requests for what servers offer count towards the limits", async () => {
  await using gateway = await startGateway({
    servers: SERVERS,
    rules: { agents: { a: { allow: { servers: ["first"] }, limits: { per_minute: 3 } } } },
    args: ["--agent", "a"],
  });
  const codes = [];
  for (const method of ["resources/list", "prompts/list", "resources/templates/list"]) {
    codes.push((await gateway.client.request(method)).error?.code);
  }
  const { code, data } = await errorOf(gateway.client, "resources/read", { uri: "note://one" });
  assert.deepEqual([...codes, code], [undefined, undefined, undefined, -32005]);
  assert.equal(data.code, "RATE_LIMITED");
});

Deno.test("[rules.shadow] resources and prompts that the rules deny are served in shadow mode, and recorded", async () => {
  const rules = {
    agents: {
      a: {
        mode: "shadow",
        allow: { servers: ["first"] },
        deny: { resources: { first: ["note://one"] }, prompts: { first: ["greet"] } },
      },
    },
  };
  await using gateway = await startGateway({ servers: SERVERS, rules, args: ["--agent", "a"] });
  const { client } = gateway;
  assert.ok((await namesOf(client, "resources/list")).includes("own://hidden"));
  assert.equal(await read(client, "note://one"), "first read note://one");
  assert.equal(await read(client, "own://hidden"), "hidden read own://hidden");
  const params = { name: "first__greet", arguments: { who: "x" } };
  assert.equal((await client.request("prompts/get", params)).error, undefined);
  const lines = gateway.readAuditLog().filter(({ uri, prompt }) => uri ?? prompt)
    .map(({ decision, shadow, rule }) => [decision, shadow, rule]);
  assert.deepEqual(lines, [
    ["ALLOW", "DENY", "agents.a.deny.resources.first[0]"],
    ["ALLOW", "DENY", "agents.a.allow.servers"],
    ["ALLOW", "DENY", "agents.a.deny.prompts.first[0]"],
  ]);
});
