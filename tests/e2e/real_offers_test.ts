import assert from "node:assert/strict";
import { ensureServers, serverEntry } from "../../scripts/test_servers.ts";
import { DirectConnection } from "./direct_connection.ts";
import { type Fields, type RunningGateway, startGateway } from "./gateway.ts";
import { listItems, PROMPTS, RESOURCES, TEMPLATES, TOOLS, waitForItem } from "./offers.ts";
import type { RawClient } from "./raw_client.ts";
import { waitUntil } from "./wait.ts";

/** Values for the arguments of the server's prompts. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  city: "Köln",
  state: "NRW",
  department: "Engineering",
  name: "Alice",
  resourceType: "Text",
  resourceId: "1",
};

/** Values to complete for each argument. */
const VALUES = ["", "E", "A", "1", "x"];

/** Replaces the times of day in an answer, also those in base64, which differ between two answers. */
function withoutTimes(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, member) => {
    if (typeof member !== "string") return member;
    const text = key === "blob" ? atob(member) : member;
    return text.replace(/\d+:\d+:\d+ \wM/g, "TIME");
  });
}

Deno.test("all that server-everything offers is the same through the gateway", async (t) => {
  await ensureServers();
  const entry = { command: "node", args: [serverEntry("everything")] };
  await using direct = await DirectConnection.start(entry);
  await using gateway: RunningGateway = await startGateway({
    servers: { everything: entry },
    args: ["--agent", "tester", "--face", "direct"],
  });
  const { client } = gateway;
  const request = async (to: RawClient, method: string, params: Fields): Promise<Fields> => {
    const { result, error } = await to.request(method, params);
    return result ?? assert.fail(`${method} ${JSON.stringify(params)}: ${JSON.stringify(error)}`);
  };
  const compare = async (method: string, params: Fields, gatewayParams: Fields = params) => {
    const [own, gateways] = await Promise.all([
      request(direct.client, method, params),
      request(client, method, gatewayParams),
    ]);
    assert.deepEqual(withoutTimes(gateways), withoutTimes(own));
  };
  const prompts = await listItems(direct.client, PROMPTS);
  const templates = await listItems(direct.client, TEMPLATES);

  await t.step("[offered.merged] [offered.unchanged] every list", async () => {
    for (const list of [RESOURCES, TEMPLATES, PROMPTS, TOOLS]) {
      const own = await listItems(direct.client, list);
      assert.ok(own.length > 0);
      const isNamed = list === PROMPTS || list === TOOLS;
      const offered = (name: unknown) => isNamed ? `everything__${name}` : String(name);
      await waitForItem(client, list, offered(own.at(-1)?.[list.key]));
      const expected = own.map((item) => ({ ...item, [list.key]: offered(item[list.key]) }));
      assert.deepEqual(await listItems(client, list), expected);
    }
  });

  await t.step("[offered.requests] every resource, and resources of every template", async () => {
    const uris = (await listItems(direct.client, RESOURCES)).map(({ uri }) => String(uri));
    const fromTemplates = templates.flatMap(({ uriTemplate }) => {
      return ["1", "42"].map((id) => String(uriTemplate).replace(/\{\w+\}/, id));
    });
    assert.ok(fromTemplates.length > 0);
    for (const uri of [...uris, ...fromTemplates]) await compare("resources/read", { uri });
    const uri = String(templates[0]?.uriTemplate).replace(/\{\w+\}/, "none");
    const answers = await Promise.all(
      [direct.client, client].map((to) => to.request("resources/read", { uri })),
    );
    assert.ok(answers[0]?.error);
    assert.deepEqual(answers[1]?.error, answers[0]?.error);
  });

  await t.step("[offered.unchanged] every prompt", async () => {
    for (const prompt of prompts) {
      const names = (prompt.arguments as { name: string }[] | undefined)?.map(({ name }) => name);
      const args = names?.map((name) => [name, ARGUMENTS[name] ?? assert.fail(name)]);
      const params = args === undefined ? {} : { arguments: Object.fromEntries(args) };
      const name = String(prompt.name);
      const gatewayParams = { name: `everything__${name}`, ...params };
      await compare("prompts/get", { name, ...params }, gatewayParams);
    }
  });

  await t.step("[offered.completion] every completion", async () => {
    let valueCount = 0;
    const complete = async (ref: Fields, gatewayRef: Fields, argumentName: string) => {
      for (const value of VALUES) {
        const argument = { name: argumentName, value };
        const context = { arguments: { department: "Engineering" } };
        const params = { ref, argument, context };
        await compare("completion/complete", params, { ...params, ref: gatewayRef });
        const { completion } = await request(direct.client, "completion/complete", params);
        valueCount += (completion as { values: string[] }).values.length;
      }
    };
    for (const { uriTemplate: uri } of templates) {
      const ref = { type: "ref/resource", uri };
      await complete(ref, ref, "resourceId");
    }
    for (const { name, arguments: args } of prompts) {
      const ref = { type: "ref/prompt", name };
      for (const argument of (args ?? []) as { name: string }[]) {
        await complete(ref, { ...ref, name: `everything__${name}` }, argument.name);
      }
    }
    assert.ok(valueCount > 0);
  });

  await t.step("[offered.subscriptions] an update", async () => {
    const uri = String((await listItems(direct.client, RESOURCES))[0]?.uri);
    await request(client, "resources/subscribe", { uri });
    const toggle = { name: "everything__toggle-subscriber-updates", arguments: {} };
    await request(client, "tools/call", toggle);
    const updates = () => client.notificationParams("notifications/resources/updated");
    await waitUntil("the update has arrived", () => updates().length > 0);
    assert.deepEqual(updates()[0], { uri });
    await request(client, "resources/unsubscribe", { uri });
    await request(client, "tools/call", toggle);
  });

  await t.step("[offered.links] links in results of tools", async () => {
    const call = { name: "everything__get-resource-links", arguments: { count: 4 } };
    const { content } = await request(client, "tools/call", call) as { content: Fields[] };
    const uris = content.flatMap(({ type, uri }) => type === "resource_link" ? [uri] : []);
    assert.equal(uris.length, 4);
    for (const uri of uris) await compare("resources/read", { uri });
  });

  await t.step("[offered.links] a resource that a tool makes", async () => {
    const data = `data:text/plain,${"x".repeat(100)}`;
    const args = { name: "made.gz", data, outputType: "resourceLink" };
    const call = { name: "everything__gzip-file-as-resource", arguments: args };
    const { content } = await request(client, "tools/call", call) as { content: Fields[] };
    const [{ uri } = {}] = content;
    const { contents } = await request(client, "resources/read", { uri });
    const [{ blob } = {}] = contents as Fields[];
    assert.equal(String(blob).slice(0, 4), "H4sI");
  });
});
