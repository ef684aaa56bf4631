import assert from "node:assert/strict";
import { encode } from "gpt-tokenizer/encoding/o200k_base";
import { ODD_DEFINITION } from "../fixtures/servers/odd_json.ts";
import { DirectConnection } from "./direct_connection.ts";
import {
  type Fields,
  misbehavingServer,
  readRefusal,
  type RunningGateway,
  startGateway,
} from "./gateway.ts";

interface Listing {
  readonly tools: readonly Fields[];
  readonly server: string;
  readonly total_available: number;
  readonly returned: number;
  readonly tokens_used: number;
  readonly detail?: string;
  readonly omitted?: readonly string[];
  readonly hint?: string;
}

const RULES = {
  agents: {
    all: { allow: { servers: ["*"] } },
    some: {
      allow: { servers: ["odd"], tools: { odd: ["e*", "w*", "progress", "__proto__"] } },
      deny: { tools: { odd: ["env"] } },
    },
  },
};

/** Calls `get_server_tools` for the server `odd`, by default as the agent `all`. */
async function listTools(gateway: RunningGateway, args: Fields = {}): Promise<Listing> {
  const answer = await gateway.callGatewayToolForJson<Listing>("get_server_tools", {
    agent_id: "all",
    server: "odd",
    ...args,
  });
  assert.equal(answer.returned, answer.tools.length);
  return answer;
}

function toolNames({ tools }: Listing): unknown[] {
  return tools.map(({ name }) => name);
}

Deno.test("get_server_tools shows the tools of a server", async (t) => {
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer("--page-size=4", "--invalid-tools") },
    rules: RULES,
  });
  await using direct = await DirectConnection.start(misbehavingServer());
  const tools = await direct.listTools();

  await t.step(
    "[tools.listing-shape] [tools.listing-counts] the result has the tools, the server and the counts",
    async () => {
      const { tools: listedTools, tokens_used, ...otherFields } = await listTools(gateway);
      assert.deepEqual(otherFields, {
        server: "odd",
        total_available: tools.length,
        returned: tools.length,
      });
      assert.ok(Math.abs(tokens_used / encode(JSON.stringify(listedTools)).length - 1) < 0.15);
    },
  );

  await t.step(
    "[tools.listing-pages] [tools.listing-fields] the tools of all pages are listed with all their fields",
    async () => {
      assert.ok(tools.length > 4);
      assert.deepEqual((await listTools(gateway)).tools, tools);
    },
  );

  await t.step("[tools.listing-fields] a definition is passed on unchanged", async () => {
    await listTools(gateway, { names: "contents" });
    const answer = gateway.client.receivedMessages.at(-1)?.text ?? "";
    assert.ok(answer.includes(JSON.stringify(ODD_DEFINITION).slice(1, -1)));
  });

  const invalidToolsTitle =
    "[tools.listing-odd-entries] the log names the invalid and duplicate tools that were left out";
  await t.step(invalidToolsTitle, () => {
    const { stderr } = gateway.program;
    assert.equal(stderr.match(/Tool left out: .* no name/g)?.length, 4);
    assert.equal(stderr.match(/Tool left out: .* the duplicate name "echo"/g)?.length, 1);
  });

  await t.step("[tools.listing-allowed] an agent sees only tools that it may call", async () => {
    const answer = await listTools(gateway, { agent_id: "some" });
    const allowed = ["echo", "wait", "waiting", "progress", "__proto__"];
    assert.deepEqual(toolNames(answer).toSorted(), allowed.toSorted());
    // Denied tools are not counted either, so that an agent cannot tell them from missing ones.
    assert.equal(answer.total_available, allowed.length);
    const narrowed = await listTools(gateway, { agent_id: "some", pattern: "wait*" });
    assert.deepEqual([narrowed.total_available, narrowed.returned], [allowed.length, 2]);
    for (const tool of ["env", "crash"]) {
      assert.deepEqual(toolNames(await listTools(gateway, { agent_id: "some", names: tool })), []);
    }
  });

  await t.step(
    "[tools.listing-filters] names selects tools in the server's order, and ignores blanks",
    async () => {
      const answer = await listTools(gateway, { names: " pid,echo ,, __proto__,echo" });
      assert.deepEqual(toolNames(answer), ["echo", "pid", "__proto__"]);
      assert.equal(answer.total_available, tools.length);
    },
  );

  await t.step(
    "[tools.listing-filters] names can be one name with a space and a slash",
    async () => {
      assert.deepEqual(toolNames(await listTools(gateway, { names: "käse/名 ." })), ["käse/名 ."]);
    },
  );

  await t.step("[tools.listing-filters] a pattern is anchored and supports * and ?", async () => {
    assert.deepEqual(toolNames(await listTools(gateway, { pattern: "?ait*" })), [
      "wait",
      "waiting",
    ]);
    assert.deepEqual(toolNames(await listTools(gateway, { pattern: "wai" })), []);
    assert.deepEqual(toolNames(await listTools(gateway, { pattern: "W*" })), []);
  });

  await t.step("[tools.listing-filters] filters combine, also with permissions", async () => {
    const both = { names: "wait,waiting,echo,env", pattern: "*a*" };
    assert.deepEqual(toolNames(await listTools(gateway, both)), ["wait", "waiting"]);
    const asSome = { agent_id: "some", pattern: "e*" };
    assert.deepEqual(toolNames(await listTools(gateway, asSome)), ["echo"]);
  });

  await t.step(
    "[tools.listing-hint] an unknown name is reported, with similar ones",
    async () => {
      const { hint = "" } = await listTools(gateway, { agent_id: "some", names: "echoo,enw" });
      assert.match(hint, /"echoo".*\becho\b/);
      assert.match(hint, /"enw"/);
      assert.doesNotMatch(hint, /\benv\b/);
    },
  );

  await t.step(
    "[tools.listing-budget] tools are listed in order while they fit the budget",
    async () => {
      const readTokens = async (name: string) =>
        (await listTools(gateway, { names: name })).tokens_used;
      const echoTokens = await readTokens("echo");
      const budget = echoTokens + await readTokens("contents");
      const answer = await listTools(gateway, { max_schema_tokens: budget });
      assert.deepEqual(toolNames(answer), ["echo", "contents"]);
      assert.ok(answer.tokens_used <= budget);
      assert.deepEqual(answer.omitted, tools.slice(2).map(({ name }) => name));
      // `pid` would fit, but comes after `contents`, which does not fit.
      const smallAnswer = await listTools(gateway, {
        names: "echo,contents,pid",
        max_schema_tokens: echoTokens * 2,
      });
      assert.deepEqual(toolNames(smallAnswer), ["echo"]);
      assert.deepEqual(smallAnswer.omitted, ["contents", "pid"]);
    },
  );

  await t.step("[tools.listing-budget] a budget that fits no tool omits all", async () => {
    const { omitted, ...answer } = await listTools(gateway, {
      max_schema_tokens: 1,
      pattern: "e*",
    });
    assert.deepEqual(omitted, ["echo", "env"]);
    assert.deepEqual(answer, {
      tools: [],
      server: "odd",
      total_available: tools.length,
      returned: 0,
      tokens_used: 0,
    });
  });

  await t.step("[tools.null-absent] an argument that is null counts as absent", async () => {
    const nullArgs = { names: null, pattern: null, max_schema_tokens: null, detail: null };
    assert.deepEqual(await listTools(gateway, nullArgs), await listTools(gateway));
  });
});

