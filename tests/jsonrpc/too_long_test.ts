import assert from "node:assert/strict";
import { AnswerTooLong, LineChannel, Peer } from "../../src/jsonrpc/mod.ts";
import { settle, TestByteSink, TestByteSource } from "./byte_streams.ts";

Deno.test("[protocol.too-long] only the request whose answer is too long is rejected", async () => {
  const [source, sink] = [new TestByteSource(), new TestByteSink()];
  const channel = new LineChannel(source.readable, sink.writable, { maxBytes: 4000 });
  const unexpectedMessages: string[] = [];
  const peer = new Peer(channel, {
    request: (request) => request.reply({}),
    notification: () => {},
    unexpected: (description) => void unexpectedMessages.push(description),
    closed: () => {},
  });
  const longText = "x".repeat(5000);
  const answers = [
    (id: number) => `{"jsonrpc":"2.0","id":${id},"result":{"a":"${longText}"}}`,
    (id: number) => `{"id":${id},"jsonrpc":"2.0","result":{"a":"${longText}"}}`,
    (id: number) => `{ "id" : ${id} , "result" : { "a" : "${longText}" } , "jsonrpc" : "2.0" }`,
    (id: number) => `{"jsonrpc":"2.0","result":{"a":"${longText}"},"id":${id}}`,
    (id: number) => `{"result":{"a":"${longText}"},"id":${id},"jsonrpc":"2.0"}`,
    (id: number) => `{"result":{"a":"${longText}"},"jsonrpc":"2.0","id":${id}}\r`,
    (id: number) => `{"jsonrpc":"2.0","id":${id},"error":{"code":1,"message":"${longText}"}}`,
  ];
  for (const answer of answers) {
    const [tooLongRequest, otherRequest] = [peer.request("a"), peer.request("b")];
    const id = sink.lines().length + 1;
    await peer.flush();
    const line = answer(id);
    source.push(`${line}\n{"jsonrpc":"2.0","id":${id + 1},"result":{}}\n`);
    const bytes = line.trimEnd().length;
    await assert.rejects(
      tooLongRequest,
      (error) => error instanceof AnswerTooLong && error.bytes === bytes,
    );
    assert.equal((await otherRequest).ok, true);
  }
  assert.equal(unexpectedMessages.length, answers.length);

  // A message that is too long, but does not answer the request, does not settle it.
  const pendingRequest = peer.request("c");
  await peer.flush();
  const id = sink.lines().length;
  for (
    const line of [
      `{"jsonrpc":"2.0","id":${id},"method":"m","params":{"a":"${longText}"}}`,
      `{"params":{"a":"${longText}"},"method":"m","jsonrpc":"2.0","id":${id}}`,
      `{"jsonrpc":"2.0","method":"m","params":{"a":"${longText}","id":${id}}}`,
      `{"jsonrpc":"2.0","id":0${id},"result":{"a":"${longText}"}}`,
      `{"jsonrpc":"2.0","id":"${id}","result":{"a":"${longText}"}}`,
      `{"level":"info","msg":"${longText}","id":${id}}`,
      `${longText},"id":${id}}`,
      `[{"jsonrpc":"2.0","id":${id},"result":{"a":"${longText}"}}]`,
    ]
  ) source.push(`${line}\n`);
  await settle();
  assert.equal(peer.pendingCount, 1);
  source.push(`{"jsonrpc":"2.0","id":${id},"result":{}}\n`);
  assert.equal((await pendingRequest).ok, true);
  await peer.close();
  // The peer answers the two requests that are too long with an error.
  const errors = sink.lines().slice(id).map((line) => JSON.parse(line));
  assert.deepEqual(errors.map(({ id, error }) => [id, error.code]), [[id, -32700], [id, -32700]]);
});
