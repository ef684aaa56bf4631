import assert from "node:assert/strict";
import { Cancellation, type CancelSignal } from "../../src/jsonrpc/mod.ts";

/** A signal of each kind that the router takes, and what makes it abort. */
function kinds(): [CancelSignal, (reason: unknown) => void][] {
  const [own, platform] = [new Cancellation(), new AbortController()];
  return [
    [own, (reason) => own.cancel(reason)],
    [platform.signal, (reason) => platform.abort(reason)],
  ];
}

Deno.test("[protocol.cancel] a cancellation tells once, in order, and keeps its first reason", () => {
  for (const [signal, abort] of kinds()) {
    const told: string[] = [];
    const [reason, later] = [new Error("enough"), new Error("later")];
    for (const name of ["one", "two"]) {
      signal.addEventListener("abort", () => told.push(name), { once: true });
    }
    signal.throwIfAborted();
    assert.equal(signal.aborted, false);
    abort(reason);
    abort(later);
    signal.addEventListener("abort", () => told.push("three"));
    assert.deepEqual(told, ["one", "two"]);
    assert.equal(signal.aborted, true);
    assert.equal(signal.reason, reason);
    assert.throws(() => signal.throwIfAborted(), reason);
  }
});

Deno.test("[protocol.cancel] a listener that was taken back is not told, not even by another one", () => {
  for (const [signal, abort] of kinds()) {
    const told: string[] = [];
    const back = (): void => void told.push("back");
    const taken = (): void => void told.push("taken");
    signal.addEventListener("abort", back);
    signal.addEventListener("abort", () => signal.removeEventListener("abort", taken));
    signal.addEventListener("abort", taken);
    signal.removeEventListener("abort", back);
    signal.removeEventListener("abort", () => {});
    abort("reason");
    assert.deepEqual(told, []);
  }
});
