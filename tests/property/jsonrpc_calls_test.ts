import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type IncomingRequest,
  LineChannel,
  Peer,
  type PeerHandler,
} from "../../src/jsonrpc/mod.ts";
import { createPipe, settle } from "../jsonrpc/byte_streams.ts";
import { runs } from "./runs.ts";

const QUIET: PeerHandler = {
  request: (request) => request.failUnknownMethod(),
  notification: () => {},
  unexpected: (description, excerpt) => assert.fail(`${description}: ${excerpt}`),
  closed: () => {},
};

/** Two peers that send requests to each other. */
interface PeerPair extends AsyncDisposable {
  readonly asking: Peer;
  readonly answering: Peer;
  /** Requests that `answering` received; the test answers them. */
  readonly received: IncomingRequest[];
  /** Reports of unexpected messages, and `late` for each late answer. */
  readonly reports: string[];
}

/** Connects two peers by a pair of pipes. */
function connectPeers(): PeerPair {
  const [toAnswering, toAsking] = [createPipe(), createPipe()];
  const received: IncomingRequest[] = [];
  const reports: string[] = [];
  const unexpected = (description: string): void => void reports.push(description);
  const lateAnswer = (): void => void reports.push("late");
  const asking = new Peer(new LineChannel(toAsking.readable, toAnswering.writable), {
    ...QUIET,
    unexpected,
    lateAnswer,
    request: (request) => request.reply({ echo: request.params }),
  });
  const answering = new Peer(new LineChannel(toAnswering.readable, toAsking.writable), {
    ...QUIET,
    unexpected,
    request: (request) => void received.push(request),
  });
  return {
    asking,
    answering,
    received,
    reports,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([asking.close(), answering.close()]);
    },
  };
}

/** Sorts a list by ranks, which are repeated if there are fewer ranks than items. */
function sortByRanks<Item>(items: readonly Item[], ranks: readonly number[]): Item[] {
  return items.map((item, index) => ({ item, rank: ranks[index % ranks.length] ?? 0 }))
    .sort((a, b) => a.rank - b.rank).map(({ item }) => item);
}

const anyRanks = fc.array(fc.nat(), { minLength: 1, maxLength: 40 });

Deno.test("[protocol.multiplex] answers in any order settle their requests, each once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 40 }), anyRanks, async (count, ranks) => {
      await using pair = connectPeers();
      const progress: [number, unknown][] = [];
      const replies = Array.from(
        { length: count },
        (_, index) =>
          pair.asking.request("ask", (id) => ({ index, token: id }), {
            onProgress: (params) => progress.push([index, params.index]),
          }),
      );
      // The other direction uses the same numbers for its ids.
      const otherReplies = Array.from(
        { length: count },
        (_, index) => pair.answering.request("other", { index }),
      );
      await settle();
      assert.equal(pair.asking.pendingCount, count);
      assert.equal(pair.answering.incomingCount, count);
      for (const request of sortByRanks(pair.received, ranks)) {
        const { index, token } = request.params as { index: number; token: number };
        pair.answering.notify("notifications/progress", { progressToken: token, index });
        if (index % 3 === 0) request.fail({ code: index, message: "m" });
        else request.reply({ index });
        request.reply({ index: -1 });
      }
      const results = (await Promise.all(replies)).map((reply) =>
        reply.ok ? (reply.result.value as { index: number }).index : reply.error.code
      );
      const indexes = Array.from({ length: count }, (_, index) => index);
      assert.deepEqual(results, indexes);
      assert.deepEqual(progress.sort(([a], [b]) => a - b), indexes.map((index) => [index, index]));
      assert.deepEqual(
        (await Promise.all(otherReplies)).map((reply) => reply.ok && reply.result.value),
        indexes.map((index) => ({ echo: { index } })),
      );
      assert.deepEqual([pair.asking.pendingCount, pair.answering.incomingCount], [0, 0]);
      assert.deepEqual(pair.reports, []);
    }),
    { numRuns: runs(60) },
  );
});

Deno.test("[protocol.cancel] each call ends once, cancelled or answered, and the others continue", async () => {
  await fc.assert(
    // Each call is cancelled before its answer is sent, while the answer is under way, or never.
    fc.asyncProperty(fc.array(fc.constantFrom("before", "crossing", "never")), async (cancels) => {
      await using pair = connectPeers();
      const controllers = cancels.map(() => new AbortController());
      const outcomes = controllers.map(({ signal }, index) =>
        pair.asking.request("ask", { index }, { signal })
          .then((reply) => reply.ok && reply.result.value, (reason) => reason)
      );
      await settle();
      const abortCalls = (when: string): void => {
        for (const [index, controller] of controllers.entries()) {
          if (cancels[index] === when) controller.abort(`not ${index}`);
        }
      };
      abortCalls("before");
      await settle();
      assert.equal(
        pair.answering.incomingCount,
        cancels.filter((cancel) => cancel !== "before").length,
      );
      // These cancellations cross the answers.
      abortCalls("crossing");
      for (const request of pair.received) request.reply(request.params as { index: number });
      assert.deepEqual(
        await Promise.all(outcomes),
        cancels.map((cancel, index) => cancel === "never" ? { index } : `not ${index}`),
      );
      await settle();
      const crossing = cancels.filter((cancel) => cancel === "crossing");
      assert.deepEqual(pair.reports, crossing.map(() => "late"));
      for (const [index, request] of pair.received.entries()) {
        assert.equal(request.signal.aborted, cancels[index] === "before");
      }
    }),
    { numRuns: runs(60) },
  );
});
