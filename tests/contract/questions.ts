/**
 * Contract: a server's request to the client during a call belongs to that call, its clock and its
 * end.
 */
import assert from "node:assert/strict";
import type { Reply } from "../../src/jsonrpc/mod.ts";
import { Client, type ClientMessage, resultReply } from "./client.ts";
import { failure, type Held, resultText, Scene, type TransportUnderTest } from "./scene.ts";
import { until } from "./seen.ts";

const OPTIONS = { forward: ["elicitation", "roots", "sampling"] } as const;

const METHODS = [
  ["elicitation/create", { message: "?" }],
  ["sampling/createMessage", { messages: [], maxTokens: 1 }],
  ["roots/list", {}],
] as const;

/** A client that answers when the test lets it, as a person does. */
function thinkingClient(): { client: Client; answer: (reply: Reply) => void } {
  const client = new Client("person", { elicitation: {}, roots: {}, sampling: {} });
  const { promise, resolve } = Promise.withResolvers<Reply>();
  client.answer = ({ signal }) => {
    return new Promise((settle, reject) => {
      void promise.then(settle);
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  };
  return { client, answer: resolve };
}

/** Sends a request of the server; returns it as the client receives it. */
async function ask(
  { tap }: Held,
  client: Client,
  [method, params]: readonly [string, Record<string, unknown>] = METHODS[0],
): Promise<ClientMessage> {
  tap.send({ id: "q", method, params });
  return await client.received.take();
}

/** Lets time pass, in tests about the passing of time. */
function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function describeQuestions(name: string, create: () => TransportUnderTest): void {
  for (const asked of METHODS) {
    const [method] = asked;
    Deno.test(`[sessions.questions] ${name}: while ${method} waits for the client, the call's clock is paused`, async () => {
      await using scene = new Scene(create(), { options: { ...OPTIONS, callTimeoutMs: 200 } });
      const { client, answer } = thinkingClient();
      await scene.listTools(client.agent("a"));
      const held = await scene.hold({ by: client.agent("a") });
      const { signal } = await ask(held, client, asked);
      await pass(350);
      assert.equal(signal?.aborted, false);
      const answeredAt = performance.now();
      answer(resultReply({ thought: true }));
      assert.deepEqual((await held.tap.sawAnswer("q")).result, { thought: true });
      // From now on the server has its whole time again, and no more than that.
      const message = await failure(held.answer, "TIMEOUT");
      assert.match(message, /neither answered nor showed progress for 200 ms/);
      assert.ok(performance.now() - answeredAt >= 198, "It did not get its whole time again");
    });
  }

  const ends: readonly [string, (held: Held, cancel: () => void) => void, boolean][] = [
    ["is answered", ({ tap, request }) => tap.answer(request, { content: [] }), true],
    ["is cancelled", (_held, cancel) => cancel(), true],
    [
      "fails",
      ({ tap, request: { id } }) => tap.send({ id, error: { code: 1, message: "" } }),
      true,
    ],
    ["loses its session", ({ tap }) => tap.crash(), false],
  ];
  for (const [how, end, hearsAnswer] of ends) {
    // All methods for one ending only, because roots take two seconds longer each time.
    for (const asked of how === "is answered" ? METHODS : METHODS.slice(0, 1)) {
      const [method] = asked;
      Deno.test(`[sessions.questions] ${name}: ${method} is cancelled when its call ${how}`, async () => {
        await using scene = new Scene(create(), { options: OPTIONS });
        const { client } = thinkingClient();
        const controller = new AbortController();
        const held = await scene.hold({ by: client.agent("a"), signal: controller.signal });
        const { signal } = await ask(held, client, asked);
        end(held, () => controller.abort(new Error("stop")));
        await held.answer.catch(() => {});
        await until(() => signal?.aborted === true);
        if (!hearsAnswer) return;
        assert.deepEqual((await held.tap.sawAnswer("q")).error, {
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
      await using scene = new Scene(create(), { options: { ...OPTIONS, ...options } });
      const { client } = thinkingClient();
      await scene.listTools(client.agent("a"));
      const held = await scene.hold({ by: client.agent("a"), ...callOptions });
      const { signal } = await ask(held, client);
      const message = await failure(held.answer, "TIMEOUT");
      assert.match(
        message,
        /within 150 ms: it was waiting for the client or a person; the call was cancelled$/,
      );
      assert.equal(signal?.aborted, true);
      assert.equal((await held.tap.sawAnswer("q")).error?.code, -32603);
    });
  }

  Deno.test(`[sessions.questions] ${name}: with several calls under way, a request pauses the clocks of all and ends with the last`, async () => {
    await using scene = new Scene(create(), { options: { ...OPTIONS, callTimeoutMs: 400 } });
    const { client } = thinkingClient();
    const by = client.agent("a");
    await scene.listTools(by);
    // The session belongs to the client, but which of its calls sends the request is unknown.
    const [first, second] = [await scene.hold({ by }), await scene.hold({ by })];
    const { signal } = await ask(first, client);
    const later = await scene.hold({ by });
    assert.match(await failure(later.answer, "TIMEOUT"), /for 400 ms/);
    first.tap.answer(first.request, { content: [] });
    assert.equal(resultText(await first.answer), '{"content":[]}');
    await first.tap.settle();
    assert.equal(signal?.aborted, false);
    second.tap.answer(second.request, { content: [] });
    assert.equal(resultText(await second.answer), '{"content":[]}');
    assert.equal(signal?.aborted, true);
  });

  Deno.test(`[sessions.questions] ${name}: a roots request for the session survives the end of a call`, async () => {
    await using scene = new Scene(create());
    const { client, answer } = thinkingClient();
    const held = await scene.hold({ by: client.agent("a") });
    await ask(held, client, METHODS[2]);
    held.tap.answer(held.request, { content: [] });
    await held.answer;
    answer(resultReply({ roots: [] }));
    assert.deepEqual((await held.tap.sawAnswer("q")).result, { roots: [] });
  });
}
