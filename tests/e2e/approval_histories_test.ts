/** Random histories of calls and decisions, with two gateways of one user, held against a count of allowances. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Mailbox } from "../../src/approvals/mod.ts";
import { readRefusal } from "./agent_session.ts";
import { ApprovalFixture } from "./approval_fixture.ts";
import { startBeside } from "./approval_gateways.ts";
import type { Fields } from "./raw_client.ts";

/** One step: calls of a tool at the same moment, or a decision of the person. */
type Step =
  | { readonly kind: "calls"; readonly call: number; readonly gateways: readonly number[] }
  | { readonly kind: "allow"; readonly call: number }
  | { readonly kind: "deny"; readonly call: number };

const anyCall = fc.nat(2);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("calls" as const),
      call: anyCall,
      gateways: fc.array(fc.nat(1), { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("allow" as const), call: anyCall }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("deny" as const), call: anyCall }) },
);

Deno.test("[approvals.once] in every history, a call runs as often as it was allowed, and never after a denial", async () => {
  await using fixture = await ApprovalFixture.start({ times: { wait_s: 0, expires_s: 600 } });
  const other = await startBeside(fixture.gateway.setup);
  const mailbox = new Mailbox(fixture.mailbox);
  let runCount = 0;
  let allowedCount = 0;
  const run = async (steps: readonly Step[]): Promise<void> => {
    const names = [0, 1, 2].map((call) => `run-${runCount}-${call}`);
    runCount++;
    const allowances = [0, 0, 0];
    const effects = [0, 0, 0];
    const isDenied = [false, false, false];
    /** Returns the entries of a call that are in a state. */
    const entriesOf = async (call: number, states: readonly string[]) => {
      const entries = mailbox.list().filter(({ state }) => states.includes(state));
      const requests = await Promise.all(entries.map((entry) => mailbox.read(entry)));
      return entries.filter((_, index) => {
        return JSON.parse(requests[index]?.args ?? "{}").id === names[call];
      });
    };
    for (const step of steps) {
      const { call } = step;
      const name = names[call] ?? "";
      if (step.kind === "allow") {
        const [entry] = await entriesOf(call, ["pending"]);
        if (entry === undefined) continue;
        assert.ok(await mailbox.allow(entry, { forSession: false }));
        allowances[call] = (allowances[call] ?? 0) + 1;
        allowedCount++;
      } else if (step.kind === "deny") {
        const [entry] = await entriesOf(call, ["pending", "allowed"]);
        if (entry === undefined) continue;
        assert.ok(await mailbox.deny(entry, { by: "shell" }));
        isDenied[call] = true;
      } else {
        const results: Fields[] = await Promise.all(step.gateways.map((gateway) => {
          return gateway === 0 ? fixture.call(name) : other.call(name);
        }));
        const ran = results.filter(({ isError }) => isError === undefined).length;
        const mayRun = isDenied[call] ? 0 : Math.min(allowances[call] ?? 0, results.length);
        assert.equal(ran, mayRun, JSON.stringify(step));
        allowances[call] = (allowances[call] ?? 0) - ran;
        effects[call] = (effects[call] ?? 0) + ran;
        for (const result of results) {
          if (result.isError !== true) continue;
          const expected = isDenied[call] ? "DENIED_BY_POLICY" : "APPROVAL_REQUIRED";
          assert.equal(readRefusal(result).code, expected);
        }
      }
      for (const [index, name] of names.entries()) {
        assert.equal(fixture.effects(name), effects[index], `effects of ${name}`);
      }
    }
    // The mailbox is bounded, and the next history has other calls. A history without calls may leave none.
    Deno.mkdirSync(fixture.mailbox, { recursive: true, mode: 0o700 });
    for (const name of Deno.readDirSync(fixture.mailbox)) {
      Deno.removeSync(`${fixture.mailbox}/${name.name}`);
    }
  };
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 25 }), run),
      { numRuns: 40 },
    );
    assert.ok(allowedCount > 40, `${allowedCount} allowances`);
  } finally {
    await other.program.closeInput();
    await other.program.waitForEnd();
  }
});
