/** The contract of every channel. */
import assert from "node:assert/strict";
import { type Channel, createMemoryChannels, LineChannel } from "../../src/jsonrpc/mod.ts";
import { createPipe, settle } from "./byte_streams.ts";

function createLineChannels(): [Channel, Channel] {
  const [there, back] = [createPipe(), createPipe()];
  return [
    new LineChannel(back.readable, there.writable),
    new LineChannel(there.readable, back.writable),
  ];
}

/** Opens a channel and records its events. */
function listen(channel: Channel): string[] {
  const events: string[] = [];
  channel.open({
    message: (text, bytes) => events.push(`${text} (${bytes})`),
    dropped: ({ reason }) => events.push(reason),
    closed: (cause) => events.push(cause === undefined ? "closed" : `closed: ${cause.message}`),
  });
  return events;
}

const KINDS: readonly [string, () => [Channel, Channel]][] = [
  ["lines", createLineChannels],
  ["memory", createMemoryChannels],
];

for (const [name, create] of KINDS) {
  Deno.test(`[protocol.framing] ${name}: messages arrive in order, in both directions`, async () => {
    const [one, two] = create();
    const [fromTwo, fromOne] = [listen(one), listen(two)];
    for (const text of ["a", "\u00e9", "😀"]) one.send(text);
    two.send("b");
    await one.flush();
    one.send("c");
    await settle();
    assert.deepEqual(fromOne, ["a (1)", "\u00e9 (2)", "😀 (4)", "c (1)"]);
    assert.deepEqual(fromTwo, ["b (1)"]);
    await Promise.all([one.close(), two.close()]);
  });

  Deno.test(`[protocol.closing] ${name}: messages sent before the end arrive, later ones do not`, async () => {
    const [one, two] = create();
    const [fromTwo, fromOne] = [listen(one), listen(two)];
    one.send("before");
    const closing = one.close();
    one.send("after");
    await settle();
    await Promise.all([closing, one.close(), two.close(), two.close()]);
    one.send("later");
    two.send("later");
    await Promise.all([one.flush(), two.flush()]);
    await settle();
    assert.deepEqual(fromOne, ["before (6)", "closed"]);
    assert.deepEqual(fromTwo, ["closed"]);
  });

  Deno.test(`[protocol.framing] ${name}: nothing arrives before the channel is open`, async () => {
    const [one, two] = create();
    const fromTwo = listen(one);
    one.send("early");
    await settle();
    const fromOne = listen(two);
    // The owner may still be in its constructor.
    assert.deepEqual(fromOne, []);
    await settle();
    assert.deepEqual(fromOne, ["early (5)"]);
    await Promise.all([one.close(), two.close()]);
    await settle();
    assert.deepEqual(fromTwo, ["closed"]);
  });

  Deno.test(`[protocol.closing] ${name}: an end before the channel is open is reported once it is open`, async () => {
    const [one, two] = create();
    listen(one);
    one.send("last");
    const closing = one.close();
    await settle();
    const fromOne = listen(two);
    await Promise.all([closing, two.close()]);
    await settle();
    assert.deepEqual(fromOne, ["last (4)", "closed"]);
  });
}
