/**
 * Contract: a server's request to the client during a call belongs to that call. It pauses the call's
 * clock, and ends with the call.
 */
import assert from "node:assert/strict";
import type { Reply } from "../../src/jsonrpc/mod.ts";
import { type ClientMessage, createResultReply, FakeClient } from "./fake_client.ts";
import {
  DownstreamFixture,
  expectFailure,
  type HeldCall,
  readResultJson,
  type TransportUnderTest,
} from "./downstream_fixture.ts";
import { waitUntil } from "../e2e/wait.ts";

const OPTIONS = { forward: ["elicitation", "roots", "sampling"] } as const;

const METHODS = [
  ["elicitation/create", { message: "?" }],
  ["sampling/createMessage", { messages: [], maxTokens: 1 }],
  ["roots/list", {}],
] as const;

/** Creates a client that answers all requests when the test calls `answer`. */
function createWaitingClient(): { client: FakeClient; answer: (reply: Reply) => void } {
  const client = new FakeClient("person", { elicitation: {}, roots: {}, sampling: {} });
  const { promise, resolve: answer } = Promise.withResolvers<Reply>();
  client.answer = ({ signal }) => {
    return new Promise((resolve, reject) => {
      void promise.then(resolve);
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  };
  return { client, answer };
}

/** Makes the server send a request; returns it as the client receives it. */
async function sendRequest(
  { connection }: HeldCall,
  client: FakeClient,
  [method, params]: readonly [string, Record<string, unknown>] = METHODS[0],
): Promise<ClientMessage> {
  connection.send({ id: "q", method, params });
  return await client.received.take();
}

/** Waits for a fixed time, for tests of timeouts. */
function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function describeRequestsDuringCalls(name: string, create: () => TransportUnderTest): void {
  for (const request of METHODS) {
    const [method] = request;
    Deno.test(`[sessions.questions] ${name}: while ${method} waits for the client, the call's clock is paused`, async () => {
      await using fixture = new DownstreamFixture(create(), {
        options: { ...OPTIONS, callTimeoutMs: 200 },
      });
      const { client, answer } = createWaitingClient();
      await fixture.listTools(client.asAgent("a"));
      const held = await fixture.startHeldCall({ caller: client.asAgent("a") });
      const { signal } = await sendRequest(held, client, request);
      await delay(350);
      assert.equal(signal?.aborted, false);
      const answeredAt = performance.now();
      answer(createResultReply({ thought: true }));
      assert.deepEqual((await held.connection.waitForAnswer("q")).result, { thought: true });
      // After the answer, the server has its full time again, and no more.
      const message = await expectFailure(held.answer, "TIMEOUT");
      assert.match(message, /neither answered nor showed progress for 200 ms/);
      assert.ok(
        performance.now() - answeredAt >= 198,
        "The server did not get its full time again",
      );
    });
  }

  const endings: readonly [string, (held: HeldCall, cancel: () => void) => void, boolean][] = [
    ["is answered", ({ connection, request }) => connection.answer(request, { content: [] }), true],
    ["is cancelled", (_held, cancel) => cancel(), true],
    [
      "fails",
      ({ connection, request: { id } }) => connection.send({ id, error: { code: 1, message: "" } }),
      true,
    ],
    ["loses its session", ({ connection }) => connection.crash(), false],
  ];
  for (const [how, end, getsAnswer] of endings) {
    // Only one ending is tested with all methods, because each roots request takes two seconds longer.
    for (const request of how === "is answered" ? METHODS : METHODS.slice(0, 1)) {
      const [method] = request;
      Deno.test(`[sessions.questions] ${name}: ${method} is cancelled when its call ${how}`, async () => {
        await using fixture = new DownstreamFixture(create(), { options: OPTIONS });
        const { client } = createWaitingClient();
        const controller = new AbortController();
        const held = await fixture.startHeldCall({
          caller: client.asAgent("a"),
          signal: controller.signal,
        });
        const { signal } = await sendRequest(held, client, request);
        end(held, () => controller.abort(new Error("stop")));
        await held.answer.catch(() => {});
        await waitUntil("the request is cancelled", () => signal?.aborted === true);
        if (!getsAnswer) return;
        assert.deepEqual((await held.connection.waitForAnswer("q")).error, {
          code: -32603,
          message: `The call that ${method} belongs to has ended`,
        });
      });
    }
  }

  const limits = [
    ["timeout_ms", {}, { timeoutMs: 150 }],
    ["max_call_ms", { maxCallMs: 150 }, {}],
  ] as const;
  for (const [what, options, callOptions] of limits) {
    Deno.test(`[sessions.questions] ${name}: ${what} ends a call whose client takes longer, and cancels the request`, async () => {
      await using fixture = new DownstreamFixture(create(), {
        options: { ...OPTIONS, ...options },
      });
      const { client } = createWaitingClient();
      await fixture.listTools(client.asAgent("a"));
      const held = await fixture.startHeldCall({ caller: client.asAgent("a"), ...callOptions });
      const { signal } = await sendRequest(held, client);
      const message = await expectFailure(held.answer, "TIMEOUT");
      assert.match(
        message,
        /within 150 ms: it was waiting for the client or a person; the call was cancelled$/,
      );
      assert.equal(signal?.aborted, true);
      assert.equal((await held.connection.waitForAnswer("q")).error?.code, -32603);
    });
  }

  Deno.test(`[sessions.questions] ${name}: with several calls in flight, a request pauses the clocks of all and ends with the last`, async () => {
    await using fixture = new DownstreamFixture(create(), {
      options: { ...OPTIONS, callTimeoutMs: 400 },
    });
    const { client } = createWaitingClient();
    const caller = client.asAgent("a");
    await fixture.listTools(caller);
    // Both calls are on one session, so the call to which the request belongs is unknown.
    const [first, second] = [
      await fixture.startHeldCall({ caller }),
      await fixture.startHeldCall({ caller }),
    ];
    const { signal } = await sendRequest(first, client);
    const later = await fixture.startHeldCall({ caller });
    assert.match(await expectFailure(later.answer, "TIMEOUT"), /for 400 ms/);
    first.connection.answer(first.request, { content: [] });
    assert.equal(readResultJson(await first.answer), '{"content":[]}');
    await first.connection.waitUntilAllReceived();
    assert.equal(signal?.aborted, false);
    second.connection.answer(second.request, { content: [] });
    assert.equal(readResultJson(await second.answer), '{"content":[]}');
    assert.equal(signal?.aborted, true);
  });

  Deno.test(`[sessions.questions] ${name}: a roots request is not cancelled immediately when its call ends`, async () => {
    await using fixture = new DownstreamFixture(create());
    const { client, answer } = createWaitingClient();
    const held = await fixture.startHeldCall({ caller: client.asAgent("a") });
    await sendRequest(held, client, METHODS[2]);
    held.connection.answer(held.request, { content: [] });
    await held.answer;
    answer(createResultReply({ roots: [] }));
    assert.deepEqual((await held.connection.waitForAnswer("q")).result, { roots: [] });
  });
}
