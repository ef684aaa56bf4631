import assert from "node:assert/strict";
import {
  faultServer,
  HAS_NO_SHELL,
  newMark,
  type StdioEntry,
  waitUntilGone,
} from "./fault_processes.ts";
import { executeToolParams, startGateway } from "./gateway.ts";

const GOOD_COUNT = 25;

/** Number of calls of each good server. */
const ROUNDS = 4;

/** Makes entries of `mcpServers` named `prefix-0`, `prefix-1` and so on. */
function makeEntries(
  prefix: string,
  count: number,
  entry: () => StdioEntry,
): Record<string, StdioEntry> {
  const names = Array.from({ length: count }, (_, number) => `${prefix}-${number}`);
  return Object.fromEntries(names.map((name) => [name, entry()]));
}

Deno.test({
  name: "[faults.crowd] 25 failing servers delay neither the handshake nor 25 good servers",
  ignore: HAS_NO_SHELL,
  fn: async () => {
    const mark = newMark();
    // The client waits for less time than these servers have to start.
    const options = { connect_timeout_ms: 600_000, call_timeout_ms: 600_000 };
    const mute = makeEntries(
      "mute",
      10,
      () => ({ ...faultServer(mark, "mute"), gateway: options }),
    );
    const failing = {
      ...mute,
      ...makeEntries("dying", 10, () => faultServer(mark, "dying")),
      ...makeEntries("shouting", 5, () => faultServer(mark, "shouting")),
    };
    const good = makeEntries("good", GOOD_COUNT, () => faultServer(mark));
    await using gateway = await startGateway({ servers: { ...failing, ...good } });
    const answered: string[] = [];
    const failingCalls = Object.keys(failing).map(async (name) => {
      await gateway.client.request("tools/call", executeToolParams(name, "wait"), name)
        .then(() => answered.push(name), () => {});
    });
    for (let round = 0; round < ROUNDS; round++) {
      const token = `round ${round}`;
      const answers = Object.keys(good).map((name) => {
        return gateway.callServerToolForText(name, "echo", { token });
      });
      assert.deepEqual(await Promise.all(answers), Array(GOOD_COUNT).fill(token));
    }
    assert.deepEqual(answered.filter((name) => name in mute), [], "these servers still start");
    await gateway.end();
    await Promise.all(failingCalls);
    await waitUntilGone([], mark, 10_000);
  },
});
