import assert from "node:assert/strict";
import {
  type IncomingRequest,
  IndependentRequests,
  type ResponseWriter,
  RPC_CODES,
} from "../../src/jsonrpc/mod.ts";
import { parseMessage } from "../../src/jsonrpc/mod.ts";

/** The sender of one request; it keeps what it receives. */
class Sender implements ResponseWriter {
  readonly received: string[] = [];
  readonly refusals: number[] = [];
  hasSlowReader = false;
  endCount = 0;

  answer(text: string): void {
    this.received.push(text);
  }

  notify(text: string): void {
    this.received.push(text);
  }

  refuse(code: number): void {
    this.refusals.push(code);
  }

  end(): void {
    this.endCount++;
  }
}

function receive(requests: IndependentRequests, method: string, sender: Sender): IncomingRequest {
  const text = `{"jsonrpc":"2.0","id":1,"method":"${method}","params":{}}`;
  const message = parseMessage(text, text.length);
  assert.ok(message.kind === "request");
  return requests.receive(message, sender);
}

Deno.test("[eras.http-apart] requests with one id from several senders are answered each to its own", async () => {
  const held: IncomingRequest[] = [];
  const requests = new IndependentRequests({
    request: (request) => void held.push(request),
    unexpected: () => {},
  });
  const [first, second, third] = [new Sender(), new Sender(), new Sender()];
  for (const sender of [first, second, third]) receive(requests, "wait", sender);
  assert.equal(requests.count, 3);
  const answered = requests.allAnswered();
  held[1]?.reply({ n: 2 });
  held[0]?.reply({ text: "x".repeat(100_000) });
  requests.cancelAll("over");
  await answered;
  assert.match(
    first.received.join(),
    /^\{"jsonrpc":"2.0","id":1,"result":\{"text":"x{100000}"\}\}$/,
  );
  assert.deepEqual(second.received, ['{"jsonrpc":"2.0","id":1,"result":{"n":2}}']);
  assert.deepEqual(third.received, []);
  assert.equal(held[2]?.signal.aborted, true);
  assert.deepEqual([first, second, third].map(({ endCount }) => endCount), [1, 1, 1]);
  assert.equal(requests.count, 0);
  await requests.allAnswered();
});

Deno.test("[eras.http-apart] a handler that throws or rejects answers its own request with an internal error, which is reported", async () => {
  const reported: string[] = [];
  const requests = new IndependentRequests({
    request: ({ method }) => {
      if (method === "throw") throw new Error("thrown");
      return Promise.reject(new Error("rejected"));
    },
    unexpected: (description) => void reported.push(description),
  });
  const senders = [new Sender(), new Sender()];
  receive(requests, "throw", senders[0] ?? new Sender());
  receive(requests, "reject", senders[1] ?? new Sender());
  await requests.allAnswered();
  for (const { received, refusals } of senders) {
    assert.equal(JSON.parse(received[0] ?? "").error.code, RPC_CODES.internalError);
    assert.deepEqual(refusals, []);
  }
  assert.match(reported.join(), /thrown[^]*rejected/);
});

Deno.test("[eras.http-status] the sender is told that its request itself is refused before the error, and only once", () => {
  const requests = new IndependentRequests({
    request: (request) => {
      if (request.method === "unknown") request.failUnknownMethod();
      else if (request.method === "fail") request.fail({ code: -32602, message: "wrong argument" });
      request.refuse({ code: -32022, message: "another revision" });
    },
    unexpected: () => {},
  });
  const codes = ["unknown", "fail", "refuse"].map((method) => {
    const sender = new Sender();
    receive(requests, method, sender);
    return [...sender.refusals, JSON.parse(sender.received.join()).error.code];
  });
  assert.deepEqual(codes, [[-32601, -32601], [-32602], [-32022, -32022]]);
});
