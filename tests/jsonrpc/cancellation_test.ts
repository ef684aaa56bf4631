import assert from "node:assert/strict";
import { Cancellation, type CancelSignal } from "../../src/jsonrpc/mod.ts";

/** A signal of each kind that the router accepts, and a function that aborts it. */
function kinds(): [CancelSignal, (reason: unknown) => void][] {
  const [own, platform] = [new Cancellation(), new AbortController()];
  return [
    [own, (reason) => own.cancel(reason)],
    [platform.signal, (reason) => platform.abort(reason)],
  ];
}

Deno.test("[protocol.cancel] a cancellation calls each listener once, in order, and keeps its first reason", () => {
  for (const [signal, abort] of kinds()) {
    const called: string[] = [];
    const [reason, later] = [new Error("enough"), new Error("later")];
    for (const name of ["one", "two"]) {
      signal.addEventListener("abort", () => called.push(name), { once: true });
    }
    signal.throwIfAborted();
    assert.equal(signal.aborted, false);
    abort(reason);
    abort(later);
    signal.addEventListener("abort", () => called.push("three"));
    assert.deepEqual(called, ["one", "two"]);
    assert.equal(signal.aborted, true);
    assert.equal(signal.reason, reason);
    assert.throws(() => signal.throwIfAborted(), reason);
  }
});

Deno.test("[protocol.cancel] a removed listener is not called, even if another listener removed it", () => {
  for (const [signal, abort] of kinds()) {
    const called: string[] = [];
    const back = (): void => void called.push("back");
    const taken = (): void => void called.push("taken");
    signal.addEventListener("abort", back);
    signal.addEventListener("abort", () => signal.removeEventListener("abort", taken));
    signal.addEventListener("abort", taken);
    signal.removeEventListener("abort", back);
    signal.removeEventListener("abort", () => {});
    abort("reason");
    assert.deepEqual(called, []);
  }
});
