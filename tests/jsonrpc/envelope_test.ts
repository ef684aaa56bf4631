import assert from "node:assert/strict";
import fc from "fast-check";
import { readIdAndMethod, splitEnvelope } from "../../src/jsonrpc/envelope.ts";
import { readMessage } from "../../src/jsonrpc/message.ts";
import { parseMessage } from "../../src/jsonrpc/parse.ts";
import { utf8Bytes } from "../../src/jsonrpc/utf8.ts";

/** Asserts that the parser, which may take the fast path, has the same outcome as the slow path. */
function assertSameOutcome(text: string): void {
  let expected: unknown;
  try {
    expected = readMessage(JSON.parse(text), { text, bytes: utf8Bytes(text) });
  } catch {
    return assert.equal(parseMessage(text, utf8Bytes(text)).kind, "invalid", text);
  }
  assert.deepEqual(parseMessage(text, utf8Bytes(text)), expected, text);
}

const anyId = fc.oneof(
  fc.integer({ min: 0 }).map(String),
  fc.string().map((value) => JSON.stringify(value)),
  fc.constantFrom("007", "-0", "1e3", "1.5", "12345678901234567890", "null", '"a\\u0062"', '"ä"'),
);
const anyBody = fc.oneof(
  fc.json(),
  fc.constantFrom(
    "{}",
    "[]",
    "null",
    "5",
    "",
    " {}",
    "{} ",
    '{"a":1},"id":9',
    '{},"result":{}',
    '{},"error":{"code":1,"message":"x"}',
    '{},"method":"m","params":{}',
    '{"text":"}"}',
    '{"ä":"\\ud83d\\ude00 😀"}',
  ),
);
/** Writes messages as the TypeScript and the Python SDK do. */
const sdkForms = [
  (id: string, body: string) => `{"jsonrpc":"2.0","id":${id},"result":${body}}`,
  (id: string, body: string) => `{"result":${body},"jsonrpc":"2.0","id":${id}}`,
  (id: string, body: string) =>
    `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${body}}`,
  (id: string, body: string) =>
    `{"method":"tools/call","params":${body},"jsonrpc":"2.0","id":${id}}`,
];
const allForms = [
  ...sdkForms,
  (id: string, body: string) => `{"jsonrpc":"2.0","id":${id},"result":${body}} `,
  (id: string, body: string) => `{"jsonrpc":"2.0","id":${id},"result":${body},"id":3}`,
  (id: string, body: string) =>
    `{"jsonrpc":"2.0","id":${id},"result":${body},"jsonrpc":"2.0","id":3}`,
  (id: string, body: string) => `{"jsonrpc":"1.0","id":${id},"result":${body}}`,
  (id: string, body: string) => `["result":${body},"jsonrpc":"2.0","id":${id}}`,
  (id: string, body: string) => `é"method":"m","params":${body},"jsonrpc":"2.0","id":${id}}`,
  (id: string, body: string) => ` {"result":${body},"jsonrpc":"2.0","id":${id}}`,
  (id: string, body: string) => `{"result":${body},"jsonrpc":"2.0","id":${id}]`,
  (_id: string, body: string) => `{"result":${body},"jsonrpc":"2.0"}`,
  (id: string, body: string) => `{"method":"a b","params":${body},"jsonrpc":"2.0","id":${id}}`,
];

Deno.test("[protocol.pass-through] the fast path has the same outcome as the slow path", () => {
  fc.assert(
    fc.property(fc.constantFrom(...allForms), anyId, anyBody, (writeMessage, id, body) => {
      assertSameOutcome(writeMessage(id, body));
    }),
    { numRuns: 2000 },
  );
  for (const writeMessage of allForms) {
    for (const body of ["{}", '{"a":1},"id":9', '{},"result":{}']) {
      assertSameOutcome(writeMessage("1", body));
    }
  }
});

Deno.test("[protocol.pass-through] messages of the TypeScript and the Python SDK take the fast path", () => {
  for (const writeMessage of sdkForms) {
    for (const id of ["0", "17", '"5cf3"']) {
      assert.deepEqual(splitEnvelope(writeMessage(id, '{"a":1}')), {
        id,
        method: writeMessage("", "").includes("method") ? "tools/call" : undefined,
        body: '{"a":1}',
      });
    }
  }
});

Deno.test("[protocol.pass-through] readIdAndMethod finds the id and the method of a message, whatever the order of its members", () => {
  const anyMember = fc.constantFrom(
    '"jsonrpc":"2.0"',
    '"id":7',
    '"id":"a\\"b"',
    '"method":"tools/call"',
    '"method":"a\\u0062"',
    '"params":{"id":1,"method":"x"}',
    '"result":{"method":"x","id":2}',
  );
  const anyMessage = fc.uniqueArray(anyMember, { selector: (text) => text.split(":")[0] }).map(
    (members) => {
      // A message has either a method or a result.
      const isCall = members.some((text) => text.startsWith('"method"'));
      return `{${members.filter((text) => !isCall || !text.startsWith('"result"')).join(",")}}`;
    },
  );
  fc.assert(fc.property(anyMessage, (text) => {
    const { id, method } = JSON.parse(text);
    const idAndMethod = readIdAndMethod(text);
    assert.equal(idAndMethod.id, id === undefined ? undefined : JSON.stringify(id), text);
    assert.equal(idAndMethod.method, method, text);
  }));
});
