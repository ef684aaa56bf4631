import assert from "node:assert/strict";
import { DirectConnection } from "../../e2e/direct_connection.ts";
import type { Fields } from "../../e2e/raw_client.ts";
import { createOffers } from "../../fixtures/servers/offers.ts";
import {
  expectRpcError,
  listItems,
  listKeys,
  PROMPTS,
  requestResultText,
  waitForItem,
} from "../../e2e/offers.ts";
import { OFFERING_SERVERS, type OpenTransport } from "./transport.ts";
import type { Check } from "./suite.ts";

/** Checks prompts and completion. */
export async function checkPrompts(transport: OpenTransport, check: Check): Promise<void> {
  const { client } = await transport.connect();
  await waitForItem(client, PROMPTS, "second__plain");
  await waitForItem(client, PROMPTS, "hasty__hang");
  const names = await listKeys(client, PROMPTS);
  const prompts = createOffers("first", 0).prompts.map((text) => JSON.parse(text));

  await check(
    "[offered.names] every prompt of every server is listed in order under a valid, distinct name",
    () => {
      assert.equal(names.length, prompts.length * 2 + 1);
      assert.equal(new Set(names).size, names.length);
      for (const name of names) assert.match(name, /^[A-Za-z0-9_-]{1,64}$/);
      for (const [index, { name }] of prompts.entries()) {
        for (
          const [server, offered] of [["first", names[index]], [
            "second",
            names[prompts.length + index],
          ]]
        ) {
          if (/^\w+$/.test(name) && !name.includes("__")) {
            assert.equal(offered, `${server}__${name}`);
          } else assert.match(offered ?? "", new RegExp(`^${server}__.*_[0-9a-f]{6}$`));
        }
      }
      return Promise.resolve();
    },
  );

  await check("[offered.unchanged] a prompt is the server's own but for its name", async () => {
    const listed = await listItems(client, PROMPTS);
    for (const [index, prompt] of prompts.entries()) {
      assert.deepEqual(listed[index], { ...prompt, name: names[index] });
    }
  });

  await check("[offered.unchanged] results equal those of direct calls", async () => {
    await using direct = await DirectConnection.start(OFFERING_SERVERS.second);
    for (const [index, { name }] of prompts.entries()) {
      if (["fail", "hang", "crash"].includes(name)) continue;
      for (const args of [{ who: "é😀", style: "" }, {}, undefined]) {
        const params = args === undefined ? {} : { arguments: args };
        const expected = await requestResultText(direct.client, "prompts/get", { name, ...params });
        const offered = { name: names[prompts.length + index], ...params };
        assert.equal(await requestResultText(client, "prompts/get", offered), expected);
      }
    }
  });

  await check("[offered.errors] an unknown name is not found", async () => {
    for (const name of ["greet", "first__nobody", "third__greet", "first__", "__proto__", ""]) {
      const { code, data } = await expectRpcError(client, "prompts/get", { name });
      assert.deepEqual([code, data.code, data.rule], [-32602, "PROMPT_NOT_FOUND", undefined], name);
    }
  });

  await check(
    "[errors.near-servers] for a misspelt server of a prompt, similar names are suggested",
    async () => {
      const { data } = await expectRpcError(client, "prompts/get", { name: "frist__greet" });
      assert.equal(
        data.hint,
        "Similar names among the servers you may use: first. " +
          "List the prompts to see those that you may get",
      );
      const { data: far } = await expectRpcError(client, "prompts/get", { name: "first__nobody" });
      assert.equal(far.hint, "List the prompts to see those that you may get");
    },
  );

  await check("[offered.errors] invalid parameters are refused", async () => {
    for (
      const params of [{}, { name: 7 }, { name: "first__greet", arguments: [] }, {
        name: "first__greet",
        arguments: "x",
      }]
    ) {
      const { error } = await client.request("prompts/get", params);
      assert.equal(error?.code, -32602, JSON.stringify(params));
    }
  });

  await check("[offered.errors] an error of a server arrives as the server wrote it", async () => {
    const { error } = await client.request("prompts/get", { name: "second__fail" });
    assert.equal(error?.code, -32099);
    assert.equal(error.message, "second failed");
    assert.deepEqual(Object.keys(error.data as Fields), ["from", "big"]);
  });

  await check("[offered.errors] a slow server and a crash are errors of the gateway", async () => {
    for (
      const [name, expectedCode] of [
        ["hasty__hang", "TIMEOUT"],
        ["second__crash", "SERVER_UNAVAILABLE"],
      ] as const
    ) {
      const { code, data } = await expectRpcError(client, "prompts/get", { name });
      assert.deepEqual([code, data.code], [-32603, expectedCode]);
    }
    assert.ok((await client.request("prompts/get", { name: "second__plain" })).result);
  });

  await check(
    "[offered.completion] completion asks the server of the prompt or template",
    async () => {
      const argument = { name: "who", value: "é", odd: [1.1] };
      const context = { arguments: { style: "x" } };
      const complete = async (ref: Fields) => {
        const { result, error } = await client.request("completion/complete", {
          ref,
          argument,
          context,
        });
        assert.equal(error, undefined, JSON.stringify(error));
        const { values: [server, received], ...others } = result?.completion as {
          values: [string, string];
        };
        assert.deepEqual({ ...result, completion: others }, {
          completion: { total: 2, odd: [1.1] },
          x: 1,
        });
        const { _meta: _, ...params } = JSON.parse(received);
        return { server, params };
      };
      const oddIndex = prompts.findIndex(({ name }) => name === "odd prompt/ü");
      for (
        const [ref, server, serverRef] of [
          [{ type: "ref/prompt", name: "second__greet" }, "second", {
            type: "ref/prompt",
            name: "greet",
          }],
          [{ type: "ref/prompt", name: names[oddIndex] }, "first", {
            type: "ref/prompt",
            name: "odd prompt/ü",
          }],
          [{ type: "ref/resource", uri: "own://second/{path}" }, "second"],
          [{ type: "ref/resource", uri: "note://{id}" }, "first"],
        ] as const
      ) {
        assert.deepEqual(await complete(ref), {
          server,
          params: { ref: serverRef ?? ref, argument, context },
        });
      }
    },
  );

  await check("[offered.completion] an unknown or invalid reference is an error", async () => {
    const argument = { name: "a", value: "" };
    for (
      const ref of [
        { type: "ref/prompt", name: "greet" },
        { type: "ref/prompt", name: "third__greet" },
        { type: "ref/prompt" },
        { type: "ref/resource", uri: "nowhere://{x}" },
        { type: "ref/tool", name: "first__echo" },
        "ref/prompt",
        undefined,
      ]
    ) {
      const { error } = await client.request("completion/complete", { ref, argument });
      assert.ok([-32602, -32002].includes(error?.code ?? 0), JSON.stringify([ref, error]));
    }
  });
}
