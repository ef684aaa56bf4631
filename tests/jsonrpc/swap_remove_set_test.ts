import assert from "node:assert/strict";
import fc from "fast-check";
import { SwapRemoveSet } from "../../src/jsonrpc/swap_remove_set.ts";

Deno.test("a roster behaves like a set", () => {
  const command = fc.record({ who: fc.nat(20), kind: fc.constantFrom("add", "delete", "clear") });
  fc.assert(fc.property(fc.array(command, { maxLength: 100 }), (commands) => {
    const people = Array.from({ length: 21 }, () => ({ listedAt: -1 }));
    const roster = new SwapRemoveSet<{ listedAt: number }>();
    const set = new Set<{ listedAt: number }>();
    for (const { who, kind } of commands) {
      const one = people[who];
      assert.ok(one);
      if (kind === "clear") {
        roster.clear();
        set.clear();
      } else if (kind === "add") {
        roster.add(one);
        set.add(one);
      } else {
        roster.delete(one);
        set.delete(one);
      }
      assert.equal(roster.size, set.size);
      assert.equal(roster.any !== undefined, set.size > 0);
      assert.deepEqual(new Set(roster.all()), set);
      assert.equal(roster.all().length, set.size);
    }
  }));
});
