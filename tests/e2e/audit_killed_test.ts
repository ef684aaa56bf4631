import assert from "node:assert/strict";
import { executeToolParams, misbehavingServer, startGateway } from "./gateway.ts";
import { KILL_STAGES, killDuringChangingCall } from "./kill_during_change.ts";
import { waitUntil } from "./wait.ts";

const KILL_COUNT = 20;
const CONCURRENT_GATEWAYS = 4;
const CONCURRENT_CALLS = 64;

/**
 * Kills a gateway under load once the client has received a number of messages, and checks the audit log.
 *
 * @returns The number of answered calls.
 */
async function killUnderLoad(messageCount: number): Promise<number> {
  const gateway = await startGateway({ servers: { odd: misbehavingServer() } });
  const { client, program } = gateway;
  try {
    await gateway.callServerToolForText("odd", "echo");
    let isOver = false;
    const load = Array.from({ length: CONCURRENT_CALLS }, async (_, caller) => {
      for (let number = 0; !isOver; number++) {
        const params = executeToolParams("odd", "echo", { caller, number });
        await client.request("tools/call", params, `${caller}-${number}`).catch(() =>
          isOver = true
        );
      }
    });
    await waitUntil(
      "the client has received the messages",
      () => client.receivedMessages.length >= messageCount,
    );
    program.sendSignal("SIGKILL");
    await program.waitForEnd();
    await Promise.all(load);
    // The client reads to the end of the pipe, so it has received everything that the gateway sent.
    const answeredIds = client.receivedMessages.map(({ message }) => message)
      .filter(({ id, result }) => typeof id === "string" && result !== undefined)
      .map(({ id }) => id);
    const linesById = new Map(gateway.readAuditLog().map((line) => [line.request_id, line]));
    assert.deepEqual(answeredIds.filter((id) => linesById.get(id)?.decision !== "ALLOW"), []);
    return answeredIds.length;
  } finally {
    await gateway.kill();
  }
}

Deno.test(`[audit.killed] every answered call is in the audit log after a SIGKILL at each of ${KILL_COUNT} moments`, async () => {
  const rounds = Array.from({ length: KILL_COUNT }, (_, round) => round);
  const answerCounts: number[] = [];
  const killRepeatedly = async (): Promise<void> => {
    for (let round = rounds.pop(); round !== undefined; round = rounds.pop()) {
      // The moments range from the first burst of answers to long after it.
      answerCounts.push(await killUnderLoad(3 + round * round * 4));
    }
  };
  // Several gateways run at a time, because most of each round is spent waiting for the start and the end.
  await Promise.all(Array.from({ length: CONCURRENT_GATEWAYS }, killRepeatedly));
  assert.equal(answerCounts.length, KILL_COUNT);
  assert.ok(Math.max(...answerCounts) > 1000, `${answerCounts} answers`);
});

for (const stage of KILL_STAGES) {
  Deno.test(`[audit.killed] each call that reached its server is in the log after a SIGKILL when a call is ${stage}`, async () => {
    const calls = await Promise.all([
      killDuringChangingCall(stage),
      killDuringChangingCall(stage),
    ]);
    // The server is reached in the stages after these two.
    if (stage === "sent" || stage === "recorded") return;
    assert.ok(calls.every(({ receivedCount }) => receivedCount > 0));
  });
}
