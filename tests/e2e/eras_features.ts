/**
 * The features that work between clients and servers of both eras, as a table. A cell is a combination of eras: A, an earlier
 * client and server; B, an earlier client of a stateless server; C, a stateless client of an earlier server; D, both
 * stateless.
 */
import assert from "node:assert/strict";
import { executeToolParams, type RunningGateway } from "./gateway.ts";
import {
  type EraClient,
  type Finished,
  type Question,
  type RequestOptions,
  STATELESS_REVISION,
} from "./eras_clients.ts";
import { type EraServer, readEffects } from "./eras_servers.ts";
import type { Fields } from "./raw_client.ts";
import { waitUntil } from "./wait.ts";

/** A combination of the eras of a client and a server. */
export type Cell = "A" | "B" | "C" | "D";

/** A client and a server behind the gateway, for a test of one feature. */
export interface Case {
  readonly cell: Cell;
  readonly gateway: RunningGateway;
  readonly client: EraClient;
  readonly server: EraServer;
  /** Id of the calls of this test, which is in the server's journal. */
  readonly id: string;
  /** Calls a tool of the server. */
  call(tool: string, args?: Fields, options?: RequestOptions): Promise<Finished>;
}

/** A row of the table. */
export interface Feature {
  /** A sentence that begins with the ids of the promises. */
  readonly title: string;
  /** The cells in which it works like this. Default: all. */
  readonly cells?: readonly Cell[];
  run(given: Case): Promise<void>;
}

/** Prefix of the keys in `_meta` that belong to one connection. */
const RESERVED = "io.modelcontextprotocol/";

const SERVER_INFO = `${RESERVED}serverInfo`;

/** Whether the client speaks revision 2026-07-28. */
const isStatelessClient = (cell: Cell) => cell === "C" || cell === "D";

/** Whether the server speaks revision 2026-07-28. */
const isStatelessServer = (cell: Cell) => cell === "B" || cell === "D";

/** Checks the members of a result that belong to the client's revision, and returns the other members. */
function checkEraMembers(result: Fields | undefined, cell: Cell): Fields {
  assert.ok(result);
  const { resultType, ttlMs, cacheScope, _meta, ...rest } = result;
  if (!isStatelessClient(cell)) {
    assert.deepEqual([resultType, ttlMs, cacheScope, _meta], Array(4).fill(undefined));
    return rest;
  }
  assert.equal(resultType, "complete");
  const { name } = (_meta as Record<string, Fields>)[SERVER_INFO] ?? {};
  assert.equal(name, "agent-mcp-gateway");
  return rest;
}

/** Checks the members of a result that a client may keep, and returns the other members. */
function checkCacheMembers(result: Fields | undefined, cell: Cell): Fields {
  if (isStatelessClient(cell)) {
    assert.ok(Number.isInteger(result?.ttlMs) && Number(result?.ttlMs) >= 0);
    assert.equal(result?.cacheScope, "private");
  }
  return checkEraMembers(result, cell);
}

/** Returns the text of the result of a call that succeeded. */
function readText({ result, error }: Finished, cell: Cell): string {
  assert.equal(error, undefined);
  const { content, ...rest } = checkEraMembers(result, cell);
  assert.deepEqual(rest, {});
  const [block] = content as { type: string; text: string }[];
  return block?.text ?? "";
}

/** Checks a tool that asks once, and returns the question and the responses that the server got. */
async function checkAsking(
  { call, cell, server, id }: Case,
  tool: string,
  options?: RequestOptions,
): Promise<{ questions: readonly Question[]; responses: Record<string, Fields> }> {
  const finished = await call(tool, {}, options);
  const { responses, state } = JSON.parse(readText(finished, cell));
  assert.equal(state, `asked ${tool}`);
  assert.deepEqual(readEffects(server, id), [
    `effect ${tool} before ${id}`,
    `effect ${tool} after ${id}`,
  ]);
  return { questions: finished.questions, responses };
}

/** Checks the record of the last call of a tool: one operation, however often the client was asked. */
async function checkRecord(
  { gateway, server, cell }: Case,
  tool: string,
  rounds: number,
): Promise<void> {
  const line = await waitUntil(`${tool} is recorded`, () => {
    return gateway.readAuditLog().filter((line) => line.server === server.name).at(-1);
  });
  assert.equal(line.tool, tool);
  if (!isStatelessClient(cell)) return;
  assert.equal(line.rounds ?? 0, rounds);
  if (rounds > 0) assert.equal(typeof line.waited_ms, "number");
}

