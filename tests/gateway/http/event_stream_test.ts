import assert from "node:assert/strict";
import { EventStream } from "../../../src/gateway/http/event_stream.ts";

Deno.test("[http.resume] messages that are sent together are one chunk of the body, so that a stream with thousands of them is not written in thousands of steps", async () => {
  const stream = new EventStream();
  stream.sendAll([]);
  stream.sendAll([{ id: "1-1", message: '{"a":1}' }, { id: "1-2", message: '{"b":2}' }]);
  stream.send({ id: "1-3", message: '{"c":3}' });
  stream.end();
  const decoder = new TextDecoder();
  const chunks = (await Array.fromAsync(stream.body)).map((chunk) => decoder.decode(chunk));
  assert.deepEqual(chunks, [
    'id: 1-1\nevent: message\ndata: {"a":1}\n\nid: 1-2\nevent: message\ndata: {"b":2}\n\n',
    'id: 1-3\nevent: message\ndata: {"c":3}\n\n',
  ]);
});
