import assert from "node:assert/strict";
import { ensureServers, serverEntry } from "../../scripts/test_servers.ts";
import { DirectConnection } from "./direct_connection.ts";
import {
  executeToolParams,
  type Fields,
  misbehavingServer,
  type RunningGateway,
  startGateway,
} from "./gateway.ts";
import type { Message, RawClient } from "./raw_client.ts";

/** Capabilities of both clients, on which the servers' tool lists depend. */
const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

/** Replaces a part of an answer that differs each time. */
interface Mask {
  /** Reason why the part differs. */
  readonly reason: string;
  readonly apply: (text: string) => string;
}

const TIME: Mask = {
  reason: "the resources of server-everything contain the time of the call",
  apply: (text) => text.replaceAll(/\d{1,2}:\d{2}:\d{2}( [AP]M)?/g, "TIME"),
};

const TIME_IN_BLOB: Mask = {
  reason: TIME.reason,
  apply: (text) => {
    return text.replaceAll(/"blob":"([^"]+)"/g, (_, blob) => {
      return `"blob":${JSON.stringify(TIME.apply(atob(blob)))}`;
    });
  },
};

const RANDOM_ID: Mask = {
  reason: "ids of tasks and elicitations are random",
  apply: (text) => text.replaceAll(/[\da-f]{8}-?([\da-f]{4}-?){3}[\da-f]{12}/g, "ID"),
};

const SERVER_NAME: Mask = {
  reason: "the messages of an elicitation name the server",
  apply: (text) => text.replaceAll('"message":"[everything] ', '"message":"'),
};

const ENVIRONMENT: Mask = {
  reason: "the gateway passes only safe variables to a server",
  apply: (text) => {
    const { content: [{ type, text: env }], ...rest } = JSON.parse(text);
    return JSON.stringify({ ...rest, type, PATH: JSON.parse(env).PATH });
  },
};

/** A call that must get the same answer through the gateway as directly. */
interface TransparencyCase {
  readonly tool: string;
  readonly args?: Fields;
  readonly masks?: readonly Mask[];
  /** Whether the arguments are invalid, so that the gateway adds the schema to the error. */
  readonly addsSchema?: boolean;
  /** Whether the tool must run as a task; the gateway creates the task itself. */
  readonly isTask?: boolean;
}

/** Calls of every tool of server-everything, with all kinds of answers. */
const EVERYTHING_CALLS: readonly TransparencyCase[] = [
  { tool: "echo", args: { message: "täxt \u0000 😀" } },
  ...["error", "success", "debug"].map((messageType) => {
    return { tool: "get-annotated-message", args: { messageType, includeImage: true } };
  }),
  { tool: "get-env", masks: [ENVIRONMENT] },
  { tool: "get-resource-links", args: { count: 10 } },
  { tool: "get-resource-reference", args: { resourceType: "Text" }, masks: [TIME] },
  { tool: "get-resource-reference", args: { resourceType: "Blob" }, masks: [TIME_IN_BLOB] },
  { tool: "get-structured-content", args: { location: "Chicago" } },
  { tool: "get-sum", args: { a: 0.1, b: 0.2 } },
  // Invalid arguments, which this server answers with a result.
  { tool: "get-sum", args: { a: "one", b: 2 }, addsSchema: true },
  { tool: "get-tiny-image" },
  ...["resource", "resourceLink"].map((outputType) => {
    const data = "data:text/plain,pressed";
    return { tool: "gzip-file-as-resource", args: { name: "x.gz", data, outputType } };
  }),
  { tool: "toggle-simulated-logging" },
  { tool: "toggle-simulated-logging" },
  { tool: "toggle-subscriber-updates" },
  { tool: "toggle-subscriber-updates" },
  { tool: "trigger-long-running-operation", args: { duration: 0.2, steps: 4 } },
  { tool: "get-roots-list" },
  { tool: "trigger-elicitation-request" },
  { tool: "trigger-url-elicitation", args: { url: "https://example.com/a" }, masks: [RANDOM_ID] },
  // The first call gets error -32042; the second one sends an elicitation.
  ...[1, 2].map(() => {
    const args = { url: "https://example.com/b", errorPath: true };
    return { tool: "trigger-url-elicitation", args, masks: [RANDOM_ID, SERVER_NAME] };
  }),
  { tool: "trigger-sampling-request", args: { prompt: "Say hello", maxTokens: 5 } },
  {
    tool: "simulate-research-query",
    args: { topic: "python", ambiguous: true },
    masks: [RANDOM_ID],
    isTask: true,
  },
];

/** Calls of `odd_server.ts`, which sends results that no library would produce. */
const ODD_CALLS: readonly TransparencyCase[] = [
  { tool: "contents" },
  { tool: "fails" },
  { tool: "big", args: { length: 200_000 } },
];

/** Makes a client answer the requests of servers; returns the list of requests so far. */
function answerAndRecordRequests(client: RawClient): Message[] {
  const requests: Message[] = [];
  const answerWith = (method: string, result: unknown): void => {
    client.setRequestHandler(method, (params) => {
      requests.push({ method, params });
      return result;
    });
  };
  answerWith("elicitation/create", {
    action: "accept",
    content: { name: "Ada", check: true, integer: 7, interpretation: "snake", vendor: "kept" },
    _meta: { "vendor/answer": 1 },
  });
  answerWith("sampling/createMessage", {
    model: "none",
    role: "assistant",
    content: { type: "text", text: "hello" },
    stopReason: "endTurn",
    vendorField: [null],
  });
  answerWith("roots/list", { roots: [{ uri: "file:///work", name: "work" }] });
  return requests;
}

