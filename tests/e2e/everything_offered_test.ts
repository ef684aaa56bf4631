import assert from "node:assert/strict";
import { ensureServers, serverEntry } from "../../scripts/test_servers.ts";
import { DirectConnection } from "./direct_connection.ts";
import { type Fields, startGateway } from "./gateway.ts";
import type { RawClient } from "./raw_client.ts";

/** Lists all pages of a list. */
async function listAll(client: RawClient, method: string, member: string): Promise<Fields[]> {
  const items: Fields[] = [];
  let cursor: unknown;
  do {
    const { result } = await client.request(method, cursor === undefined ? {} : { cursor });
    items.push(...result?.[member] as Fields[]);
    cursor = result?.nextCursor;
  } while (cursor !== undefined);
  return items;
}

/** Returns the result and the error of an answer, without the times that some resources of the server contain. */
async function answerOf(client: RawClient, method: string, params: Fields): Promise<unknown> {
  const { result, error } = await client.request(method, params);
  assert.ok(result ?? error);
  const decodeBlob = (key: string, value: unknown) => key === "blob" ? atob(String(value)) : value;
  const text = JSON.stringify({ result, error }, decodeBlob);
  return JSON.parse(text.replace(/at \d+:\d+:\d+ \wM/g, ""));
}

/** Completions: for each, the reference, the argument, and the other arguments. */
const COMPLETIONS: readonly (readonly [ref: Fields, argument: Fields, context?: Fields])[] = [
  [{ type: "ref/prompt", name: "completable-prompt" }, { name: "department", value: "E" }],
  [
    { type: "ref/prompt", name: "completable-prompt" },
    { name: "name", value: "" },
    { arguments: { department: "Engineering" } },
  ],
  [{ type: "ref/prompt", name: "resource-prompt" }, { name: "resourceType", value: "" }],
  [
    { type: "ref/resource", uri: "demo://resource/dynamic/text/{resourceId}" },
    { name: "resourceId", value: "1" },
  ],
  [
    { type: "ref/resource", uri: "demo://resource/dynamic/blob/{resourceId}" },
    { name: "resourceId", value: "x" },
  ],
];

/** Arguments of the prompts that have some. */
const PROMPT_ARGUMENTS: Readonly<Record<string, Fields>> = {
  "args-prompt": { city: "Berlin", state: "Berlin" },
  "completable-prompt": { department: "Engineering", name: "Alice" },
  "resource-prompt": { resourceType: "Text", resourceId: "1" },
};

Deno.test("[offered.unchanged] all that server-everything offers is the same through the gateway", async (t) => {
  await ensureServers();
  const everything = { command: "node", args: [serverEntry("everything")] };
  await using gateway = await startGateway({ servers: { everything } });
  await using direct = await DirectConnection.start(everything);
  const { client } = gateway;
  const bothAnswers = async (method: string, params: Fields, directParams: Fields = params) => {
    const answer = await answerOf(client, method, params);
    assert.deepEqual(answer, await answerOf(direct.client, method, directParams), method);
    return answer as { readonly result?: Fields; readonly error?: Fields };
  };
  const resources = await listAll(client, "resources/list", "resources");
  const templates = await listAll(client, "resources/templates/list", "resourceTemplates");
  const prompts = await listAll(client, "prompts/list", "prompts");

  await t.step("the lists", async () => {
    const listDirect = (method: string, member: string) => listAll(direct.client, method, member);
    assert.ok(resources.length > 0 && templates.length > 0 && prompts.length > 0);
    assert.deepEqual(resources, await listDirect("resources/list", "resources"));
    assert.deepEqual(
      templates,
      await listDirect("resources/templates/list", "resourceTemplates"),
    );
    const directPrompts = await listDirect("prompts/list", "prompts");
    assert.deepEqual(
      prompts,
      directPrompts.map((prompt) => ({ ...prompt, name: `everything__${prompt.name}` })),
    );
  });

  await t.step("every resource", async () => {
    for (const { uri } of resources) {
      const { result } = await bothAnswers("resources/read", { uri });
      assert.ok(result, String(uri));
    }
  });

  await t.step(
    "a resource of every template, and the server's error for one without it",
    async () => {
      for (const { uriTemplate } of templates) {
        const uri = String(uriTemplate).replace(/\{\w+\}/, "7");
        assert.ok((await bothAnswers("resources/read", { uri })).result, uri);
        await bothAnswers("resources/read", { uri: String(uriTemplate).replace(/\{\w+\}/, "x") });
      }
    },
  );

  await t.step("every prompt, with and without its arguments", async () => {
    for (const { name } of prompts) {
      const directName = String(name).replace(/^everything__/, "");
      for (const args of [PROMPT_ARGUMENTS[directName], undefined]) {
        const withName = (promptName: unknown) => ({ name: promptName, arguments: args });
        await bothAnswers("prompts/get", withName(name), withName(directName));
      }
    }
  });

  await t.step("[offered.completion] completions", async () => {
    for (const [ref, argument, context] of COMPLETIONS) {
      const name = ref.name === undefined ? {} : { name: `everything__${ref.name}` };
      const { result } = await bothAnswers(
        "completion/complete",
        { ref: { ...ref, ...name }, argument, context },
        { ref, argument, context },
      );
      assert.ok(result, JSON.stringify(ref));
    }
  });

  await t.step("[offered.links] links in results of tools can be read", async () => {
    const { content } = await gateway.callServerTool("everything", "get-resource-links", {
      count: 4,
    });
    const uris = (content as Fields[]).filter(({ type }) => type === "resource_link")
      .map(({ uri }) => uri);
    assert.equal(uris.length, 4);
    for (const uri of uris) assert.ok((await bothAnswers("resources/read", { uri })).result);
  });
});
