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

/** A timer may fire this much early, by the clock of the test. */
const TIMER_TOLERANCE_MS = 2;

const OPTIONS = { forward: ["elicitation", "roots", "sampling"] } as const;

const REQUESTS = [
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

/** Makes the server send a request; returns the request as the client receives it. */
async function sendRequest(
  { connection }: HeldCall,
  client: FakeClient,
  [method, params]: readonly [string, Record<string, unknown>] = REQUESTS[0],
): Promise<ClientMessage> {
  connection.send({ id: "q", method, params });
  return await client.received.take();
}

/** Waits for a fixed time, for tests of timeouts. */
function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function describeRequestsDuringCalls(name: string, create: () => TransportUnderTest): void {
  for (const request of REQUESTS) {
    const [method] = request;
    Deno.test(`[sessions.questions] ${name}: while ${method} waits for the client, the call's clock is paused`, async () => {
      await using fixture = new DownstreamFixture(create(), {
        options: { ...OPTIONS, callTimeoutMs: 500 },
      });
      const { client, answer } = createWaitingClient();
      await fixture.listTools(client.asAgent("a"));
      const heldCall = await fixture.startHeldCall({ caller: client.asAgent("a") });
      const { signal } = await sendRequest(heldCall, client, request);
      await delay(700);
      assert.equal(signal?.aborted, false);
      const answeredAt = performance.now();
      answer(createResultReply({ thought: true }));
      assert.deepEqual((await heldCall.connection.waitForAnswer("q")).result, { thought: true });
      // After the answer, the server has its full time again, and no more.
      const message = await expectFailure(heldCall.answer, "TIMEOUT");
      assert.match(message, /neither answered nor showed progress for 500 ms/);
      assert.ok(
        performance.now() - answeredAt >= 500 - TIMER_TOLERANCE_MS,
        "The server did not get its full time again",
      );
    });
  }

  const endings: readonly [string, (heldCall: HeldCall, cancel: () => void) => void, boolean][] = [
    ["is answered", ({ connection, request }) => connection.answer(request, { content: [] }), true],
    ["is cancelled", (_held, cancel) => cancel(), true],
    [
      "fails",
      ({ connection, request: { id } }) => connection.send({ id, error: { code: 1, message: "" } }),
      true,
    ],
    ["loses its session", ({ connection }) => connection.crash(), false],
  ];
  for (const [ending, endCall, getsAnswer] of endings) {
    // Only one ending is tested with all methods, because each roots request takes two seconds longer.
    for (const request of ending === "is answered" ? REQUESTS : REQUESTS.slice(0, 1)) {
      const [method] = request;
      Deno.test(`[sessions.questions] ${name}: ${method} is cancelled when its call ${ending}`, async () => {
        await using fixture = new DownstreamFixture(create(), { options: OPTIONS });
        const { client } = createWaitingClient();
        const controller = new AbortController();
        const heldCall = await fixture.startHeldCall({
          caller: client.asAgent("a"),
          signal: controller.signal,
        });
        const { signal } = await sendRequest(heldCall, client, request);
        endCall(heldCall, () => controller.abort(new Error("stop")));
        await heldCall.answer.catch(() => {});
        await waitUntil("the request is cancelled", () => signal?.aborted === true);
        if (!getsAnswer) return;
        assert.deepEqual((await heldCall.connection.waitForAnswer("q")).error, {
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
  for (const [limit, options, callOptions] of limits) {
    Deno.test(`[sessions.questions] ${name}: ${limit} ends a call whose client takes longer, and cancels the request`, async () => {
      await using fixture = new DownstreamFixture(create(), {
        options: { ...OPTIONS, ...options },
      });
      const { client } = createWaitingClient();
      await fixture.listTools(client.asAgent("a"));
      const heldCall = await fixture.startHeldCall({ caller: client.asAgent("a"), ...callOptions });
      const { signal } = await sendRequest(heldCall, client);
      const message = await expectFailure(heldCall.answer, "TIMEOUT");
      assert.match(
        message,
        /within 150 ms: it was waiting for the client or a person; the call was cancelled$/,
      );
      assert.equal(signal?.aborted, true);
      assert.equal((await heldCall.connection.waitForAnswer("q")).error?.code, -32603);
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
    const [firstCall, secondCall] = [
      await fixture.startHeldCall({ caller }),
      await fixture.startHeldCall({ caller }),
    ];
    const { signal } = await sendRequest(firstCall, client);
    const laterCall = await fixture.startHeldCall({ caller });
    assert.match(await expectFailure(laterCall.answer, "TIMEOUT"), /for 400 ms/);
    firstCall.connection.answer(firstCall.request, { content: [] });
    assert.equal(readResultJson(await firstCall.answer), '{"content":[]}');
    await firstCall.connection.waitUntilAllReceived();
    assert.equal(signal?.aborted, false);
    secondCall.connection.answer(secondCall.request, { content: [] });
    assert.equal(readResultJson(await secondCall.answer), '{"content":[]}');
    assert.equal(signal?.aborted, true);
  });

  Deno.test(`[sessions.questions] ${name}: a roots request is not cancelled immediately when its call ends`, async () => {
    await using fixture = new DownstreamFixture(create());
    const { client, answer } = createWaitingClient();
    const heldCall = await fixture.startHeldCall({ caller: client.asAgent("a") });
    await sendRequest(heldCall, client, REQUESTS[2]);
    heldCall.connection.answer(heldCall.request, { content: [] });
    await heldCall.answer;
    answer(createResultReply({ roots: [] }));
    assert.deepEqual((await heldCall.connection.waitForAnswer("q")).result, { roots: [] });
  });
}
