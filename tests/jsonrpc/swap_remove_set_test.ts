import assert from "node:assert/strict";
import fc from "fast-check";
import { SwapRemoveSet } from "../../src/jsonrpc/swap_remove_set.ts";

Deno.test("SwapRemoveSet behaves like a set", () => {
  const anyCommand = fc.record({
    index: fc.nat(20),
    kind: fc.constantFrom("add", "delete", "clear"),
  });
  fc.assert(fc.property(fc.array(anyCommand, { maxLength: 100 }), (commands) => {
    const members = Array.from({ length: 21 }, () => ({ indexInSet: -1 }));
    const swapRemoveSet = new SwapRemoveSet<{ indexInSet: number }>();
    const set = new Set<{ indexInSet: number }>();
    for (const { index, kind } of commands) {
      const member = members[index];
      assert.ok(member);
      if (kind === "clear") {
        swapRemoveSet.clear();
        set.clear();
      } else if (kind === "add") {
        swapRemoveSet.add(member);
        set.add(member);
      } else {
        swapRemoveSet.delete(member);
        set.delete(member);
      }
      assert.equal(swapRemoveSet.size, set.size);
      assert.equal(swapRemoveSet.any !== undefined, set.size > 0);
      assert.deepEqual(new Set(swapRemoveSet.all()), set);
      assert.equal(swapRemoveSet.all().length, set.size);
    }
  }));
});
