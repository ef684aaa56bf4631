import assert from "node:assert/strict";
import { sha256 } from "../gateway/http/authenticator_fixture.ts";
import { plainItem } from "../fixtures/servers/offers.ts";
import { AgentSession } from "./agent_session.ts";
import { type Fields, offeringServer, startGateway } from "./gateway.ts";
import { HttpTransport } from "./http_transport.ts";
import { expectRpcError, listKeys, PROMPTS, RESOURCES, TEMPLATES, waitForItem } from "./offers.ts";

/** Writes lists of plain items as flags of the offering server. */
function listFlags(lists: Readonly<Record<string, readonly string[]>>): string[] {
  return Object.entries(lists).map(([kind, names]) => {
    const items = names.map((name) => plainItem(kind as "resources", name));
    return `--${kind}=${JSON.stringify(items)}`;
  });
}

/** Server of files: lists some, and has a template for all. */
const FILES = offeringServer(
  "--name=files",
  ...listFlags({
    resources: ["file:///srv/public/a", "file:///srv/secret/key", "file:///srv/secret/open"],
    templates: ["file:///{+path}", "file:///srv/secret/{name}", "{+anything}"],
    prompts: ["read", "delete_all", "delete_one"],
  }),
);

/** URIs that lead many servers to `file:///srv/secret/key`. */
const EVASIONS = [
  "file:///srv/secret/key",
  "FILE:///srv/secret/key",
  "fIle:///srv/secret/key",
  "file:/srv/secret/key",
  "file://localhost/srv/secret/key",
  "file:///srv/./secret/key",
  "file:///srv/public/../secret/key",
  "file:///srv/public/%2e%2e/secret/key",
  "file:///srv/public/%2E%2E/secret/key",
  "file:///srv/public/.%2e/secret/key",
  "file:///srv/public/..%2fsecret/key",
  "file:///srv/public/..%2Fsecret/key",
  "file:///srv/public%2f..%2fsecret/key",
  "file:///srv/%73ecret/key",
  "file:///srv/secre%74/key",
  "file:///srv/secret%2fkey",
  "file:///srv/secret/%6bey",
  "file:///%73%72%76/secret/key",
  "file:///../srv/secret/key",
  "file:///srv\\secret\\key",
  "file:\\\\\\srv\\secret\\key",
  " file:///srv/secret/key",
  "file:///srv/sec\tret/key",
  "file:///srv/sec\nret/key",
  "file:///srv/secret/key ",
  "file:///srv//secret/key",
  "file:////srv/secret/key",
  "file:///srv/%252e%252e/srv/secret/key",
  "file:///srv/%2573ecret/key",
  "file://127.0.0.1/srv/secret/key",
  "file://elsewhere/srv/secret/key",
  "file:srv/secret/key",
  "file:///srv/secret/key?x",
  "file:///srv/secret/key#x",
] as const;

