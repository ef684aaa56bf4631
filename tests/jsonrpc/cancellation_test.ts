import assert from "node:assert/strict";
import { Cancellation, type CancelSignal } from "../../src/jsonrpc/mod.ts";

/** Creates a `Cancellation` and an `AbortSignal`, each with a function that aborts it. */
function createSignals(): [CancelSignal, (reason: unknown) => void][] {
  const [cancellation, controller] = [new Cancellation(), new AbortController()];
  return [
    [cancellation, (reason) => cancellation.cancel(reason)],
    [controller.signal, (reason) => controller.abort(reason)],
  ];
}

Deno.test("[protocol.cancel] a cancellation calls each listener once, in order, and keeps its first reason", () => {
  for (const [signal, abort] of createSignals()) {
    const calledListeners: string[] = [];
    const [reason, laterReason] = [new Error("enough"), new Error("later")];
    for (const name of ["one", "two"]) {
      signal.addEventListener("abort", () => calledListeners.push(name), { once: true });
    }
    signal.throwIfAborted();
    assert.equal(signal.aborted, false);
    abort(reason);
    abort(laterReason);
    signal.addEventListener("abort", () => calledListeners.push("three"));
    assert.deepEqual(calledListeners, ["one", "two"]);
    assert.equal(signal.aborted, true);
    assert.equal(signal.reason, reason);
    assert.throws(() => signal.throwIfAborted(), reason);
  }
});

Deno.test("[protocol.cancel] a removed listener is not called, even if another listener removed it", () => {
  for (const [signal, abort] of createSignals()) {
    const calledListeners: string[] = [];
    const removedBeforeAbort = (): void => void calledListeners.push("removedBeforeAbort");
    const removedDuringAbort = (): void => void calledListeners.push("removedDuringAbort");
    signal.addEventListener("abort", removedBeforeAbort);
    signal.addEventListener("abort", () => signal.removeEventListener("abort", removedDuringAbort));
    signal.addEventListener("abort", removedDuringAbort);
    signal.removeEventListener("abort", removedBeforeAbort);
    signal.removeEventListener("abort", () => {});
    abort("reason");
    assert.deepEqual(calledListeners, []);
  }
});
