import assert from "node:assert/strict";
import { executeToolParams, misbehavingServer, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

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

/**
 * Kills gateways at moments that range from the first burst of answers to long after it, and checks that their audit
 * logs have every answered call.
 *
 * @param killCount Number of kills.
 */
export async function killAtMoments(killCount: number): Promise<void> {
  const rounds = Array.from({ length: killCount }, (_, round) => round);
  const answerCounts: number[] = [];
  const killRepeatedly = async (): Promise<void> => {
    for (let round = rounds.pop(); round !== undefined; round = rounds.pop()) {
      const moment = round / killCount;
      answerCounts.push(await killUnderLoad(3 + Math.round(1600 * moment * moment)));
    }
  };
  // Several gateways run at a time, because most of each round is spent waiting for the start and the end.
  await Promise.all(Array.from({ length: CONCURRENT_GATEWAYS }, killRepeatedly));
  assert.equal(answerCounts.length, killCount);
  assert.ok(Math.max(...answerCounts) > 1000, `${answerCounts} answers`);
}
