import assert from "node:assert/strict";
import { readHeads, readId } from "../../src/relay/message_head.ts";

const encoder = new TextEncoder();

function read(text: string): (readonly [string | undefined, string | undefined])[] {
  return readHeads(encoder.encode(text)).map(({ id, method }) => [id, method]);
}

const LONG = `{"text":${JSON.stringify('"id":9}'.repeat(5000))},"id":8}`;

Deno.test("[shared.envelope] the id and the method of a message are read in every order and spelling", () => {
  for (const body of ["{}", LONG]) {
    const id = `"id":"a b"`;
    const spellings = [
      `{"jsonrpc":"2.0",${id},"method":"tools/call","params":${body}}`,
      `{"jsonrpc":"2.0","method":"tools/call","params":${body},${id}}`,
      `{"method":"tools/call","params":${body},"jsonrpc":"2.0",${id}}`,
      `{"params":${body},${id},"method":"tools/call","jsonrpc":"2.0"}`,
      ` { "params" : ${body} , "m\\u0065thod" : "tools/call" , ${id}, "jsonrpc":"2.0" } `,
    ];
    for (const spelling of spellings) {
      assert.deepEqual(read(`${spelling}\r\n`), [['"a b"', "tools/call"]], spelling.slice(0, 80));
    }
    assert.deepEqual(read(`{"jsonrpc":"2.0","id":7,"result":${body}}`), [["7", undefined]]);
    assert.deepEqual(read(`{"result":${body},"jsonrpc":"2.0","id":7}`), [["7", undefined]]);
    assert.deepEqual(read(`{"jsonrpc":"2.0","method":"notifications/x","params":${body}}`), [
      [undefined, "notifications/x"],
    ]);
  }
});

Deno.test("[shared.envelope] a batch has a head for each message, and what is no message has none", () => {
  assert.deepEqual(read('[{"id":1,"method":"a"},{"method":"b"},{"id":2,"result":{}}]'), [
    ["1", "a"],
    [undefined, "b"],
    ["2", undefined],
  ]);
  for (const text of ["", "noise", '{"id":1', "null"]) {
    assert.equal(
      read(text).some(([id, method]) => id !== undefined || method !== undefined),
      false,
    );
  }
  assert.deepEqual(read('{"id":"\\u0061","method":"a"}'), [['"a"', "a"]]);
});

Deno.test("[shared.envelope] an answer is distinguished from a message with neither a method nor a result, which is for the daemon", () => {
  const isAnswer = (text: string) => readHeads(encoder.encode(text)).map((read) => read.isAnswer);
  assert.deepEqual(isAnswer('{"jsonrpc":"2.0","id":1}'), [false]);
  assert.deepEqual(isAnswer('{"jsonrpc":"2.0","id":1,"method":5}'), [false]);
  assert.deepEqual(isAnswer('{"id":1,"jsonrpc":"2.0","error":{}}'), [true]);
  assert.deepEqual(isAnswer(`{"jsonrpc":"2.0","id":1,"result":${LONG}}`), [true]);
  assert.deepEqual(isAnswer(`{"jsonrpc": "2.0", "id": 1, "result": ${LONG}}`), [true]);
  assert.deepEqual(isAnswer('[{"id":1,"method":"a"},{"id":2,"result":{}}]'), [false, true]);
});

Deno.test("[shared.envelope] a number that is too long for a double is an id with all its digits", () => {
  const request = '{"params":{"id":1},"id":12345678901234567890,"method":"a"}';
  assert.deepEqual(read(request), [["12345678901234567890", "a"]]);
  assert.deepEqual(read(`[${request},{"id":12345678901234567891,"result":{"id":5}}]`), [
    ["12345678901234567890", "a"],
    ["12345678901234567891", undefined],
  ]);
  const cancelled =
    '{"method":"notifications/cancelled","params":{"requestId":12345678901234567890}}';
  const [head] = readHeads(encoder.encode(cancelled));
  assert.equal(readId(head?.params?.requestId), "12345678901234567890");
});
