import assert from "node:assert/strict";
import { Budget } from "../../src/budget.ts";
import { JsonText } from "../../src/jsonrpc/mod.ts";
import { settle } from "./byte_streams.ts";
import { openPeer } from "./peer_fixture.ts";

Deno.test("[protocol.batch] a batch with too many messages is refused as a whole", async () => {
  const { peer, sendToPeer, sentLines, receivedRequests } = openPeer({
    answersInvalidMessages: true,
  });
  const createBatch = (size: number) => `[${Array.from({ length: size }, () => "1").join(",")}]`;
  sendToPeer(createBatch(1000));
  sendToPeer(createBatch(1001));
  sendToPeer(createBatch(1_000_000));
  // The messages of the valid batch are handled in several turns.
  while (sentLines.length < 3) await settle();
  const [accepted, ...refusals] = sentLines.map((line) => JSON.parse(line))
    .toSorted((a, b) => Number(Array.isArray(b)) - Number(Array.isArray(a)));
  assert.equal(accepted.length, 1000);
  assert.deepEqual(refusals.map(({ id, error }) => [id, error.code]), [[null, -32600], [
    null,
    -32600,
  ]]);
  assert.equal(receivedRequests.length, 0);
  await peer.close();
});

Deno.test("[protocol.batch] an answer that makes those to a batch too long is replaced by an error", async () => {
  const { peer, sendToPeer, sentLines, receivedRequests } = openPeer();
  const ids = Array.from({ length: 3 }, (_, index) => index);
  sendToPeer(`[${ids.map((id) => `{"jsonrpc":"2.0","id":${id},"method":"m"}`).join(",")}]`);
  while (receivedRequests.length < ids.length) await settle();
  // Two of the answers fit, three do not.
  const longResult = new JsonText(`"${"x".repeat(1_700_000)}"`);
  for (const request of receivedRequests) request.reply(longResult);
  await settle();
  const [answers = []] = sentLines.map((line) => JSON.parse(line));
  assert.deepEqual(
    answers.map(({ id, error }: { id: number; error?: { code: number } }) => [id, error?.code]),
    [[0, undefined], [1, undefined], [2, -32603]],
  );
  await peer.close();
});

Deno.test("[memory.batch] answers that wait for others of their batch count in the memory of their client, and are errors where they do not fit", async () => {
  const memory = new Budget(100_000);
  const { peer, sendToPeer, sentLines, receivedRequests } = openPeer({ memory: () => memory });
  const readAnswers = () =>
    sentLines.map((line) => {
      return JSON.parse(line).map(({ error }: { error?: { code: number } }) => error?.code);
    });
  const sendBatch = (...ids: number[]) =>
    sendToPeer(`[${ids.map((id) => `{"jsonrpc":"2.0","id":${id},"method":"m"}`).join(",")}]`);
  sendBatch(0, 1);
  while (receivedRequests.length < 2) await settle();
  sendBatch(2, 3);
  while (receivedRequests.length < 4) await settle();
  const [first, slow, second, last] = receivedRequests;
  const longResult = new JsonText(`"${"x".repeat(60_000)}"`);
  first?.reply(longResult);
  assert.ok(memory.used > 60_000);
  second?.reply(longResult);
  last?.reply(new JsonText("1"));
  await settle();
  assert.deepEqual(readAnswers(), [[-32603, undefined]]);
  slow?.reply(new JsonText("1"));
  await settle();
  assert.deepEqual(readAnswers()[1], [undefined, undefined]);
  assert.equal(memory.used, 0);
  sendBatch(4, 5);
  while (receivedRequests.length < 6) await settle();
  receivedRequests.at(-2)?.reply(longResult);
  peer.cancelIncoming("The client is gone");
  assert.equal(memory.used, 0);
  await peer.close();
});

Deno.test("[memory.batch] a batch counts as memory until its messages are dispatched, and does not fit beside another one", async () => {
  const memory = new Budget(100_000);
  const { peer, sendToPeer, sentLines, receivedRequests } = openPeer({
    answersInvalidMessages: true,
    memory: () => memory,
  });
  const createBatch = (firstId: number): string => {
    const ids = Array.from({ length: 150 }, (_, index) => firstId + index);
    return `[${ids.map((id) => `{"jsonrpc":"2.0","id":${id},"method":"m"}`).join(",")}]`;
  };
  sendToPeer(createBatch(0));
  sendToPeer(createBatch(1000));
  while (receivedRequests.length < 150) await settle();
  const [refusal = {}] = sentLines.map((line) => JSON.parse(line));
  assert.match(refusal.error.message, /^The batch does not fit/);
  while (memory.used > 0) await settle();
  await peer.close();
});

Deno.test("[protocol.batch] the messages of a batch after the end of the channel are not dispatched", async () => {
  const memory = new Budget(10_000_000);
  const { peer, sendToPeer, receivedRequests } = openPeer({ memory: () => memory });
  const ids = Array.from({ length: 900 }, (_, index) => index);
  sendToPeer(`[${ids.map((id) => `{"jsonrpc":"2.0","id":${id},"method":"m"}`).join(",")}]`);
  while (receivedRequests.length === 0) await settle();
  await peer.close();
  const countAtEnd = receivedRequests.length;
  while (memory.used > 0) await settle();
  assert.ok(receivedRequests.length <= countAtEnd + 1, `${receivedRequests.length} requests`);
  assert.ok(receivedRequests.length < 900);
});
