/** Questions to a person while code runs: approvals of its calls, and forms of servers. */
import assert from "node:assert/strict";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as EarlierSdkClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as EarlierSdkTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { CODE_RULES, CodeFixture, readCodeAnswer } from "./code_fixture.ts";
import type { Question } from "./eras_clients.ts";
import type { Fields } from "./raw_client.ts";
import { waitUntil } from "./wait.ts";

const ASK_RULES = { ...CODE_RULES, ask: { tools: { notes: ["plain"] } } };

const ONCE = { action: "accept", content: { decision: "allow_once" } };
const DENY = { action: "accept", content: { decision: "deny" } };
const SESSION = { action: "accept", content: { decision: "allow_session" } };

for (const transport of ["stdio", "http"] as const) {
  for (const client of ["earlier", "stateless"] as const) {
    Deno.test(`[own.code-approval] a person decides about calls of code in a client of the ${client} era over ${transport}`, async (t) => {
      await using fixture = await CodeFixture.start({ transport, client, rules: ASK_RULES });
      const { approvals } = fixture;

      await t.step("each call is asked about, and a denied one throws", async () => {
        const questions: string[] = [];
        const answer = (question: Question): Fields => {
          questions.push(String(question.params.message));
          return questions.length === 2 ? DENY : ONCE;
        };
        const codes = await fixture.resultOf(
          `
          const codes = [];
          for (const id of ["a", "b", "c"]) {
            codes.push(await tools.notes.plain({ id }).then(() => "ok", (error) => error.code));
          }
          return codes;
        `,
          { answer },
        );
        assert.deepEqual(codes, ["ok", "DENIED_BY_POLICY", "ok"]);
        assert.equal(questions.length, 3);
        assert.match(questions[0] ?? "", /tool "plain" of server "notes"\n.*\n.*"id": "a"/);
        assert.deepEqual(["a", "b", "c"].map((id) => approvals.effects(id)), [1, 0, 1]);
        const lines = (await fixture.audited()).filter(({ tool }) => tool === "plain");
        assert.deepEqual(
          lines.map(({ decision, approval }) => [decision, (approval as Fields).by]),
          [["ALLOW", "client"], ["DENY", "client"], ["ALLOW", "client"]],
        );
      });

      await t.step("calls at the same time are asked about together", async () => {
        const questions: Question[] = [];
        const result = await fixture.resultOf(
          `
          const ids = ["p", "q", "r"];
          return (await Promise.all(ids.map((id) => tools.notes.plain({ id })))).map(({ id }) => id);
        `,
          { answer: (question) => (questions.push(question), ONCE) },
        );
        assert.deepEqual(result, ["p", "q", "r"]);
        assert.equal(questions.length, 3);
      });

      if (client === "earlier" || transport === "stdio") {
        await t.step("a tool that is allowed for the session is asked about once", async () => {
          const questions: Question[] = [];
          const result = await fixture.resultOf(
            `for (const id of ["s", "t"]) await tools.notes.plain({ id }); return "done";`,
            { answer: (question) => (questions.push(question), SESSION) },
          );
          assert.deepEqual([result, questions.length], ["done", 1]);
        });
      }
    });

    for (const era of ["earlier", "stateless"] as const) {
      Deno.test(`[own.code-asks] a server of the ${era} era asks a client of the ${client} era over ${transport} while code calls it`, async () => {
        await using fixture = await CodeFixture.start({ transport, client, era });
        const { approvals } = fixture;
        const result = await fixture.resultOf(`
          const first = await tools.notes.form({ id: "f" });
          const second = await tools.notes.rounds({ id: "r", count: 3 });
          return { first, second };
        `) as { readonly first: Fields; readonly second: string };
        assert.deepEqual((result.first.responses as Fields).form, {
          action: "accept",
          content: { name: "Ada" },
        });
        assert.match(result.second, /^3 rounds/);
        const effects = (id: string) =>
          approvals.server.readJournal().filter((line) => {
            return line.startsWith("effect ") && line.endsWith(` ${id}`);
          });
        assert.deepEqual(effects("f"), ["effect form before f", "effect form after f"]);
        assert.equal(effects("r").length, 4);
      });
    }
  }
}

