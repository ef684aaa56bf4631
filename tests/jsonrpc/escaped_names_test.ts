import assert from "node:assert/strict";
import { IncomingRequest, type Message, parseMessage } from "../../src/jsonrpc/mod.ts";

function parse(text: string): Message {
  return parseMessage(text, new TextEncoder().encode(text).length);
}

/** The spellings of a request around the members of its parameters. */
const forms: readonly ((params: string) => string)[] = [
  (params) => `{"jsonrpc":"2.0","id":1,"method":"m","params":{${params}}}`,
  (params) => `{"method":"m","params":{${params}},"jsonrpc":"2.0","id":1}`,
  (params) => ` {"params":{${params}},"method":"m","id":1,"jsonrpc":"2.0"}`,
];

Deno.test("[rules.conditions-sent] a request whose parameter has a name with an escape is refused, whatever V8 has read before", () => {
  for (const write of forms) {
    // V8 reads `"valu\u0065"` as the name `valu\`, once it has read that name after the same members.
    for (let count = 0; count < 3; count++) parse(write('"first":0,"value":1,"valu\\\\":2'));
    for (const name of ["valu\\u0065", "valu\\\\", "\\u0076alue"]) {
      const message = parse(write(`"first":0,"value":1,"${name}":2`));
      assert.equal(message.kind, "invalid");
      if (message.kind === "invalid") assert.equal(message.id, "1");
    }
  }
});

Deno.test("[rules.conditions-sent] a request that has a name with an escape beside its parameters is refused", () => {
  for (let count = 0; count < 3; count++) {
    parse('{"jsonrpc":"2.0","id":1,"method":"m","params":{},"param\\\\":{}}');
  }
  for (const name of ["param\\u0073", "i\\u0064", "\\u0078"]) {
    const text = `{"jsonrpc":"2.0","id":1,"method":"m","params":{"value":1},"${name}":{}}`;
    assert.equal(parse(text).kind, "invalid", text);
    assert.equal(parse(`[${text}]`).kind, "batch");
  }
});

Deno.test("[rules.conditions-sent] escapes in values and below the parameters are accepted", () => {
  for (const write of forms) {
    const message = parse(write('"text":"a\\"b\\u0063","args":{"\\u0061":"\\\\"}'));
    assert.equal(message.kind, "request");
    if (message.kind !== "request") continue;
    const request = new IncomingRequest(message, {
      replyTo: { reply: () => {}, notify: () => {} } as never,
      onEnd: () => {},
    });
    assert.equal(request.paramText("args")?.json, '{"\\u0061":"\\\\"}');
  }
});
