import assert from "node:assert/strict";
import type { AgentSession } from "../../e2e/agent_session.ts";
import { waitUntil } from "../../e2e/wait.ts";
import {
  expectRpcError,
  listKeys,
  type OfferedList,
  PROMPTS,
  RESOURCES,
  TEMPLATES,
  waitForItem,
} from "../../e2e/offers.ts";
import { INVALID_URIS } from "./resources.ts";
import type { OpenTransport } from "./transport.ts";
import type { Check } from "./suite.ts";

const UPDATED = "notifications/resources/updated";

/** Checks subscriptions to resources, and that updates reach only who subscribed. */
export async function checkSubscriptions(transport: OpenTransport, check: Check): Promise<void> {
  const [gateway, other] = [await transport.connect(), await transport.connect()];
  const { client } = gateway;
  const uri = "own://second";
  const readSubscribed = async (session: AgentSession): Promise<string[]> => {
    return JSON.parse(await session.callServerToolForText("second", "subscribed"));
  };
  const update = (session: AgentSession, updatedUri: string) => {
    return session.callServerToolForText("second", "update", { uri: updatedUri });
  };
  for (const session of [gateway, other]) await waitForItem(session.client, RESOURCES, uri);

  await check(
    "[offered.subscriptions] a subscription and its end reach the server that has the resource",
    async () => {
      for (const subscribed of [uri, "own://second/a", "shared://both"]) {
        const answer = await client.request("resources/subscribe", { uri: subscribed });
        assert.deepEqual(answer.result, {}, JSON.stringify(answer));
      }
      assert.deepEqual(await readSubscribed(gateway), [uri, "own://second/a"]);
      const first = await gateway.callServerToolForText("first", "subscribed");
      assert.equal(first, '["shared://both"]');
      const answer = await client.request("resources/unsubscribe", { uri: "own://second/a" });
      assert.deepEqual(answer.result, {});
      assert.deepEqual(await readSubscribed(gateway), [uri]);
    },
  );

  await check(
    "[offered.subscriptions] an update reaches the subscriber as the server wrote it, and nobody else",
    async () => {
      await update(gateway, uri);
      await waitUntil(
        "the update has arrived",
        () => client.notificationParams(UPDATED).length > 0,
      );
      await update(other, uri);
      for (const otherUri of ["own://secondary", "note://other"]) await update(gateway, otherUri);
      await update(gateway, uri);
      await waitUntil(
        "the update has arrived",
        () => client.notificationParams(UPDATED).length > 1,
      );
      const expected = { uri, title: "new", odd: [1] };
      assert.deepEqual(client.notificationParams(UPDATED), [expected, expected]);
      await other.client.request("ping");
      assert.deepEqual(other.client.notificationParams(UPDATED), []);
    },
  );

  await check("[offered.subscriptions] after its end there are no updates", async () => {
    await client.request("resources/unsubscribe", { uri });
    assert.deepEqual(await readSubscribed(gateway), []);
    const previousCount = client.notificationParams(UPDATED).length;
    await update(gateway, uri);
    await client.request("resources/read", { uri });
    assert.equal(client.notificationParams(UPDATED).length, previousCount);
  });

  await check(
    "[offered.subscriptions] a second subscription to a URI changes nothing",
    async () => {
      for (let count = 0; count < 2; count++) await client.request("resources/subscribe", { uri });
      await client.request("resources/unsubscribe", { uri });
      assert.deepEqual(await readSubscribed(gateway), []);
      assert.deepEqual((await client.request("resources/unsubscribe", { uri })).result, {});
    },
  );

  await check("[offered.subscriptions] a URI that no server offers is not found", async () => {
    const params = { uri: "nowhere://x" };
    const { code, data } = await expectRpcError(client, "resources/subscribe", params);
    assert.deepEqual([code, data.code], [-32002, "RESOURCE_NOT_FOUND"]);
  });

  await check(
    "[offered.errors] invalid parameters of subscriptions are refused",
    async () => {
      for (const method of ["resources/subscribe", "resources/unsubscribe"]) {
        for (const params of INVALID_URIS) {
          const { error } = await client.request(method, params);
          assert.equal(error?.code, -32602, `${method} ${JSON.stringify(params)}`);
        }
      }
    },
  );

  await check(
    "[offered.subscriptions] after a crash the gateway subscribes again, and reports an update",
    async () => {
      await client.request("resources/subscribe", { uri });
      const previousCount = client.notificationParams(UPDATED).length;
      await gateway.callGatewayTool("execute_tool", { server: "second", tool: "crash", args: {} });
      await waitUntil("the client hears of the crash", () => {
        return client.notificationParams(UPDATED).length > previousCount;
      });
      assert.equal(client.notificationParams(UPDATED).at(-1)?.uri, uri);
      await waitUntil(
        "the server has the subscription",
        async () => (await readSubscribed(gateway)).includes(uri),
      );
    },
  );
}

/** Checks that changed lists are announced to clients that have asked for them. */
export async function checkChanges(transport: OpenTransport, check: Check): Promise<void> {
  const [gateway, stranger] = [await transport.connect(), await transport.connect()];
  const { client } = gateway;
  const notification = (list: OfferedList) => {
    return list === PROMPTS
      ? "notifications/prompts/list_changed"
      : "notifications/resources/list_changed";
  };
  const count = (list: OfferedList) => client.notificationParams(notification(list)).length;

  const changes = [
    [RESOURCES, "resources", "new://resource", "new://resource"],
    [TEMPLATES, "templates", "new://{template}", "new://{template}"],
    [PROMPTS, "prompts", "new_prompt", "second__new_prompt"],
  ] as const;
  await waitForItem(client, RESOURCES, "own://second");
  await waitForItem(client, TEMPLATES, "own://second/{path}");
  await waitForItem(client, PROMPTS, "second__plain");
  for (const [list, kind, name, key] of changes) {
    await check(
      `[offered.changes] several changes of ${list.method} at once are announced once, with the new list`,
      async () => {
        // The part of a server that started late may be announced, too.
        await waitForItem(client, RESOURCES, "hasty://hang");
        await waitForItem(client, PROMPTS, "hasty__hang");
        const previousCount = count(list);
        const change = { kind, name, times: 5 };
        await gateway.callServerToolForText("second", "change", change);
        await waitUntil("the change is announced", () => count(list) > previousCount);
        assert.ok((await listKeys(client, list)).includes(key));
        assert.equal(count(list), previousCount + 1);
      },
    );
  }

  await check("[offered.changes] a client that asked for no list hears of no change", async () => {
    const changed = { kind: "resources", name: "new://other", times: 1 };
    await stranger.callServerToolForText("second", "change", changed);
    await stranger.client.request("ping");
    const methods = stranger.client.receivedMessages.map(({ message }) => message.method);
    assert.equal(methods.some((method) => method?.endsWith("list_changed")), false);
  });

  await check("[offered.requests] a resource that was added can be read", async () => {
    const { result } = await client.request("resources/read", { uri: "new://resource" });
    assert.equal(JSON.stringify(result).includes("second read new://resource"), true);
  });
}