Deno.test("[sessions.no-tools] [sessions.partial-list] an agent learns why tools are missing", async () => {
  await using gateway = await startGateway({
    servers: {
      toolless: misbehavingServer("--no-tools", "--hold=tools/list"),
      partial: misbehavingServer("--page-size=2", "--fail-page=1"),
    },
  });
  interface Answer {
    readonly returned: number;
    readonly hint: string;
  }
  const noToolsHint = "It offers no tools";
  const toolless = await gateway.callGatewayToolForJson<Answer>("get_server_tools", {
    server: "toolless",
  });
  assert.deepEqual([toolless.returned, toolless.hint], [0, `${noToolsHint}.`]);
  const call = { server: "toolless", tool: "echo", args: {} };
  const refusal = await gateway.expectRefusal("execute_tool", call);
  assert.deepEqual([refusal.code, refusal.hint], ["TOOL_NOT_FOUND", noToolsHint]);
  const partial = await gateway.callGatewayToolForJson<Answer>("get_server_tools", {
    server: "partial",
  });
  assert.equal(partial.returned, 2);
  assert.match(partial.hint, /^Its list of tools is incomplete: page 2 is missing: .*no page\.$/);
  // The tools that were listed can be called.
  assert.match(await gateway.callServerToolForText("partial", "echo"), /"echo"/);
  const { stderr } = gateway.program;
  assert.doesNotMatch(stderr, /offers no tools/);
  assert.equal(stderr.match(/is incomplete/g)?.length, 1);
});

Deno.test("[rules.patterns-linear] a pattern has at most 256 characters", async () => {
  await using gateway = await startGateway({ servers: { odd: misbehavingServer() } });
  const listByPattern = (pattern: string) => {
    return gateway.callGatewayTool("get_server_tools", { server: "odd", pattern });
  };
  assert.equal((await listByPattern(`*${"?".repeat(255)}`)).isError, undefined);
  const refusal = readRefusal(await listByPattern(`*${"?a".repeat(128)}`));
  assert.equal(refusal.code, "INVALID_ARGUMENTS");
  assert.match(refusal.message, /"pattern" must have at most 256 characters/);
});
