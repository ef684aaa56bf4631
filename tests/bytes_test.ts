import assert from "node:assert/strict";
import { createByteReader, joinBytes } from "../src/bytes.ts";

Deno.test("a reader's buffer grows when a read fills it, up to 64 KiB", async () => {
  const sentBytes = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251);
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => {
    return new Response(sentBytes);
  });
  const { body } = await fetch(`http://127.0.0.1:${server.addr.port}/`);
  assert(body !== null);
  const reader = createByteReader(body);
  const chunks: Uint8Array[] = [];
  const bufferSizes = new Set<number>();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    bufferSizes.add(value.buffer.byteLength);
    chunks.push(value.slice());
  }
  assert.deepEqual(joinBytes(chunks), sentBytes);
  assert.deepEqual([...bufferSizes].slice(0, 2), [4 * 1024, 16 * 1024]);
  assert(Math.max(...bufferSizes) <= 64 * 1024);
});

Deno.test("cancelling a reader ends a pending read", async () => {
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => {
    return new Response(new ReadableStream());
  });
  const { body } = await fetch(`http://127.0.0.1:${server.addr.port}/`);
  assert(body !== null);
  const reader = createByteReader(body);
  const pending = reader.read();
  await reader.cancel();
  assert.deepEqual((await pending).done, true);
});
