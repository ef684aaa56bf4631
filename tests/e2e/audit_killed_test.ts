import assert from "node:assert/strict";
import { executeToolParams, oddServer, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

const KILL_COUNT = 20;
const IN_FLIGHT = 64;

/** Kills a gateway under load after a number of answers, and returns the number received. */
async function killUnderLoad(answers: number): Promise<number> {
  const gateway = await startGateway({ servers: { odd: oddServer() } });
  const { client, program } = gateway;
  try {
    await gateway.callServerToolForText("odd", "echo");
    let isOver = false;
    const load = Array.from({ length: IN_FLIGHT }, async (_, lane) => {
      for (let number = 0; !isOver; number++) {
        const params = executeToolParams("odd", "echo", { lane, number });
        await client.request("tools/call", params, `${lane}-${number}`).catch(() => isOver = true);
      }
    });
    await waitUntil("the answers are there", () => client.receivedMessages.length >= answers);
    program.sendSignal("SIGKILL");
    await program.waitForEnd();
    await Promise.all(load);
    // The client reads to the end of the pipe, so it has received everything that the gateway sent.
    const answered = client.receivedMessages.map(({ message }) => message)
      .filter(({ id, result }) => typeof id === "string" && result !== undefined)
      .map(({ id }) => id);
    const lines = new Map(gateway.readAuditLog().map((line) => [line.request_id, line]));
    assert.deepEqual(answered.filter((id) => lines.get(id)?.decision !== "ALLOW"), []);
    return answered.length;
  } finally {
    await gateway.kill();
  }
}

Deno.test(`[audit.killed] answered calls are in the log after SIGKILL at ${KILL_COUNT} moments`, async () => {
  const rounds = Array.from({ length: KILL_COUNT }, (_, round) => round);
  const answered: number[] = [];
  const killOnAndOn = async (): Promise<void> => {
    for (let round = rounds.pop(); round !== undefined; round = rounds.pop()) {
      // Moments in the first burst, and long after it.
      answered.push(await killUnderLoad(3 + round * round * 4));
    }
  };
  // Several gateways at a time: most of each round is the start, and the wait for the watchdog.
  await Promise.all(Array.from({ length: 4 }, killOnAndOn));
  assert.equal(answered.length, KILL_COUNT);
  assert.ok(Math.max(...answered) > 1000, `${answered} answers`);
});
