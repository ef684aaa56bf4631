import assert from "node:assert/strict";
import { ODD_PROMPT, ODD_RESOURCE, ODD_TEMPLATE } from "../../fixtures/servers/offers.ts";
import type { Fields } from "../../e2e/raw_client.ts";
import { waitUntil } from "../../e2e/wait.ts";
import type { OpenTransport } from "./transport.ts";
import type { Check } from "./suite.ts";

/** Checks the resources, prompts, completions and subscriptions of servers. */
export async function checkOffers(transport: OpenTransport, check: Check): Promise<void> {
  const gateway = await transport.connect();
  const { client } = gateway;
  const resultText = async (method: string, params: Fields = {}): Promise<string> => {
    const { message, text } = await client.requestText(method, JSON.stringify(params));
    assert.equal(message.error, undefined, text);
    return text;
  };
  const errorOf = async (method: string, params: Fields) => {
    const { error } = await client.request(method, params);
    assert.ok(error, method);
    return { code: error.code, data: error.data as Fields };
  };

  await check(
    "[offered.unchanged] lists have the definitions as the server wrote them",
    async () => {
      assert.ok((await resultText("resources/list")).includes(ODD_RESOURCE));
      assert.ok((await resultText("resources/templates/list")).includes(ODD_TEMPLATE));
      const renamed = ODD_PROMPT.replace('"name":"greet"', '"name":"offering__greet"');
      assert.ok((await resultText("prompts/list")).includes(renamed));
    },
  );

  await check("[offered.unchanged] results are as the server wrote them", async () => {
    const read = await resultText("resources/read", { uri: "note://one" });
    assert.ok(
      read.includes(
        '"result":{"contents":[{"uri":"note://one","mimeType":"text/plain","text":"offering read note://one",' +
          '"odd":-0}],"_meta":{"big":12345678901234567890},"vendorField":[null]}',
      ),
      read,
    );
    const prompt = await resultText("prompts/get", {
      name: "offering__greet",
      arguments: { who: "é" },
    });
    assert.ok(prompt.includes('"text":"offering greet {\\"who\\":\\"é\\"}","odd":1e400'), prompt);
  });

  await check(
    "[offered.errors] a JSON-RPC error of the server comes through as it is",
    async () => {
      const { text } = await client.requestText("resources/read", '{"uri":"do://fail"}');
      assert.ok(text.includes('"data":{"from":"server","big":12345678901234567890}'), text);
    },
  );

  await check("[offered.errors] an unknown resource or prompt is not found", async () => {
    const resource = await errorOf("resources/read", { uri: "nowhere://x" });
    assert.deepEqual([resource.code, resource.data.code], [-32002, "RESOURCE_NOT_FOUND"]);
    const prompt = await errorOf("prompts/get", { name: "offering__none" });
    assert.deepEqual([prompt.code, prompt.data.code], [-32602, "PROMPT_NOT_FOUND"]);
    for (
      const [method, params] of [
        ["resources/read", {}],
        ["resources/read", { uri: 7 }],
        ["prompts/get", {}],
        ["prompts/get", { name: "offering__greet", arguments: [] }],
        ["resources/list", { cursor: "foreign" }],
        ["completion/complete", { ref: { type: "ref/other" }, argument: { name: "a", value: "" } }],
        ["resources/subscribe", {}],
      ] as const
    ) {
      const { code, data } = await errorOf(method, params);
      assert.deepEqual([code, data.code], [-32602, "INVALID_ARGUMENTS"], method);
    }
  });

  await check("[offered.completion] arguments are completed by the server", async () => {
    const argument = { name: "who", value: "a" };
    for (
      const ref of [
        { type: "ref/prompt", name: "offering__greet" },
        { type: "ref/resource", uri: "note://{id}" },
      ]
    ) {
      const { result } = await client.request("completion/complete", { ref, argument });
      const { values } = result?.completion as { values: string[] };
      const received = JSON.parse(values[1] ?? "");
      assert.equal(values[0], "offering");
      assert.deepEqual(received.argument, argument);
      assert.equal(received.ref.name ?? received.ref.uri, ref.uri ?? "greet");
    }
  });

  await check("[offered.links] a link in the result of a tool can be read", async () => {
    const uri = "elsewhere://linked";
    assert.equal((await errorOf("resources/read", { uri })).code, -32002);
    await gateway.callServerTool("offering", "link", { uri });
    assert.ok((await resultText("resources/read", { uri })).includes(`offering read ${uri}`));
    await resultText("resources/read", { uri: `${uri}#embedded` });
  });

  await check("[offered.requests] a read has progress and can be cancelled", async () => {
    const uri = "do://progress";
    await client.request("resources/read", { uri, _meta: { progressToken: "mine" } });
    const progress = client.notificationParams("notifications/progress")
      .filter(({ progressToken }) => progressToken === "mine");
    assert.deepEqual(progress.map((params) => params.progress), [1, 2]);
    const id = client.newId();
    const params = { uri: "do://hang" };
    await client.sendLine(JSON.stringify({ jsonrpc: "2.0", id, method: "resources/read", params }));
    await client.notify("notifications/cancelled", { requestId: id });
    await waitUntil("the server receives the cancellation", async () => {
      const received = await gateway.callServerToolForText("offering", "received");
      return received.includes('"notifications/cancelled"') || !received.includes("do://hang");
    });
  });

  await check(
    "[offered.subscriptions] a client is notified of updates while it is subscribed",
    async () => {
      const uri = "note://one";
      const update = (updatedUri: string) =>
        gateway.callServerToolForText("offering", "update", { uri: updatedUri });
      const updates = () => client.notificationParams("notifications/resources/updated");
      await update(uri);
      await resultText("resources/subscribe", { uri });
      const updated = client.waitForMessage("the update", ({ method }) => {
        return method === "notifications/resources/updated";
      });
      await update(uri);
      await updated;
      assert.deepEqual(updates(), [{ uri, title: "new", odd: [1] }]);
      await resultText("resources/unsubscribe", { uri });
      assert.equal(await gateway.callServerToolForText("offering", "subscribed"), "[]");
      await update(uri);
      await client.request("ping");
      assert.equal(updates().length, 1);
      await resultText("resources/unsubscribe", { uri: "note://never" });
    },
  );

  await check(
    "[offered.changes] a client is notified of the lists that it has asked for",
    async () => {
      for (
        const [kind, list] of [["resources", "resources"], ["templates", "resources"], [
          "prompts",
          "prompts",
        ]]
      ) {
        const changed = client.waitForMessage(`the change of ${kind}`, ({ method }) => {
          return method === `notifications/${list}/list_changed`;
        });
        const name = `new://${kind}`;
        await gateway.callServerToolForText("offering", "change", { kind, name });
        await changed;
      }
      assert.ok((await resultText("resources/list")).includes('"new://resources"'));
      assert.ok((await resultText("resources/templates/list")).includes('"new://templates"'));
      assert.match(await resultText("prompts/list"), /"offering__new___prompts_[0-9a-f]{6}"/);
    },
  );
}

/** Checks the capabilities that are declared to a client. */
export async function checkCapabilities(transport: OpenTransport, check: Check): Promise<void> {
  await check(
    "[offered.capabilities] resources, prompts and completions are declared",
    async () => {
      const { client } = await transport.connect(false);
      const { result } = await client.initialize();
      const { resources, prompts, completions } = result?.capabilities as Fields;
      assert.deepEqual(resources, { subscribe: true, listChanged: true });
      assert.deepEqual(prompts, { listChanged: true });
      assert.deepEqual(completions, {});
    },
  );
}