Deno.test("rules decide resources and prompts", async (t) => {
  const agents = {
    denied: {
      allow: { servers: ["*"] },
      deny: {
        resources: { files: ["file:///srv/secret/*"] },
        prompts: { "*": ["delete_*"] },
      },
    },
    allowed: {
      allow: {
        servers: ["files"],
        resources: { files: ["file:///srv/public/*", "file:///srv/secret/open"] },
        prompts: { files: ["read", "delete_one"] },
      },
      deny: { resources: { "*": ["file:///srv/secret/*"] }, prompts: { files: ["delete_*"] } },
    },
    explicit: {
      allow: { servers: ["*"], resources: { "*": ["*"] } },
      deny: { resources: { files: ["file:///srv/secret/key"] }, prompts: { files: ["read"] } },
    },
    stranger: { allow: { servers: ["other"] } },
    nothing: { allow: { servers: ["files"], resources: { files: [] }, prompts: { files: [] } } },
  };
  const tokens = Object.fromEntries(Object.keys(agents).map((agent) => [agent, `amg_${agent}`]));
  const withTokens = Object.fromEntries(
    Object.entries(agents).map(([agent, rules]) => {
      return [agent, { ...rules, token_sha256: [sha256(String(tokens[agent]))] }];
    }),
  );
  await using gateway = await startGateway({
    servers: { files: FILES, other: offeringServer("--name=other") },
    rules: { agents: withTokens },
    transport: "http",
    initialize: false,
  });
  await using transports = new AsyncDisposableStack();
  const connect = async (agent: string) => {
    const headers = { authorization: `Bearer ${tokens[agent]}` };
    const { url, program } = gateway;
    const transport = new HttpTransport({ url, headers, stderr: () => program.stderr });
    transports.defer(() => transport.close());
    const session = new AgentSession(transport);
    await session.client.initialize();
    return session.client;
  };
  await t.step("[rules.resources] lists have what the agent may read", async () => {
    const client = await connect("denied");
    await waitForItem(client, RESOURCES, "own://other");
    const uris = (await listKeys(client, RESOURCES)).filter((uri) => uri.startsWith("file:///srv"));
    assert.deepEqual(uris, ["file:///srv/public/a"]);
    const templates = (await listKeys(client, TEMPLATES)).slice(0, 2);
    assert.deepEqual(templates, ["file:///{+path}", "{+anything}"]);
    assert.deepEqual((await listKeys(client, PROMPTS)).slice(0, 2), [
      "files__read",
      "other__greet",
    ]);

    const limited = await connect("allowed");
    await waitForItem(limited, RESOURCES, "file:///srv/public/a");
    assert.deepEqual(await listKeys(limited, RESOURCES), [
      "file:///srv/public/a",
      "file:///srv/secret/open",
    ]);
    assert.deepEqual(await listKeys(limited, PROMPTS), ["files__read", "files__delete_one"]);

    const nothing = await connect("nothing");
    for (const list of [RESOURCES, TEMPLATES, PROMPTS]) {
      assert.deepEqual(await listKeys(nothing, list), []);
    }
  });

  await t.step("[rules.resources] [rules.prompts] refusals name the deciding rule", async () => {
    for (
      const [agent, uri, rule] of [
        ["denied", "file:///srv/secret/key", "agents.denied.deny.resources.files[0]"],
        ["allowed", "file:///srv/secret/key", 'agents.allowed.deny.resources["*"][0]'],
        ["allowed", "file:///other", "agents.allowed.allow.resources.files"],
        ["explicit", "file:///srv/secret/key", "agents.explicit.deny.resources.files[0]"],
        ["nothing", "file:///srv/public/a", "agents.nothing.allow.resources.files"],
      ] as const
    ) {
      const client = await connect(agent);
      for (const method of ["resources/read", "resources/subscribe"]) {
        const { code, data } = await expectRpcError(client, method, { uri });
        assert.deepEqual([code, data.code, data.rule], [-32002, "DENIED_BY_POLICY", rule]);
      }
    }
    for (
      const [agent, name, rule] of [
        ["denied", "files__delete_all", 'agents.denied.deny.prompts["*"][0]'],
        ["allowed", "files__delete_all", "agents.allowed.deny.prompts.files[0]"],
        ["explicit", "files__read", "agents.explicit.deny.prompts.files[0]"],
        ["nothing", "files__read", "agents.nothing.allow.prompts.files"],
      ] as const
    ) {
      const client = await connect(agent);
      const { code, data } = await expectRpcError(client, "prompts/get", { name });
      assert.deepEqual([code, data.code, data.rule], [-32602, "DENIED_BY_POLICY", rule]);
      const ref = { type: "ref/prompt", name };
      const argument = { name: "a", value: "" };
      const { error } = await client.request("completion/complete", { ref, argument });
      assert.ok(error, "the completion of a denied prompt is denied");
    }
  });

  await t.step("[rules.resources] [rules.prompts] allowed items are served", async () => {
    for (
      const [agent, uri] of [
        ["denied", "file:///srv/public/a"],
        ["denied", "file:///srv/secretary/a"],
        ["allowed", "file:///srv/secret/open"],
        ["allowed", "file:///srv/public/deep/b%20c"],
        ["explicit", "file:///srv/secret/open"],
      ] as const
    ) {
      const { result, error } = await (await connect(agent)).request("resources/read", { uri });
      assert.ok(JSON.stringify(result)?.includes("files read"), JSON.stringify([uri, error]));
    }
    const allowed = await connect("allowed");
    assert.ok((await allowed.request("prompts/get", { name: "files__delete_one" })).result);
  });

  await t.step("[rules.uri-spellings] no other spelling of a URI evades a denial", async () => {
    const [denied, allowed] = [await connect("denied"), await connect("allowed")];
    const evaded: string[] = [];
    for (const [agent, client] of [["denied", denied], ["allowed", allowed]] as const) {
      for (const uri of EVASIONS) {
        const { error } = await client.request("resources/read", { uri });
        if (error?.code !== -32002) evaded.push(`${agent} read ${JSON.stringify(uri)}`);
      }
    }
    assert.deepEqual(evaded, []);
  });

  await t.step(
    "[rules.uri-spellings] a URI is allowed only in all its forms",
    async () => {
      const client = await connect("allowed");
      for (
        const uri of [
          "file:///srv/public/../other",
          "file:///srv/public/%2e%2e/other",
          "file:///srv/public/..%2fother",
          "file:///srv/public/..%5cother",
          "file:///srv/public/%2e%2e%2f%2e%2e%2fetc/passwd",
          "file:///srv/public/..\\other",
        ]
      ) {
        const { error } = await client.request("resources/read", { uri });
        assert.equal(error?.code, -32002, uri);
      }
    },
  );

  await t.step(
    "[offered.rules] an agent cannot find out what servers have that it may not use",
    async () => {
      const client = await connect("stranger");
      await waitForItem(client, RESOURCES, "own://other");
      const refusal = async (method: string, params: Fields, text: string) => {
        const { error } = await client.request(method, params);
        assert.ok(error);
        return JSON.stringify(error).replaceAll(text, "TEXT");
      };
      for (const method of ["resources/read", "resources/subscribe"]) {
        const uris = ["file:///srv/public/a", "file:///srv/public/none"];
        const [exists, isMissing] = await Promise.all(
          uris.map((uri) => refusal(method, { uri }, uri)),
        );
        assert.equal(exists, isMissing);
        assert.doesNotMatch(exists ?? "", /files|"rule"/);
      }
      const names = ["files__read", "gone__read"];
      const [exists, isMissing] = await Promise.all(
        names.map((name) => refusal("prompts/get", { name }, name)),
      );
      assert.equal(exists, isMissing);
      assert.doesNotMatch(exists ?? "", /"rule"/);
      for (const list of [RESOURCES, TEMPLATES, PROMPTS]) {
        assert.ok(
          (await listKeys(client, list)).every((key) => !/file:\/\/\/srv|files_/.test(key)),
        );
      }
    },
  );
});

