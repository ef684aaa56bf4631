import assert from "node:assert/strict";
import { type ParkedOperation, ParkedOperations } from "../../../src/gateway/stateless/parked.ts";
import { createRecordingLog } from "../../audit/audit_log_fixtures.ts";

function createOperation(principal: string, parkedAt: number | undefined = performance.now()) {
  const reasons: string[] = [];
  return { principal, parkedAt, reasons, cancel: (reason: string) => void reasons.push(reason) };
}

Deno.test("[interaction.bounds] operations are found by handles that cannot be guessed, and make room when they are removed", () => {
  const log = createRecordingLog();
  const parked = new ParkedOperations<ParkedOperation>({ log });
  const add = (principal: string) => parked.add(createOperation(principal));
  const handles = Array.from({ length: 8 }, () => add("a"));
  assert.equal(new Set(handles).size, 8);
  assert.ok(handles.every((handle) => /^[\w-]{22}$/.test(handle ?? "")));
  assert.equal(add("a"), undefined);
  for (let client = 0; client < 7; client++) {
    for (let count = 0; count < 8; count++) assert.ok(add(`client ${client}`) !== undefined);
  }
  assert.equal(parked.size, 64);
  assert.equal(add("last"), undefined);
  const [first = ""] = handles;
  parked.remove(first);
  parked.remove(first);
  assert.equal(parked.find(first), undefined);
  assert.ok(add("last") !== undefined);
  assert.equal(add("a"), undefined);
  assert.ok(log.messages.every((message) => message.includes("too many calls wait")));
});

Deno.test("[interaction.once] a state can be used once, and counts as used if no more can be remembered", () => {
  const parked = new ParkedOperations({ maxUsedStates: 3, log: createRecordingLog() });
  const later = Date.now() + 60_000;
  const use = (token: string, client = token) => parked.use(token, { client, expiresAt: later });
  assert.deepEqual(["x", "x", "y"].map((token) => use(token)), [true, false, true]);
  assert.ok(use("z"));
  assert.equal(use("w"), false);
  const short = new ParkedOperations({ maxUsedStates: 2, log: createRecordingLog() });
  const expiresAt = Date.now() - 1;
  assert.ok(short.use("x", { client: "a", expiresAt }));
  assert.ok(short.use("y", { client: "a", expiresAt }));
  assert.ok(short.use("z", { client: "a", expiresAt: later }));
  assert.equal(short.usedCount, 1);
});

Deno.test("[interaction.bounds] the used states of one client leave room for those of others", () => {
  const parked = new ParkedOperations({ maxUsedStates: 100, log: createRecordingLog() });
  const expiresAt = Date.now() + 60_000;
  const use = (token: string, client: string) => parked.use(token, { client, expiresAt });
  const tokens = Array.from({ length: 200 }, (_, index) => String(index));
  const usedCount = tokens.filter((token) => use(`a ${token}`, "a")).length;
  assert.ok(usedCount >= 70 && usedCount < 80, String(usedCount));
  assert.ok(use("b", "b"));
});

Deno.test("[interaction.ends] only parked operations are cancelled, and a closed gateway parks none", () => {
  const parked = new ParkedOperations<ParkedOperation>({ log: createRecordingLog() });
  const operations = [
    createOperation("a"),
    { ...createOperation("a"), parkedAt: undefined },
    createOperation("b"),
  ];
  for (const operation of operations) parked.add(operation);
  parked.cancelAll("gone", (principal) => principal === "a");
  assert.deepEqual(operations.map(({ reasons }) => reasons), [["gone"], [], []]);
  assert.ok(parked.some((principal) => principal === "b"));
  parked.close("end");
  assert.deepEqual(operations.map(({ reasons }) => reasons), [["gone", "end"], [], ["end"]]);
  assert.equal(parked.add(createOperation("c")), undefined);
});

Deno.test("[interaction.bounds] the oldest question that a client has left makes room for another one of the same client and agent", () => {
  const log = createRecordingLog();
  const parked = new ParkedOperations<ParkedOperation>({
    maxOfClient: 3,
    minParkedMs: 1000,
    log,
  });
  const now = performance.now();
  const left = createOperation("a", now - 2000);
  const older = createOperation("a", now - 3000);
  const running = { ...createOperation("a"), parkedAt: undefined };
  const others = createOperation("b", now - 9000);
  for (const operation of [others, left, older, running]) {
    assert.ok(parked.add(operation) !== undefined);
  }
  assert.ok(parked.add(createOperation("a")) !== undefined);
  assert.deepEqual([left.reasons.length, older.reasons.length], [0, 1]);
  assert.ok(parked.add(createOperation("a")) !== undefined);
  assert.equal(left.reasons.length, 1);
  // The others have not waited for long, or do not wait.
  assert.equal(parked.add(createOperation("a")), undefined);
  assert.deepEqual([running.reasons, others.reasons, parked.size], [[], [], 4]);
});
