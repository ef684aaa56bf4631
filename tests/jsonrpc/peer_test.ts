import assert from "node:assert/strict";
import { type IncomingRequest, JsonText, LineChannel, Peer } from "../../src/jsonrpc/mod.ts";
import { settle } from "./byte_streams.ts";
import { cpuMs } from "../cpu_time.ts";
import { openPeer } from "./peer_fixture.ts";

const nestedArrays = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

Deno.test("[protocol.cancel-reason] the reason in a cancellation is cut after 200 characters", async () => {
  const { peer, sentLines } = openPeer();
  for (const reason of ["r".repeat(1_000_000), new Error("r".repeat(1_000_000))]) {
    const controller = new AbortController();
    const reply = peer.request("a", {}, { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(reply, (cause) => cause === reason);
    await settle();
    const { method, params } = JSON.parse(sentLines.at(-1) ?? "");
    assert.equal(method, "notifications/cancelled");
    assert.equal(params.reason, `${"r".repeat(200)}…`);
  }
  await peer.close();
});

Deno.test("[protocol.too-complex] messages that are nested too deeply or have too many values are refused before they are parsed", async () => {
  const { peer, sendToPeer, sentLines, unexpectedMessages } = openPeer({
    answersInvalidMessages: true,
  });
  const reply = peer.request("a");
  const size = 16 * 1024 * 1024;
  const startMs = cpuMs();
  sendToPeer("[".repeat(size));
  sendToPeer(`{"jsonrpc":"2.0","id":5,"method":"m","params":{"a":${nestedArrays(size / 2)}}}`);
  sendToPeer(`{"jsonrpc":"2.0","id":6,"method":"m","params":{"a":[${"{},".repeat(size / 3)}1]}}`);
  sendToPeer(`{"jsonrpc":"2.0","id":1,"result":{"a":${nestedArrays(size / 2)}}}`);
  const answer = await reply;
  // Parsing all messages would take ten times as long, and gigabytes of memory.
  assert.ok(cpuMs() - startMs < 3000);
  assert.equal(answer.ok, false);
  assert.match(
    answer.ok ? "" : answer.error.message,
    /^The answer was not read: .* too many values; ask for fewer values at a time/,
  );
  await settle();
  const answers = sentLines.slice(1).map((line) => JSON.parse(line));
  assert.deepEqual(answers.map(({ id }) => id), [null, 5, 6]);
  assert.equal(unexpectedMessages.length, 4);
  await peer.close();
});

Deno.test("[protocol.invalid] deep nesting anywhere in a message does not end reading", async () => {
  const { peer, sendToPeer, sentLines, receivedRequests } = openPeer({
    answersInvalidMessages: true,
  });
  const deepArrays = nestedArrays(40_000);
  sendToPeer('{"jsonrpc":"2.0","id":1,"method":"hold"}');
  const params = [`{"requestId":${deepArrays}}`, `{"requestId":1,"reason":${deepArrays}}`];
  for (const text of params) {
    sendToPeer(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${text}}`);
  }
  sendToPeer(
    `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${deepArrays}}}`,
  );
  sendToPeer(`{"jsonrpc":${deepArrays},"id":${deepArrays},"method":${deepArrays}}`);
  sendToPeer(`{"jsonrpc":"2.0","id":${deepArrays},"result":${deepArrays}}`);
  sendToPeer(`{"jsonrpc":"2.0","id":9,"error":${deepArrays}}`);
  sendToPeer(deepArrays);
  sendToPeer('{"jsonrpc":"2.0","id":2,"method":"last"}');
  while (receivedRequests.length < 2) await settle();
  assert.deepEqual(receivedRequests.map(({ method }) => method), ["hold", "last"]);
  assert.equal(receivedRequests[0]?.signal.aborted, true);
  // Only the message with a wrong version and the batch of one array are answered, with errors.
  assert.equal(sentLines.length, 2);
  peer.cancelIncoming("the end");
  await peer.close();
});

Deno.test("[memory.unread] an answer is an error while 128 MiB of answers wait for a side that does not read", async () => {
  const longResult = new JsonText(`"${"x".repeat(60 * 1024 * 1024)}"`);
  const { promise: isRead, resolve: read } = Promise.withResolvers<void>();
  const requests: IncomingRequest[] = [];
  const lines = Array.from({ length: 5 }, (_, id) => `{"jsonrpc":"2.0","id":${id},"method":"m"}\n`);
  const source = { getReader: () => readerOf(lines) };
  const written: string[] = [];
  const sink = {
    getWriter: () => ({
      async write(bytes: Uint8Array) {
        written.push(new TextDecoder().decode(bytes.subarray(-300)));
        await isRead;
      },
      close: () => Promise.resolve(),
    }),
  };
  const channel = new LineChannel(source, sink);
  const peer = new Peer(channel, {
    request: (request) => void requests.push(request),
    notification: () => {},
    unexpected: () => {},
    closed: () => {},
  });
  while (requests.length < 5) await settle();
  for (const request of requests) request.reply(longResult);
  assert.ok(channel.queuedLength < 200 * 1024 * 1024, String(channel.queuedLength));
  read();
  await peer.flush();
  const end = written.join("").slice(-500);
  for (const id of [3, 4]) {
    assert.ok(end.includes(`"id":${id},"error":{"code":-32603,"message":"The answer does not fit`));
  }
  assert.equal(channel.queuedLength, 0);
  await peer.close();
});

/** Returns a reader of lines that does not end until it is cancelled. */
function readerOf(lines: readonly string[]) {
  const { promise: cancelled, resolve } = Promise.withResolvers<void>();
  const chunks = lines.map((line) => new TextEncoder().encode(line));
  return {
    async read() {
      const value = chunks.shift();
      if (value !== undefined) return { done: false as const, value };
      await cancelled;
      return { done: true as const, value: undefined };
    },
    cancel() {
      resolve();
      return Promise.resolve();
    },
  };
}

Deno.test("[protocol.progress] the parameters can contain the request id as the progress token", async () => {
  const { peer, sendToPeer, sentLines } = openPeer();
  const progressValues: unknown[] = [];
  const sendRequest = () =>
    peer.request("m", (id) => ({ _meta: { progressToken: id } }), {
      onProgress: ({ progress }) => progressValues.push(progress),
    });
  const replies = [sendRequest(), sendRequest()];
  await settle();
  for (const line of sentLines) {
    const { id, params } = JSON.parse(line);
    assert.equal(params._meta.progressToken, id);
    sendToPeer(
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${id},"progress":${id}}}`,
    );
    sendToPeer(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
  }
  await Promise.all(replies);
  assert.deepEqual(progressValues, [1, 2]);
  await peer.close();
});

Deno.test("[protocol.handler-fails] parameters that cannot be serialized leave no pending request", async () => {
  const { peer, sentLines } = openPeer();
  const { signal } = new AbortController();
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  const failure = new Error("no parameters");
  await assert.rejects(async () => await peer.request("m", cyclic, { signal }), TypeError);
  await assert.rejects(
    async () =>
      await peer.request("m", () => {
        throw failure;
      }, { signal }),
    failure,
  );
  assert.equal(peer.pendingCount, 0);
  await settle();
  assert.deepEqual(sentLines, []);
  await peer.close();
});

Deno.test("[protocol.handler-fails] a handler that always throws does not end reading", async () => {
  const fail = (): never => {
    throw new Error("on purpose");
  };
  const { peer, sendToPeer, sentLines } = openPeer({
    answersInvalidMessages: true,
    request: fail,
    notification: () => Promise.reject(new Error("on purpose")),
    unexpected: fail,
    closed: fail,
  });
  const reply = peer.request("m");
  for (const line of ["not JSON", '{"jsonrpc":"2.0","id":9,"result":{}}', "[1]"]) sendToPeer(line);
  sendToPeer('{"jsonrpc":"2.0","method":"n"}');
  sendToPeer('{"jsonrpc":"2.0","id":1,"method":"m"}');
  sendToPeer('{"jsonrpc":"1.0","id":1,"result":{}}');
  assert.equal((await reply).ok, false);
  while (sentLines.length < 4) await settle();
  const codes = sentLines.slice(1).map((line) => [JSON.parse(line)].flat()[0].error.code);
  assert.deepEqual(codes, [-32700, -32600, -32603]);
  await peer.close();
  await settle();
});

Deno.test("[protocol.cancel] a request whose signal is already aborted is not sent", async () => {
  const { peer, sentLines } = openPeer();
  await assert.rejects(
    peer.request("m", {}, { signal: AbortSignal.abort("at once") }),
    (reason) => reason === "at once",
  );
  assert.equal(peer.pendingCount, 0);
  await settle();
  assert.deepEqual(sentLines, []);
  await peer.close();
});

Deno.test("[protocol.cancel] a cancellation is sent, whatever its reason", async () => {
  const { peer, sentLines } = openPeer();
  for (const reason of [undefined, Object.create(null), Symbol("s"), 5n, { toString: null }]) {
    const controller = new AbortController();
    const request = peer.request("m", undefined, { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(request.finally(() => {}), (cause) => cause === controller.signal.reason);
  }
  await settle();
  const messages = sentLines.map((line) => JSON.parse(line));
  assert.deepEqual(
    messages.filter(({ method }) => method !== "m").map(({ method, params }) =>
      `${method} ${params.requestId} ${typeof params.reason}`
    ),
    [1, 2, 3, 4, 5].map((id) => `notifications/cancelled ${id} string`),
  );
  await peer.close();
});

Deno.test("[protocol.cancel] the signal of a cancelled request has the reason, whenever the signal is first read", async () => {
  const { peer, sendToPeer, receivedRequests } = openPeer();
  for (const id of [1, 2]) sendToPeer(`{"jsonrpc":"2.0","id":${id},"method":"m"}`);
  await settle();
  const signalReadEarly = receivedRequests[0]?.signal;
  for (const id of [1, 2]) {
    const params = `{"requestId":${id},"reason":"changed my mind"}`;
    sendToPeer(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`);
  }
  await settle();
  for (
    const signal of [signalReadEarly, receivedRequests[0]?.signal, receivedRequests[1]?.signal]
  ) {
    assert.equal(signal?.aborted, true);
    assert.equal(signal?.reason, "changed my mind");
  }
  assert.equal(peer.incomingCount, 0);
  await peer.close();
});

Deno.test("[protocol.pass-through] a parameter is available as the text that was received", async () => {
  const { peer, sendToPeer, receivedRequests } = openPeer();
  sendToPeer(
    '{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":{"b":1.0},"n":[12345678901234567890]}}',
  );
  await settle();
  const [request] = receivedRequests;
  assert.equal(request?.paramText("a", "b")?.json, "1.0");
  assert.equal(request?.paramText("n")?.json, "[12345678901234567890]");
  assert.equal(request?.paramText("a", "c"), undefined);
  assert.equal(request?.paramText("toString"), undefined);
  request?.reply({});
  await peer.close();
});