Deno.test("[rules.resources] the first server that the rules allow gives a resource", async () => {
  await using gateway = await startGateway({
    servers: {
      one: offeringServer("--name=one"),
      two: offeringServer("--name=two"),
      three: offeringServer("--name=three"),
    },
    rules: {
      agents: {
        tester: {
          allow: { servers: ["two", "three", "one"] },
          deny: { resources: { one: ["shared://both"] }, prompts: { three: ["plain"] } },
        },
      },
    },
    args: ["--agent", "tester"],
  });
  const { client } = gateway;
  await waitForItem(client, RESOURCES, "own://three");
  await waitForItem(client, RESOURCES, "shared://both");
  const { result } = await client.request("resources/read", { uri: "shared://both" });
  assert.match(JSON.stringify(result), /two read shared:\/\/both/);
  const uris = await listKeys(client, RESOURCES);
  assert.deepEqual(uris.filter((uri) => uri.startsWith("own:") || uri.startsWith("shared:")), [
    "own://one",
    "shared://both",
    "own://two",
    "own://three",
  ]);
});

Deno.test("[rules.resources] [rules.prompts] deny_overrides puts each denial before every permission", async () => {
  await using gateway = await startGateway({
    servers: { files: FILES },
    rules: {
      agents: {
        tester: {
          allow: {
            servers: ["files"],
            resources: { files: ["file:///srv/secret/open", "file:///srv/public/*"] },
            prompts: { files: ["delete_one"] },
          },
          deny: {
            resources: { files: ["file:///srv/secret/*"] },
            prompts: { "*": ["delete_*"] },
          },
        },
      },
      defaults: { deny_overrides: true },
    },
    args: ["--agent", "tester"],
  });
  const { client } = gateway;
  await waitForItem(client, RESOURCES, "file:///srv/public/a");
  assert.deepEqual(await listKeys(client, RESOURCES), ["file:///srv/public/a"]);
  assert.deepEqual(await listKeys(client, PROMPTS), []);
  const uri = "file:///srv/secret/open";
  const { data } = await expectRpcError(client, "resources/read", { uri });
  assert.equal(data.rule, "agents.tester.deny.resources.files[0]");
});
