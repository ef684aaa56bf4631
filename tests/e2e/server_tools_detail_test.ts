import assert from "node:assert/strict";
import { encode } from "gpt-tokenizer/encoding/o200k_base";
import { ensureServers, serverEntry } from "../../scripts/test_servers.ts";
import { type Fields, misbehavingServer, type RunningGateway, startGateway } from "./gateway.ts";

interface Listing {
  readonly tools: readonly Fields[];
  /** The declarations, instead of `tools`, with detail types. */
  readonly types?: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly tokens_used: number;
  readonly returned: number;
  readonly omitted?: readonly string[];
}

/** Calls `get_server_tools`. */
async function listTools(
  gateway: RunningGateway,
  server: string,
  args: Fields = {},
): Promise<Listing> {
  return await gateway.callGatewayToolForJson("get_server_tools", { server, ...args });
}

Deno.test("get_server_tools shows the requested detail", async (t) => {
  await ensureServers();
  await using gateway = await startGateway({
    servers: {
      odd: misbehavingServer("--only=echo,contents,rpc_error"),
      many: misbehavingServer("--extra=30"),
      everything: { command: "node", args: [serverEntry("everything")] },
    },
    args: ["--agent", "tester", "--init-strategy", "lazy"],
  });

  await t.step("[tools.names-detail] detail names lists only the names", async () => {
    const { tools, detail } = await listTools(gateway, "odd", { detail: "names" });
    assert.equal(detail, "names");
    assert.deepEqual(tools, [{ name: "echo" }, { name: "contents" }, { name: "rpc_error" }]);
  });

  await t.step(
    "[tools.signatures] detail signatures lists names, signatures and descriptions",
    async () => {
      const { tools, detail } = await listTools(gateway, "odd", { detail: "signatures" });
      assert.equal(detail, "signatures");
      assert.deepEqual(tools, [
        { name: "echo", signature: "echo(text?: string)", description: "What echo does" },
        {
          name: "contents",
          signature: "contents()",
          description: "Gives every kind of content",
        },
        { name: "rpc_error", signature: "rpc_error(error: object)" },
      ]);
    },
  );

  await t.step("[tools.signatures] a real server has the expected signatures", async () => {
    const { tools } = await listTools(gateway, "everything", { detail: "signatures" });
    const signatures = tools.map(({ signature }) => signature);
    assert.ok(signatures.includes("echo(message: string)"), signatures.join("\n"));
    assert.ok(signatures.includes("get-sum(a: number, b: number)"), signatures.join("\n"));
  });

  await t.step("[types.detail] detail types declares the tools, in one text", async () => {
    const { tools, types, detail, returned } = await listTools(gateway, "odd", {
      detail: "types",
      names: "echo,contents",
    });
    assert.deepEqual([tools, detail, returned], [undefined, "types", 2]);
    const declared = "/** What echo does */\necho(args?: {text?: string}): Promise<any>\n" +
      "/** Gives every kind of content */\ncontents(): Promise<{big?: number}>\n";
    assert.equal(types, `declare const tools: {\nodd: {\n${declared}}\n}`);
  });

  await t.step("[types.detail] a budget limits the declared tools", async () => {
    const cut = await listTools(gateway, "many", { detail: "types", max_schema_tokens: 300 });
    assert.ok(cut.returned > 0 && cut.tokens_used <= 330, `${cut.tokens_used}`);
    assert.equal(cut.types?.split("Promise<").length, cut.returned + 1);
    assert.ok((cut.omitted ?? []).length > 0);
  });

  await t.step("[types.detail] a query declares the tools that it finds, by server", async () => {
    const found: Listing = await gateway.callGatewayToolForJson("get_server_tools", {
      query: "echo",
      detail: "types",
    });
    assert.equal(found.tools, undefined);
    assert.match(found.types ?? "", /^declare const tools: \{\n(?:odd|everything): \{\n/);
    assert.match(found.types ?? "", /^odd: \{\n[^}]*^echo\(args\?: \{text\?: string\}\)/m);
    assert.match(found.types ?? "", /^everything: \{\n[^]*^echo\(args: \{.*message: string\}\)/m);
  });

  await t.step("[tools.default-detail] the default is full up to 4,000 tokens", async () => {
    const { detail, hint, tools } = await listTools(gateway, "odd");
    assert.deepEqual([detail, hint], [undefined, undefined]);
    assert.ok(tools.every(({ inputSchema }) => inputSchema !== undefined));
  });

  await t.step(
    "[tools.default-detail] the default is signatures with a hint above 4,000 tokens",
    async () => {
      const answer = await listTools(gateway, "many");
      assert.equal(answer.detail, "signatures");
      assert.match(answer.hint ?? "", /names/);
      assert.ok(answer.tools.every(({ signature }) => typeof signature === "string"));
      assert.ok(encode(JSON.stringify(answer.tools)).length < 4000);
    },
  );

  const fullTitle =
    "[tools.default-detail] above 4,000 tokens, the detail is full if a detail, a filter or a budget is given";
  await t.step(fullTitle, async () => {
    const requests = [
      { detail: "full" },
      { pattern: "*" },
      { names: Array.from({ length: 30 }, (_, number) => `extra_${number}`).join(",") },
      { max_schema_tokens: 10_000 },
    ];
    for (const args of requests) {
      const answer = await listTools(gateway, "many", args);
      assert.equal(answer.detail, undefined);
      assert.ok(answer.tools.every(({ inputSchema }) => inputSchema !== undefined));
      const tokens = encode(JSON.stringify(answer.tools)).length;
      assert.ok(tokens > 4000, JSON.stringify(args));
      assert.ok(
        Math.abs(answer.tokens_used / tokens - 1) < 0.15,
        `${answer.tokens_used}, ${tokens}`,
      );
    }
  });

  await t.step(
    "[tools.tokens-used-15-percent] tokens_used is within 15 % of o200k_base at each detail",
    async () => {
      for (const server of ["odd", "many", "everything"]) {
        for (const detail of ["full", "types", "signatures", "names"]) {
          const { tools, types, tokens_used } = await listTools(gateway, server, { detail });
          const tokens = encode(JSON.stringify(types ?? tools)).length;
          const relativeError = Math.abs(tokens_used / tokens - 1);
          assert.ok(relativeError < 0.15, `${server} ${detail}: ${tokens_used} for ${tokens}`);
        }
      }
    },
  );
});
