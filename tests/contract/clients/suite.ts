/**
 * The contract of every transport for clients. To add one, describe it as a `ClientTransport`, and write
 * a test file that calls `describeClientTransport`.
 */
import assert from "node:assert/strict";
import { checkCalls, checkProgress } from "./calls.ts";
import type { ClientTransport, OpenTransport } from "./transport.ts";
import { checkForwarding, checkQuestions } from "./forwarding.ts";
import { checkHandshake, checkMessages } from "./messages.ts";

/** Runs a test of the suite, unless it is a deviation of the transport. */
export type Check = (title: string, test: () => Promise<void>) => Promise<void>;

/** Tests that share a gateway, and connect clients to it. */
type Part = (transport: OpenTransport, check: Check) => Promise<void>;

const PARTS: readonly Part[] = [
  checkHandshake,
  checkMessages,
  checkCalls,
  checkProgress,
  checkForwarding,
  checkQuestions,
];

/** Registers the suite for a transport. */
export function describeClientTransport(transport: ClientTransport): void {
  Deno.test(`a client over ${transport.name}`, async (t) => {
    const deviations = new Set(Object.keys(transport.deviations));
    await using opened = await transport.start();
    const check: Check = async (title, test) => {
      if (!deviations.delete(title)) await t.step(title, test);
    };
    for (const part of PARTS) await part(opened, check);
    assert.deepEqual([...deviations], [], "Deviations without a test");
  });
}