for (const client of ["earlier", "stateless"] as const) {
  Deno.test(`[own.code-approval] a client of the ${client} era is asked about the code itself, and then about its calls`, async () => {
    await using fixture = await CodeFixture.start({
      client,
      rules: { ...CODE_RULES, ask: { tools: { "*": ["*"] } } },
    });
    const asked: string[] = [];
    const result = await fixture.resultOf(`return (await tools.notes.plain({ id: "a" })).id`, {
      answer: ({ params }) => {
        asked.push(/tool "\w+" of server "\w+"/.exec(String(params.message))?.[0] ?? "");
        return ONCE;
      },
    });
    assert.equal(result, "a");
    assert.deepEqual(asked, [
      'tool "run_code" of server "gateway"',
      'tool "plain" of server "notes"',
    ]);
  });
}

Deno.test("[own.code-approval] the time of code does not pass while one of its calls waits for a person", async () => {
  await using fixture = await CodeFixture.start({ rules: ASK_RULES });
  const timeoutMs = 4000;
  const result = await fixture.resultOf(`return (await tools.notes.plain({ id: "slow" })).id`, {
    args: { timeout_ms: timeoutMs },
    answer: async () => {
      await new Promise((resolve) => setTimeout(resolve, timeoutMs + 500));
      return ONCE;
    },
  });
  assert.equal(result, "slow");
});

Deno.test("[own.code-approval] a call that waits at the shell says so by the progress of the code, and its status can be read", async () => {
  await using fixture = await CodeFixture.start({
    rules: ASK_RULES,
    client: "stateless",
    times: { wait_s: 0, expires_s: 600 },
  });
  const { approvals } = fixture;
  const code = `
    try {
      return await tools.notes.plain({ id: "a" });
    } catch (error) {
      const { status } = await tools.gateway.approval_status({ id: error.approval_id });
      return [error.code, error.approval_id, status];
    }
  `;
  const capabilities = {};
  const [refusal, id, status] = await fixture.resultOf(code, { capabilities }) as string[];
  assert.deepEqual([refusal, status], ["APPROVAL_REQUIRED", "pending"]);
  await approvals.allow(id ?? "");
  assert.deepEqual(await fixture.resultOf(code, { capabilities }), { id: "a" });
});

Deno.test("[own.code-approval] code that is cancelled withdraws the requests of its calls", async () => {
  await using fixture = await CodeFixture.start({ rules: ASK_RULES });
  const { approvals } = fixture;
  const cancellation = new AbortController();
  const running = fixture.client.request("tools/call", {
    name: "execute_tool",
    arguments: {
      server: "gateway",
      tool: "run_code",
      args: { code: `await tools.notes.plain({ id: "a" });` },
    },
  }, { signal: cancellation.signal, answer: () => new Promise(() => {}) });
  running.catch(() => {});
  await approvals.waiting();
  cancellation.abort();
  await waitUntil(
    "the request is withdrawn",
    async () => (await approvals.requests()).length === 0,
  );
});

Deno.test("[own.code-official] the official clients show the forms of calls that code makes", async () => {
  await using fixture = await CodeFixture.start({ transport: "http", rules: ASK_RULES });
  const url = new URL(fixture.approvals.gateway.url);
  const params = (id: string) => ({
    name: "execute_tool",
    arguments: {
      server: "gateway",
      tool: "run_code",
      args: { code: `return (await tools.notes.plain({ id: "${id}" })).id` },
    },
  });
  const options = { capabilities: { elicitation: { form: {} } } };
  const earlier = new EarlierSdkClient({ name: "official", version: "1" }, options);
  earlier.setRequestHandler(
    ElicitRequestSchema,
    () => ({ action: "accept", content: { decision: "allow_once" } }),
  );
  // The types of the SDK do not fit those of its own transport under exact optional properties.
  await earlier.connect(new EarlierSdkTransport(url) as Parameters<EarlierSdkClient["connect"]>[0]);
  assert.equal(readCodeAnswer(await earlier.callTool(params("v1")) as Fields).result, "v1");
  await earlier.close();
  for (const mode of [undefined, { mode: { pin: "2026-07-28" } }]) {
    const client = new Client({ name: "official", version: "1" }, {
      ...options,
      ...(mode === undefined ? {} : { versionNegotiation: mode }),
    });
    client.setRequestHandler("elicitation/create", () => {
      return { action: "accept", content: { decision: "allow_once" } };
    });
    await client.connect(new StreamableHTTPClientTransport(url));
    const id = mode === undefined ? "v2" : "v2-stateless";
    assert.equal(readCodeAnswer(await client.callTool(params(id)) as Fields).result, id);
    await client.close();
  }
});
