/**
 * Attacks the gateway with all hostile agents at once, for a limited time. The arguments are the URL of the gateway,
 * the seconds, and the names of the attacks. At the end it prints the counts of the answers by attack, as JSON.
 */
import { ATTACKS } from "./attacks.ts";
import { RawAgent, sleep } from "./raw_agent.ts";

const [url = "", seconds = "", ...names] = Deno.args;
const deadlineMs = performance.now() + Number(seconds) * 1000;
const counts: Record<string, Record<string, number>> = {};

async function repeat(name: string): Promise<void> {
  const attack = ATTACKS[name];
  if (attack === undefined) throw new Error(`There is no attack "${name}"`);
  const { workers, pauseMs, revision = "2025-11-25" } = attack;
  const token = name === "bad_logins" ? "amg_wrong" : `amg_${name}`;
  const agent = new RawAgent(url, { token, revision });
  counts[name] = agent.counts;
  let repetition = 0;
  await Promise.all(Array.from({ length: workers }, async () => {
    while (performance.now() < deadlineMs) {
      await attack.run(agent, repetition++);
      await sleep(pauseMs);
    }
  }));
}

// Requests that are still open at the end, and sockets that the gateway holds, end with the process.
const timeUp = sleep(deadlineMs - performance.now());
await Promise.race([timeUp, Promise.all(names.map(repeat))]);
await timeUp;
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(counts)));
Deno.exit(0);
