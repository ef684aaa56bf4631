import assert from "node:assert/strict";
import fc from "fast-check";
import { SwapRemoveSet } from "../../src/jsonrpc/swap_remove_set.ts";

Deno.test("SwapRemoveSet behaves like a set", () => {
  const command = fc.record({ who: fc.nat(20), kind: fc.constantFrom("add", "delete", "clear") });
  fc.assert(fc.property(fc.array(command, { maxLength: 100 }), (commands) => {
    const people = Array.from({ length: 21 }, () => ({ indexInSet: -1 }));
    const ours = new SwapRemoveSet<{ indexInSet: number }>();
    const set = new Set<{ indexInSet: number }>();
    for (const { who, kind } of commands) {
      const one = people[who];
      assert.ok(one);
      if (kind === "clear") {
        ours.clear();
        set.clear();
      } else if (kind === "add") {
        ours.add(one);
        set.add(one);
      } else {
        ours.delete(one);
        set.delete(one);
      }
      assert.equal(ours.size, set.size);
      assert.equal(ours.any !== undefined, set.size > 0);
      assert.deepEqual(new Set(ours.all()), set);
      assert.equal(ours.all().length, set.size);
    }
  }));
});
