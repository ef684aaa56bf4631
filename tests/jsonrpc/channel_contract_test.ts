/** Checks that each kind of channel keeps the contract of `Channel`. */
import assert from "node:assert/strict";
import { type Channel, createMemoryChannels, LineChannel } from "../../src/jsonrpc/mod.ts";
import { createPipe, settle } from "./byte_streams.ts";

function createLineChannels(): [Channel, Channel] {
  const [firstToSecond, secondToFirst] = [createPipe(), createPipe()];
  return [
    new LineChannel(secondToFirst.readable, firstToSecond.writable),
    new LineChannel(firstToSecond.readable, secondToFirst.writable),
  ];
}

/** Opens a channel and records its events. */
function recordEvents(channel: Channel): string[] {
  const events: string[] = [];
  channel.open({
    message: (text, bytes) => void events.push(`${text} (${bytes})`),
    dropped: ({ reason }) => events.push(reason),
    closed: (cause) => events.push(cause === undefined ? "closed" : `closed: ${cause.message}`),
  });
  return events;
}

const CHANNEL_KINDS: readonly [string, () => [Channel, Channel]][] = [
  ["lines", createLineChannels],
  ["memory", createMemoryChannels],
];

for (const [name, createChannels] of CHANNEL_KINDS) {
  Deno.test(`[protocol.framing] ${name}: messages arrive in order, in both directions`, async () => {
    const [first, second] = createChannels();
    const [firstEvents, secondEvents] = [recordEvents(first), recordEvents(second)];
    for (const text of ["a", "\u00e9", "😀"]) first.send(text);
    second.send("b");
    await first.flush();
    first.send("c");
    await settle();
    assert.deepEqual(secondEvents, ["a (1)", "\u00e9 (2)", "😀 (4)", "c (1)"]);
    assert.deepEqual(firstEvents, ["b (1)"]);
    await Promise.all([first.close(), second.close()]);
  });

  Deno.test(`[protocol.closing] ${name}: messages sent before close() arrive, later ones do not`, async () => {
    const [first, second] = createChannels();
    const [firstEvents, secondEvents] = [recordEvents(first), recordEvents(second)];
    first.send("before");
    const closing = first.close();
    first.send("after");
    await settle();
    await Promise.all([closing, first.close(), second.close(), second.close()]);
    first.send("later");
    second.send("later");
    await Promise.all([first.flush(), second.flush()]);
    await settle();
    assert.deepEqual(secondEvents, ["before (6)", "closed"]);
    assert.deepEqual(firstEvents, ["closed"]);
  });

  Deno.test(`[protocol.framing] ${name}: messages arrive only after the channel is opened`, async () => {
    const [first, second] = createChannels();
    const firstEvents = recordEvents(first);
    first.send("early");
    await settle();
    const secondEvents = recordEvents(second);
    // The channel reports events asynchronously, because its owner may still be in its constructor.
    assert.deepEqual(secondEvents, []);
    await settle();
    assert.deepEqual(secondEvents, ["early (5)"]);
    await Promise.all([first.close(), second.close()]);
    await settle();
    assert.deepEqual(firstEvents, ["closed"]);
  });

  Deno.test(`[protocol.closing] ${name}: a channel that the other side closed before it was opened reports the end once it is opened`, async () => {
    const [first, second] = createChannels();
    recordEvents(first);
    first.send("last");
    const closing = first.close();
    await settle();
    const secondEvents = recordEvents(second);
    await Promise.all([closing, second.close()]);
    await settle();
    assert.deepEqual(secondEvents, ["last (4)", "closed"]);
  });
}
