import assert from "node:assert/strict";
import type { ClientCapabilities, InputKind } from "../../src/downstream/mod.ts";
import { clientCodec2025 } from "../../src/gateway/revisions/mod.ts";

const CASES: readonly (readonly [ClientCapabilities, readonly InputKind[]])[] = [
  [{}, []],
  [{ elicitation: {} }, ["form"]],
  [{ elicitation: { form: {} } }, ["form"]],
  [{ elicitation: { url: {} } }, ["url"]],
  [{ elicitation: { form: {}, url: {} }, roots: {} }, ["form", "url", "roots"]],
  [{ sampling: {} }, ["sampling"]],
];

Deno.test("a client is asked only for what it declares; elicitation without modes has forms", () => {
  const kinds: readonly InputKind[] = ["form", "url", "sampling", "roots"];
  for (const [capabilities, expectedKinds] of CASES) {
    const possibleKinds = kinds.filter((kind) => clientCodec2025.canAsk(capabilities, kind));
    assert.deepEqual(possibleKinds, expectedKinds, JSON.stringify(capabilities));
  }
});
