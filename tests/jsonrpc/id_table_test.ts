import assert from "node:assert/strict";
import fc from "fast-check";
import { hashId, hashNumber, IdTable } from "../../src/jsonrpc/id_table.ts";

/** Applies a list of commands to a table and to a `Map`, and compares them after each. */
function compareWithMap<Id extends string | number>(
  table: IdTable<Id, object>,
  commands: readonly { readonly id: Id; readonly kind: "set" | "delete" }[],
): void {
  const map = new Map<Id, object>();
  for (const { id, kind } of commands) {
    const value = {};
    if (kind === "set") {
      table.set(id, value);
      map.set(id, value);
    } else {
      table.delete(id);
      map.delete(id);
    }
    assert.equal(table.size, map.size);
    for (const knownId of [id, ...map.keys()]) assert.equal(table.get(knownId), map.get(knownId));
    assert.deepEqual(new Set(table.values()), new Set(map.values()));
  }
}

const anyKind = fc.constantFrom("set" as const, "delete" as const);

Deno.test("[protocol.multiplex] an id table behaves like a map", () => {
  const anyNumericId = fc.oneof(fc.nat(100), fc.integer({ min: -50, max: 2 ** 40 }));
  fc.assert(
    fc.property(
      fc.array(fc.record({ id: anyNumericId, kind: anyKind }), { maxLength: 200 }),
      (commands) => {
        compareWithMap(new IdTable(hashNumber), commands);
      },
    ),
  );
  const anyTextId = fc.oneof(fc.nat(30).map(String), fc.string());
  fc.assert(
    fc.property(
      fc.array(fc.record({ id: anyTextId, kind: anyKind }), { maxLength: 200 }),
      (commands) => {
        compareWithMap(new IdTable(hashId), commands);
      },
    ),
  );
});

Deno.test("[protocol.multiplex] hashes of consecutive numbers leave gaps after every few slots", () => {
  for (const slotCount of [1024, 2 ** 17]) {
    // A table is at most half full.
    const usedSlots = new Set(
      Array.from({ length: slotCount / 2 }, (_, id) => hashNumber(id + 1) & (slotCount - 1)),
    );
    let [longestRun, run] = [0, 0];
    for (let slot = 0; slot < slotCount; slot++) {
      run = usedSlots.has(slot) ? run + 1 : 0;
      longestRun = Math.max(longestRun, run);
    }
    assert.ok(longestRun <= 8, `${longestRun}`);
    assert.equal(usedSlots.size, slotCount / 2);
  }
});

Deno.test("[protocol.multiplex] ids with the same hash are distinguished", () => {
  const anyId = fc.nat(40);
  for (const hash of [() => 0, () => -1, (id: number) => id % 3, (id: number) => id * 16]) {
    fc.assert(
      fc.property(
        fc.array(fc.record({ id: anyId, kind: anyKind }), { maxLength: 100 }),
        (commands) => {
          compareWithMap(new IdTable(hash), commands);
        },
      ),
      { numRuns: 50 },
    );
  }
});
