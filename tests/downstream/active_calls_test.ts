import assert from "node:assert/strict";
import { ActiveCalls } from "../../src/downstream/active_calls.ts";
import type { Caller } from "../../src/downstream/caller.ts";

const CLOCK = { pause: () => {}, resume: () => {} };
const NEVER = new AbortController().signal;

function createCaller(
  { connectionId = "c", agent = "a", relaysInput = true } = {},
): Pick<Caller, "channel" | "connectionId" | "agent"> {
  return {
    connectionId,
    agent,
    channel: {
      relaysInput,
      outsideCalls: undefined,
      supports: () => true,
      requestInput: () => Promise.resolve({ kind: "unsupported" }),
      notifyUrlInputDone: () => {},
      log: () => {},
      logLevel: () => undefined,
    },
  };
}

Deno.test("[interaction.attribution] a request of a server belongs to the only active call", () => {
  const calls = new ActiveCalls();
  assert.equal(calls.channel, undefined);
  const caller = createCaller({ relaysInput: false });
  const call = calls.begin(caller, CLOCK);
  assert.equal(calls.channel, caller.channel);
  const other = calls.begin(createCaller({ relaysInput: false }), CLOCK);
  assert.equal(calls.channel, undefined);
  calls.end(call);
  assert.equal(calls.channel, other.caller.channel);
});

Deno.test("[interaction.attribution] among calls of one agent it belongs to the one that waits for no input, or the latest", () => {
  const calls = new ActiveCalls();
  const [one, two, three] = [createCaller(), createCaller(), createCaller()];
  const first = calls.begin(one, CLOCK);
  const input = calls.beginInput(NEVER, 0);
  const second = calls.begin(two, CLOCK);
  assert.equal(calls.channel, two.channel);
  const third = calls.begin(three, CLOCK);
  assert.equal(calls.channel, three.channel);
  calls.beginInput(NEVER, 0);
  assert.equal(calls.channel, two.channel);
  calls.beginInput(NEVER, 0);
  // All wait: the latest.
  assert.equal(calls.channel, three.channel);
  input.close();
  assert.equal(calls.channel, one.channel);
  // A request belongs to one call only, and ends with it.
  assert.equal(second.pendingInputs?.size, 1);
  const [pending] = second.pendingInputs ?? [];
  calls.end(second);
  assert.ok(pending?.signal.aborted);
  calls.end(third);
  calls.end(first);
  assert.equal(calls.channel, undefined);
});

Deno.test("[interaction.attribution] with a call of another agent, connection or revision, nobody is asked", () => {
  for (const others of [{ agent: "b" }, { connectionId: "d" }, { relaysInput: false }]) {
    for (const order of [[{}, others], [others, {}]]) {
      const calls = new ActiveCalls();
      for (const options of order) calls.begin(createCaller(options), CLOCK);
      assert.equal(calls.channel, undefined, JSON.stringify(order));
    }
  }
});