function callDirectly(
  client: RawClient,
  { tool, args = {}, isTask }: TransparencyCase,
): Promise<Message> {
  if (isTask !== true) return client.request("tools/call", { name: tool, arguments: args });
  return client.request("tools/call", { name: tool, arguments: args, task: {} }).then(
    ({ result }) => {
      const { taskId } = result?.task as { taskId: string };
      return client.request("tasks/result", { taskId });
    },
  );
}

/** Returns the answer without the parts that differ each time. */
function maskAnswer({ result, error }: Message, { masks }: TransparencyCase): unknown {
  const value = result ?? { error };
  if (masks === undefined) return value;
  return JSON.parse(masks.reduce((text, mask) => mask.apply(text), JSON.stringify(value)));
}

/** A direct connection to a server, and one through the gateway. */
interface BothConnections {
  readonly direct: DirectConnection;
  readonly gateway: RunningGateway;
}

async function compareAnswers(
  { direct, gateway }: BothConnections,
  server: string,
  call: TransparencyCase,
): Promise<void> {
  const params = executeToolParams(server, call.tool, call.args);
  const [expected, actual] = await Promise.all([
    callDirectly(direct.client, call),
    gateway.client.request("tools/call", params),
  ]);
  if (call.addsSchema === true) {
    assert.match((actual.result?.content as { text: string }[]).pop()?.text ?? "", /inputSchema/);
  }
  assert.deepEqual(maskAnswer(actual, call), maskAnswer(expected, call));
}

Deno.test("[faults.transparency] the answers of server-everything are the same through the gateway as directly", async (t) => {
  await ensureServers();
  const entry = { command: "node", args: [serverEntry("everything"), "stdio"] };
  const forward = ["elicitation", "roots", "sampling"];
  await using direct = await DirectConnection.start(entry, CAPABILITIES);
  const directRequests = answerAndRecordRequests(direct.client);
  await using gateway = await startGateway({
    // The same PATH as the directly connected server has.
    env: { PATH: Deno.env.get("PATH") ?? "" },
    servers: { everything: { ...entry, gateway: { forward } } },
    initialize: { capabilities: CAPABILITIES },
  });
  const gatewayRequests = answerAndRecordRequests(gateway.client);

  await t.step("the tools are the same, and EVERYTHING_CALLS calls each of them", async () => {
    const tools = await direct.listTools();
    const answer = await gateway.callGatewayToolForJson<{ tools: Fields[] }>("get_server_tools", {
      server: "everything",
      detail: "full",
    });
    assert.deepEqual(answer.tools, tools);
    const calledTools = new Set(EVERYTHING_CALLS.map(({ tool }) => tool));
    assert.deepEqual(
      tools.map(({ name }) => name).filter((name) => !calledTools.has(String(name))),
      [],
    );
  });

  // The task takes seconds; the others are called in the meantime.
  const tasks = new Map(
    EVERYTHING_CALLS.filter(({ isTask }) => isTask === true).map((call) => {
      return [call, compareAnswers({ direct, gateway }, "everything", call)];
    }),
  );
  for (const task of tasks.values()) task.catch(() => {});
  for (const [index, call] of EVERYTHING_CALLS.entries()) {
    const name = `${index + 1}: ${call.tool} ${JSON.stringify(call.args ?? {})}`;
    await t.step({
      name,
      fn: () => tasks.get(call) ?? compareAnswers({ direct, gateway }, "everything", call),
    });
  }

  await t.step("the client gets the same requests, and elicitations name the server", () => {
    const selectRequests = (messages: readonly Message[], method: string): Message[] => {
      const texts = messages.filter((message) => message.method === method)
        .map((message) => RANDOM_ID.apply(JSON.stringify(message)));
      // The order depends on when the task sends its request.
      return texts.toSorted().map((text) => JSON.parse(text));
    };
    const elicitations = selectRequests(directRequests, "elicitation/create").map(
      ({ method, params }) => {
        const { message, requestedSchema } = params as {
          message: string;
          requestedSchema?: object;
        };
        const form = requestedSchema && {
          requestedSchema: { ...requestedSchema, title: "[everything]" },
        };
        return { method, params: { ...params, ...form, message: `[everything] ${message}` } };
      },
    );
    assert.equal(elicitations.length, 4);
    assert.deepEqual(selectRequests(gatewayRequests, "elicitation/create"), elicitations);
    for (const [method, times] of [["sampling/createMessage", 1], ["roots/list", 1]] as const) {
      const requests = selectRequests(directRequests, method);
      assert.equal(requests.length, times);
      assert.deepEqual(selectRequests(gatewayRequests, method), requests);
    }
  });
});

Deno.test("[faults.transparency] results that no library would produce are the same through the gateway as directly", async (t) => {
  await using direct = await DirectConnection.start(misbehavingServer(), CAPABILITIES);
  await using gateway = await startGateway({
    servers: { odd: misbehavingServer() },
    initialize: { capabilities: CAPABILITIES },
  });
  for (const call of ODD_CALLS) {
    await t.step(call.tool, () => compareAnswers({ direct, gateway }, "odd", call));
  }
});
