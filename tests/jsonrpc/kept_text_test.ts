import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  type Channel,
  type ChannelHandler,
  Peer,
  type PeerHandler,
} from "../../src/jsonrpc/mod.ts";
import { SseParser } from "../../src/downstream/remote/sse_parser.ts";
import { EntryCounter } from "../../src/audit/entry_counter.ts";
import { startOfText } from "../../src/text.ts";
import { settle } from "./byte_streams.ts";

/** Number of messages of each test, and the length of each. */
const COUNT = 8;
const LENGTH = 4_000_000;

/** Maximum memory that all messages of a test may leave, in bytes. */
const MAX_KEPT_BYTES = COUNT * LENGTH / 4;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Measures the memory of this process after a garbage collection, in bytes. */
async function measureMemory(): Promise<number> {
  for (let round = 0; round < 2; round++) {
    collectGarbage();
    // Buffers are freed only in a later tick.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Returns a text that shares no memory with another. */
function decode(text: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(text));
}

/** Asserts that what is kept of long texts does not keep the texts in memory. */
async function assertNotKept(
  createText: (padding: string, index: number) => string,
  receive: (text: string) => Promise<unknown> | void,
): Promise<void> {
  const padding = "x".repeat(LENGTH);
  const before = await measureMemory();
  for (let index = 0; index < COUNT; index++) await receive(decode(createText(padding, index)));
  const kept = await measureMemory() - before;
  assert.ok(kept < MAX_KEPT_BYTES, `${kept} bytes`);
}

/** Opens a peer on a channel that keeps what it sends. */
function openPeer(handler: Partial<PeerHandler>): {
  readonly peer: Peer;
  readonly sentTexts: string[];
  readonly receive: (text: string) => Promise<void>;
} {
  const sentTexts: string[] = [];
  let channelHandler: ChannelHandler | undefined;
  const channel: Channel = {
    open: (opened) => void (channelHandler = opened),
    send: (text) => void sentTexts.push(text),
    flush: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  const peer = new Peer(channel, {
    request: () => {},
    notification: () => {},
    unexpected: () => {},
    closed: () => {},
    ...handler,
  });
  const receive = async (text: string): Promise<void> => {
    await channelHandler?.message(text, text.length);
    await settle();
  };
  return { peer, sentTexts, receive };
}

const never = new Promise<void>(() => {});

Deno.test("[memory.kept-text] a pending request does not keep the members beside its parameters", async () => {
  const requests: unknown[] = [];
  const { receive } = openPeer({ request: (request) => void requests.push(request) });
  await assertNotKept(
    (padding, id) =>
      `{"jsonrpc":"2.0","id":${id},"method":"m","params":{"name":"a name"},"padding":"${padding}"}`,
    receive,
  );
  assert.equal(requests.length, COUNT);
});

Deno.test("[memory.kept-text] a pending request does not keep the other messages of its batch", async () => {
  const requests: unknown[] = [];
  const { receive } = openPeer({ request: (request) => void requests.push(request) });
  await assertNotKept(
    (padding, id) =>
      `[{"jsonrpc":"2.0","id":"request number ${id}","method":"m","params":{"name":"a name"}},` +
      `{"jsonrpc":"2.0","method":"m","params":{"padding":"${padding}"}}]`,
    receive,
  );
  while (requests.length < COUNT) await settle();
});

Deno.test("[memory.kept-text] a parameter does not keep the other parameters of its request", async () => {
  const texts: unknown[] = [];
  const { receive } = openPeer({
    request: (request) => {
      texts.push(request.paramText("value"));
      request.reply({});
    },
  });
  await assertNotKept(
    (padding, id) =>
      `{"jsonrpc":"2.0","id":${id},"method":"m","params":{"value":"a short text","padding":"${padding}"}}`,
    receive,
  );
  assert.equal(texts.length, COUNT);
});

Deno.test("[memory.kept-text] an answer does not keep the text of its request", async () => {
  const { sentTexts, receive } = openPeer({
    request: (request) => request.id.length > 5 ? request.reply({}) : request.failUnknownMethod(),
  });
  await assertNotKept((padding, index) => {
    const [id, method] = index % 2 === 0
      ? ['"a long id of a request"', "m"]
      : ["1", "a/long/method"];
    return `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{"padding":"${padding}"}}`;
  }, receive);
  assert.equal(sentTexts.length, COUNT);
});

Deno.test("[memory.kept-text] a handler that is busy after its answer does not keep the request", async () => {
  const { receive } = openPeer({
    request: (request) => {
      request.reply({});
      return never;
    },
  });
  await assertNotKept(
    (padding, id) => `{"jsonrpc":"2.0","id":${id},"method":"m","params":{},"padding":"${padding}"}`,
    receive,
  );
});

Deno.test("[memory.kept-text] a handler that is busy does not keep the notification", async () => {
  const { receive } = openPeer({ notification: () => never });
  await assertNotKept(
    (padding) => `{"jsonrpc":"2.0","method":"m","params":{"padding":"${padding}"}}`,
    receive,
  );
});

for (
  const [member, value] of [["result", '{"a":"short result"}'], [
    "error",
    '{"code":1,"message":"a short error"}',
  ]]
) {
  Deno.test(`[memory.kept-text] ${member === "error" ? "an error" : "a result"} does not keep the members beside it`, async () => {
    const { peer, receive } = openPeer({});
    const replies: unknown[] = [];
    await assertNotKept(
      (padding, index) =>
        `{"jsonrpc":"2.0","id":${index + 1},"${member}":${value},"padding":"${padding}"}`,
      async (text) => {
        const reply = peer.request("m");
        await receive(text);
        replies.push(await reply);
      },
    );
    assert.equal(replies.length, COUNT);
  });
}

Deno.test("[memory.kept-text] the excerpt of an unexpected message does not keep the message", async () => {
  const excerpts: string[] = [];
  const { receive } = openPeer({
    unexpected: (_description, excerpt) => void excerpts.push(excerpt),
  });
  await assertNotKept((padding, index) =>
    [
      `{"jsonrpc":"1.0","padding":"${padding}"}`,
      `{"padding":"${padding}`,
      `{"jsonrpc":"2.0","id":1,"result":{"padding":"${padding}"}}`,
      `{"padding":"${padding.slice(1_000_000)}","too complex":${"[".repeat(1_000_000)}`,
    ][index % 4] ?? "", receive);
  assert.equal(excerpts.length, COUNT);
});

Deno.test("[memory.kept-text] an event that is too long keeps only its beginning and its end", async () => {
  const parsers: SseParser[] = [];
  await assertNotKept((padding) => `data: ${padding}\ndata: ${padding}\n`, (text) => {
    const parser = new SseParser({ maxBytes: 1.5 * LENGTH }, () => {});
    parsers.push(parser);
    return parser.push(new TextEncoder().encode(text));
  });
  assert.ok(parsers.every(({ isDropping }) => isDropping));
});

Deno.test("[memory.kept-text] entries that are only counted keep none of their texts", async () => {
  const counter = new EntryCounter({
    summary: { operation: "refusals", decision: "DENY" },
    write: () => {},
  });
  let source = 0;
  const kept = assertNotKept((padding) => padding, (tool) => {
    source++;
    const entry = {
      timestamp: "",
      agent_id: null,
      operation: "o",
      decision: "DENY",
      tool,
    } as const;
    for (let count = 0; count < 30; count++) counter.add(`${source}`, entry);
  });
  await kept.finally(() => counter.close());
});

Deno.test("[memory.kept-text] the start of a text does not keep its rest", async () => {
  const starts: string[] = [];
  await assertNotKept((padding) => padding, (text) => void starts.push(startOfText(text, 200)));
  assert.equal(starts.length, COUNT);
});

Deno.test("[memory.kept-text] the start of a text is a whole number of its characters", () => {
  const rest = "x".repeat(2000);
  assert.equal(startOfText(`\ufeffaé語😀${rest}`, 6), "\ufeffaé語😀");
  assert.equal(startOfText(`a long beginning 😀${rest}`, 18), "a long beginning ");
  assert.equal(startOfText("short", 5), "short");
});
