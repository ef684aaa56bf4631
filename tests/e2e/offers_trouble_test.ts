import assert from "node:assert/strict";
import { join } from "node:path";
import { editAndReload } from "./config_edits.ts";
import { type Fields, offeringServer, startGateway } from "./gateway.ts";
import type { RawClient } from "./raw_client.ts";
import { waitUntil } from "./wait.ts";

async function listUris(client: RawClient): Promise<string[]> {
  const { result } = await client.request("resources/list");
  return (result?.resources as { uri: string }[]).map(({ uri }) => uri);
}

function waitForNotification(client: RawClient, method: string) {
  return client.waitForMessage(method, (message) => message.method === method);
}

Deno.test("servers that take long, fail or crash do no harm to the others", async (t) => {
  const folder = Deno.makeTempDirSync();
  const gate = join(folder, "gate");
  await using gateway = await startGateway({
    servers: {
      slow: offeringServer("--name=slow", `--hold=initialize:${gate}`),
      broken: { command: "no-such-program-exists" },
      crashing: offeringServer("--name=crashing", "--exit-at=prompts/list"),
      good: {
        ...offeringServer("--name=good", '--prompts=["{\\"name\\":\\"plain\\"}"]'),
        gateway: { call_timeout_ms: 1000 },
      },
      tools: offeringServer("--name=tools", '--capabilities={"tools":{}}'),
    },
  });
  const { client } = gateway;

  const dataOf = async (uri: string): Promise<Fields> => {
    const { error } = await client.request("resources/read", { uri });
    return error?.data as Fields;
  };

  await t.step("[offered.pending] a list waits 2 s at most, and the rest follows", async () => {
    const changed = waitForNotification(client, "notifications/resources/list_changed");
    const startedAt = performance.now();
    const uris = await listUris(client);
    const ms = performance.now() - startedAt;
    assert.ok(ms < 5000, `It took ${ms} ms`);
    assert.ok(uris.includes("own://good") && !uris.includes("own://slow"), uris.join(" "));
    assert.ok(!uris.includes("own://tools"));
    // The servers that failed have answered.
    const { hint, retryable } = await dataOf("own://slow");
    assert.match(
      String(hint),
      /^Try again in a few seconds: these servers have not listed their resources yet: slow$/,
    );
    assert.equal(retryable, true);
    Deno.writeTextFileSync(gate, "");
    await changed;
    assert.ok((await listUris(client)).includes("own://slow"));
    const unknown = await dataOf("own://nobody");
    assert.match(String(unknown.hint), /^List the resources /);
    assert.equal(unknown.retryable, false);
  });

  await t.step(
    "[offered.failing] a server that fails is left out, and the log says why",
    async () => {
      const { result } = await client.request("prompts/list");
      const names = (result?.prompts as { name: string }[]).map(({ name }) => name);
      assert.ok(names.includes("good__plain") && names.includes("slow__plain"), names.join(" "));
      assert.ok(!names.some((name) => name.startsWith("crashing")));
      for (const server of ["broken", "crashing"]) {
        // On a busy machine, the server may take longer to fail than the list waits for it.
        await waitUntil(`the log says that ${server} is left out`, () => {
          return new RegExp(`left out.*server=${server}`).test(gateway.program.stderr);
        });
      }
    },
  );

  await t.step("[offered.errors] a server that crashes or takes too long is -32603", async () => {
    const errorOf = async (method: string, params: Fields) => {
      const { error } = await client.request(method, params);
      return [error?.code, (error?.data as Fields).code];
    };
    await gateway.callServerTool("good", "link", { uri: "good://crash" });
    await gateway.callServerTool("good", "link", { uri: "good://hang" });
    assert.deepEqual(await errorOf("resources/read", { uri: "good://hang" }), [-32603, "TIMEOUT"]);
    assert.deepEqual(
      await errorOf("resources/read", { uri: "good://crash" }),
      [-32603, "SERVER_UNAVAILABLE"],
    );
    assert.deepEqual(
      await errorOf("prompts/get", { name: "crashing__plain" }),
      [-32603, "SERVER_UNAVAILABLE"],
    );
    assert.ok((await client.request("prompts/get", { name: "good__plain" })).result);
  });
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("[reload.offered] a reload renews subscriptions, pauses those that are denied, and announces the lists", async () => {
  const rules = (deny: object) => ({
    agents: { tester: { allow: { servers: ["*"] }, deny, status: true } },
  });
  await using gateway = await startGateway({
    servers: { one: offeringServer("--name=one"), two: offeringServer("--name=two") },
    rules: rules({}),
    args: ["--agent", "tester", "--debug"],
  });
  const { client } = gateway;
  const update = (server: string, uri: string) =>
    gateway.callServerToolForText(server, "update", { uri });
  const updated = () => waitForNotification(client, "notifications/resources/updated");
  await listUris(client);
  for (const uri of ["own://one", "own://two"]) {
    assert.ok((await client.request("resources/subscribe", { uri })).result);
  }

  // The client learns that it may have missed an update of the server that was replaced.
  const [renewed, changed] = [
    updated(),
    waitForNotification(client, "notifications/resources/list_changed"),
  ];
  await editAndReload(gateway, "mcp_config", {
    mcpServers: {
      one: offeringServer("--name=one", "--title=new"),
      two: offeringServer("--name=two"),
    },
  });
  assert.deepEqual((await renewed).message.params, { uri: "own://one" });
  await changed;
  for (const [server, uri] of [["one", "own://one"], ["two", "own://two"]] as const) {
    const notified = updated();
    await update(server, uri);
    assert.equal((await notified).message.params?.uri, uri);
  }

  await editAndReload(gateway, "gateway_rules", rules({ resources: { one: ["own://*"] } }));
  await waitUntil("the subscription has ended", async () => {
    return await gateway.callServerToolForText("one", "subscribed") === "[]";
  });
  const count = client.notificationParams("notifications/resources/updated").length;
  await update("one", "own://one");
  const notified = updated();
  await update("two", "own://two");
  await notified;
  assert.equal(client.notificationParams("notifications/resources/updated").length, count + 1);
  assert.ok(!(await listUris(client)).includes("own://one"));
});
