import assert from "node:assert/strict";
import { Budget } from "../../../src/budget.ts";
import { Interactions } from "../../../src/gateway/stateless/interactions.ts";
import type { InteractiveCall } from "../../../src/gateway/stateless/interactive_call.ts";
import { loadClientCodec2026 } from "../../../src/gateway/revisions/mod.ts";
import { Cancellation, type IncomingRequest } from "../../../src/jsonrpc/mod.ts";
import { Metrics } from "../../../src/metrics/mod.ts";
import { createRecordingLog } from "../../audit/audit_log_fixtures.ts";

Deno.test("[interaction.sealed] the longest state of a server is sealed whatever the name of the client is", async () => {
  const codec = await loadClientCodec2026();
  const interactions = new Interactions({
    settings: { stateTtlS: 60 },
    version: "1",
    metrics: new Metrics(),
    log: createRecordingLog(),
  });
  const outcome = {
    kind: "input-required",
    server: "s",
    input: { requests: {}, state: "x".repeat(60 * 1024 - 2) },
    beginsAnew: false,
    hasBegun: false,
    downstreamMs: 0,
  } as const;
  const request = {
    id: "1",
    method: "tools/call",
    params: { name: "t" },
    memory: 100,
    paramText: () => undefined,
  } as unknown as IncomingRequest;
  const signal = new Cancellation();
  const call = {
    request,
    // Quotes take more and more characters, as JSON in JSON.
    client: '"'.repeat(30_000),
    connectionId: "c",
    memory: new Budget(Infinity),
    codec,
    attached: {
      id: "1",
      capabilities: {},
      logLevel: undefined,
      signal,
      notifyProgress: () => {},
      notifyLog: () => {},
    },
    decode: () => ({ claimedAgent: "a" }),
    run: () => Promise.resolve({ kind: "unsealed", outcome }),
    decideAgain: () => Promise.resolve(undefined),
  } as unknown as InteractiveCall;
  const answer = await interactions.answer(call);
  assert.ok(answer.kind === "result");
  assert.match(JSON.stringify(answer.result), /input_required/);
});