/** Returns the `_meta` of the last `tools/call` that reached the server. */
function lastCallMeta(server: EraServer): Fields {
  const messages = server.readJournal().filter((line) => line.startsWith("in {"))
    .map((line) => JSON.parse(line.slice(3)));
  return messages.findLast(({ method }) => method === "tools/call").params._meta ?? {};
}

const FEATURES_OF_CALLS: readonly Feature[] = [
  {
    title: "[eras.cells] the tools of the server are listed",
    run: async ({ client, server, cell }) => {
      const args = { name: "get_server_tools", arguments: { server: server.name } };
      const listed = await client.request("tools/call", args);
      const { tools } = JSON.parse(readText(listed, cell));
      const names = tools.map(({ name }: { name: string }) => name);
      for (const name of ["plain", "form", "wait"]) assert.ok(names.includes(name), name);
    },
  },
  {
    title: "[eras.cells] a call runs once and has the server's result",
    run: async (given) => {
      const finished = await given.call("plain", { text: "é😀", number: 1.5 });
      const { id, server } = given;
      assert.deepEqual(JSON.parse(readText(finished, given.cell)), {
        id,
        text: "é😀",
        number: 1.5,
      });
      assert.deepEqual(readEffects(server, id), [`effect plain ${id}`]);
      await checkRecord(given, "plain", 0);
    },
  },
  {
    title: "[eras.meta] keys of `_meta` that belong to one connection end there, others pass",
    run: async ({ call, cell, server }) => {
      const meta = {
        "example.com/vendor": { deep: [1] },
        traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01`,
      };
      await call("plain", {}, { meta, progressToken: "mine" });
      const { progressToken, ...arrived } = lastCallMeta(server);
      assert.notEqual(progressToken, "mine");
      const reserved = Object.keys(arrived).filter((key) => key.startsWith(RESERVED)).sort()
        // Another test has set the log level of an earlier client.
        .filter((key) => cell !== "B" || key !== `${RESERVED}logLevel`);
      assert.deepEqual(arrived["example.com/vendor"], { deep: [1] });
      assert.match(String(arrived.traceparent), /^00-1{32}-/);
      if (!isStatelessServer(cell)) return assert.deepEqual(reserved, []);
      // A client of an earlier revision has set a level for all further calls.
      assert.deepEqual(
        reserved.filter((key) => key !== `${RESERVED}logLevel`),
        ["clientCapabilities", "clientInfo", "protocolVersion"].map((key) => RESERVED + key),
      );
      assert.equal(arrived[`${RESERVED}protocolVersion`], STATELESS_REVISION);
      const { name } = arrived[`${RESERVED}clientInfo`] as Fields;
      assert.equal(name, "agent-mcp-gateway");
    },
  },
  {
    title: "[eras.cells] an error result of a tool stays one",
    run: async ({ call, cell }) => {
      const { result } = await call("fail");
      const content = [{ type: "text", text: "failed" }];
      assert.deepEqual(checkEraMembers(result, cell), { content, isError: true });
    },
  },
];

const FEATURES_OF_QUESTIONS: readonly Feature[] = [
  {
    title: "[eras.questions] a form is asked, and its answer reaches the server",
    run: async (given) => {
      const { questions, responses } = await checkAsking(given, "form");
      assert.deepEqual(responses, { form: { action: "accept", content: { name: "Ada" } } });
      const [{ params: { message, requestedSchema } = {} } = {}] = questions;
      assert.match(String(message), new RegExp(`${given.server.name}.*Your name\\?`, "s"));
      const properties = { name: { type: "string" } };
      assert.deepEqual((requestedSchema as Fields).properties, properties);
      await checkRecord(given, "form", 1);
    },
  },
  {
    title: "[eras.questions] a declined form is an answer",
    run: async (given) => {
      const answer = () => ({ action: "decline" });
      const { responses } = await checkAsking(given, "form", { answer });
      assert.deepEqual(responses, { form: { action: "decline" } });
    },
  },
  {
    title: "[eras.questions] a page to open is asked with the id that the client's revision needs",
    run: async (given) => {
      const { questions, responses } = await checkAsking(given, "url");
      assert.deepEqual(responses, { url: { action: "accept" } });
      const [{ params = {} } = {}] = questions;
      assert.equal(params.url, "https://example.com/page");
      const type = isStatelessClient(given.cell) ? "undefined" : "string";
      assert.equal(typeof params.elicitationId, type);
    },
  },
  {
    title: "[eras.questions] sampling is asked",
    run: async (given) => {
      const { questions, responses } = await checkAsking(given, "sample");
      assert.deepEqual(questions.map(({ method }) => method), ["sampling/createMessage"]);
      assert.equal(questions[0]?.params.maxTokens, 10);
      assert.equal((responses.sample?.content as Fields).text, "hello");
    },
  },
  {
    title: "[eras.questions] the roots are asked",
    run: async (given) => {
      const { responses } = await checkAsking(given, "roots");
      assert.deepEqual(responses, { roots: { roots: [{ uri: "file:///project" }] } });
    },
  },
  {
    title: "[eras.questions] several questions are asked at the same time",
    run: async (given) => {
      let waiting = 0;
      const bothAsked = Promise.withResolvers<void>();
      // An earlier client gets both questions before it answers one of them.
      const answer = async (question: Question): Promise<Fields> => {
        if (++waiting === 2 || isStatelessClient(given.cell)) bothAsked.resolve();
        await bothAsked.promise;
        return question.method === "roots/list" ? { roots: [] } : { action: "cancel" };
      };
      const { responses } = await checkAsking(given, "several", { answer });
      assert.deepEqual(responses, { form: { action: "cancel" }, roots: { roots: [] } });
      await checkRecord(given, "several", 1);
    },
  },
  {
    title: "[eras.questions] a call may ask again and again",
    run: async (given) => {
      const finished = await given.call("rounds", { count: 3 });
      assert.match(readText(finished, given.cell), /^3 rounds, the last {"form2":/);
      assert.equal(finished.questions.length, 3);
      assert.deepEqual(
        readEffects(given.server, given.id),
        [0, 1, 2, 3].map((round) => `effect rounds ${round} ${given.id}`),
      );
      await checkRecord(given, "rounds", 3);
    },
  },
  {
    title: "[eras.questions] a step without questions continues by itself",
    run: async ({ call, cell, server, id }) => {
      const finished = await call("pause");
      assert.equal(readText(finished, cell), "paused");
      assert.deepEqual(readEffects(server, id), [
        `effect pause first ${id}`,
        `effect pause second ${id}`,
      ]);
    },
  },
  {
    title: "[eras.questions] a resource and a prompt may ask",
    run: async ({ client, server, cell }) => {
      const uri = `${server.name}://ask`;
      const read = await client.request("resources/read", { uri });
      const { contents } = checkEraMembers(read.result, cell) as { contents: { text: string }[] };
      const responses = { form: { action: "accept", content: { name: "Ada" } } };
      assert.deepEqual(JSON.parse(contents[0]?.text ?? ""), responses);
      const got = await client.request("prompts/get", { name: `${server.name}__ask` });
      const { messages } = checkEraMembers(got.result, cell) as {
        messages: { content: { text: string } }[];
      };
      assert.deepEqual(JSON.parse(messages[0]?.content.text ?? ""), responses);
      for (const { questions } of [read, got]) assert.equal(questions.length, 1);
    },
  },
  {
    title: "[eras.undeclared] a question of a kind that the client did not declare is not asked",
    cells: ["C", "D"],
    run: async ({ call, server, id, cell }) => {
      const { result, error, questions } = await call("several", {}, {
        capabilities: { roots: {} },
      });
      assert.deepEqual(questions.filter(({ method }) => method !== "roots/list"), []);
      if (cell === "D") assert.deepEqual(questions, []);
      assert.ok(error !== undefined || result?.isError === true);
      assert.deepEqual(readEffects(server, id), [`effect several before ${id}`]);
    },
  },
  {
    title: "[eras.lacking] a capability that the call needs and the client lacks is named",
    cells: ["D"],
    run: async ({ call }) => {
      const { error } = await call("lacking", {}, { capabilities: {} });
      assert.equal(error?.code, -32021);
      assert.deepEqual(error?.data, { requiredCapabilities: { sampling: { tools: {} } } });
    },
  },
  {
    title:
      "[eras.lacking] a capability that the call needs and the client lacks is an error result",
    cells: ["B"],
    run: async ({ call }) => {
      const { result } = await call("lacking");
      assert.equal(result?.isError, true);
    },
  },
  {
    title:
      "[eras.url-error] an error that asks to open a page becomes a question, and the call runs again",
    cells: ["C"],
    run: async (given) => {
      const finished = await given.call("url_error");
      assert.equal(readText(finished, given.cell), "opened");
      assert.deepEqual(finished.questions.map(({ params }) => params.url), [
        "https://example.com/page",
      ]);
      assert.deepEqual(readEffects(given.server, given.id), [`effect url_error ${given.id}`]);
    },
  },
];

const FEATURES_OF_MESSAGES: readonly Feature[] = [
  {
    title: "[eras.progress] progress reaches the client under its own token",
    run: async ({ call }) => {
      const { progress } = await call("report", {}, { progressToken: "token" });
      assert.deepEqual(progress.map((params) => params.progress), [1, 2, 3]);
      assert.deepEqual((await call("report")).progress, []);
    },
  },
  {
    title: "[eras.logs] log messages reach a client that asks for their level",
    run: async ({ call }) => {
      const { logs } = await call("report", {}, { logLevel: "info" });
      assert.deepEqual(logs.map(({ level, data }) => [level, data]), [["warning", "a warning"]]);
    },
  },
  {
    title: "[eras.logs] no log messages reach a stateless client that asks for none",
    cells: ["C", "D"],
    run: async ({ call }) => assert.deepEqual((await call("report")).logs, []),
  },
  {
    title: "[eras.cancel] a cancelled call is cancelled at the server",
    run: async ({ call, server, id }) => {
      const controller = new AbortController();
      const cancelled = call("wait", {}, { signal: controller.signal });
      // A client of an earlier revision waits for the answer in vain.
      cancelled.catch(() => {});
      const waitFor = (line: string) => {
        return waitUntil(line, () => server.readJournal().includes(`${line} ${id}`));
      };
      await waitFor("waiting");
      controller.abort(new Error("cancelled"));
      await waitFor("cancelled");
    },
  },
  {
    title: "[eras.ping] a ping is answered where the revision has one",
    run: async ({ client, cell }) => {
      const { result, error } = await client.request("ping", {});
      if (isStatelessClient(cell)) assert.equal(error?.code, -32601);
      else assert.deepEqual(result, {});
    },
  },
];

const FEATURES_OF_OFFERS: readonly Feature[] = [
  {
    title: "[eras.offers] resources, templates and prompts are listed, always in the same order",
    run: async ({ client, server, cell }) => {
      const list = async (method: string, member: string) => {
        const { result } = await client.request(method, {});
        return checkCacheMembers(result, cell)[member] as Fields[];
      };
      const resources = await list("resources/list", "resources");
      assert.ok(resources.some(({ uri }) => uri === `${server.name}://plain`));
      assert.deepEqual(await list("resources/list", "resources"), resources);
      assert.deepEqual(await list("resources/templates/list", "resourceTemplates"), []);
      const prompts = await list("prompts/list", "prompts");
      assert.ok(prompts.some(({ name }) => name === `${server.name}__greet`));
      const tools = await list("tools/list", "tools");
      assert.deepEqual(await list("tools/list", "tools"), tools);
      assert.equal(tools.length, 3);
    },
  },
  {
    title: "[eras.offers] a resource is read, a prompt got and an argument completed",
    run: async ({ client, server, cell }) => {
      const uri = `${server.name}://plain`;
      const read = await client.request("resources/read", { uri });
      assert.deepEqual(checkCacheMembers(read.result, cell), {
        contents: [{ uri, mimeType: "application/json", text: JSON.stringify(uri) }],
      });
      const name = `${server.name}__greet`;
      const got = await client.request("prompts/get", { name, arguments: { who: "é" } });
      const content = { type: "text", text: '{"who":"é"}' };
      assert.deepEqual(checkEraMembers(got.result, cell), {
        messages: [{ role: "user", content }],
      });
      const completed = await client.request("completion/complete", {
        ref: { type: "ref/prompt", name },
        argument: { name: "who", value: "a" },
      });
      assert.deepEqual(checkEraMembers(completed.result, cell), { completion: { values: ["a!"] } });
    },
  },
  {
    title: "[eras.offers] a resource that nobody has is an error with the code of the revision",
    run: async ({ client, cell }) => {
      const { error } = await client.request("resources/read", { uri: "nowhere://x" });
      assert.equal(error?.code, isStatelessClient(cell) ? -32602 : -32002);
    },
  },
];

/** The table. */
export const FEATURES: readonly Feature[] = [
  ...FEATURES_OF_CALLS,
  ...FEATURES_OF_QUESTIONS,
  ...FEATURES_OF_MESSAGES,
  ...FEATURES_OF_OFFERS,
];

/** Prepares a test of a client and a server. */
export function createCase(
  given: Pick<Case, "cell" | "gateway" | "client" | "server" | "id">,
): Case {
  const { client, server, id } = given;
  return {
    ...given,
    call: (tool, args = {}, options = {}) => {
      const params = executeToolParams(server.name, tool, { id, ...args });
      return client.request("tools/call", params, options);
    },
  };
}
