/**
 * The contract of every transport for clients. To test a new transport, implement `ClientTransport`,
 * and call `describeClientTransport` in a test file.
 */
import assert from "node:assert/strict";
import { checkCalls, checkProgress } from "./calls.ts";
import { checkChanges, checkSubscriptions } from "./changes.ts";
import { checkDirectTools, DIRECT_SERVERS } from "./direct_tools.ts";
import { checkPrompts } from "./prompts.ts";
import { checkLists, checkReads } from "./resources.ts";
import {
  type ClientTransport,
  OFFERING_SERVERS,
  type OpenTransport,
  SERVERS,
} from "./transport.ts";
import { withoutSessions } from "./stateless_transport.ts";
import { checkForwarding, checkRequestsDuringCalls } from "./forwarding.ts";
import { checkHandshake, checkMessages } from "./messages.ts";

/** Runs a test of the suite, unless its title is among the transport's deviations. */
export type Check = (title: string, test: () => Promise<void>) => Promise<void>;

/** A group of tests that share a gateway and connect clients to it. */
type TestGroup = (transport: OpenTransport, check: Check) => Promise<void>;

const TEST_GROUPS: readonly TestGroup[] = [
  checkHandshake,
  checkMessages,
  checkCalls,
  checkProgress,
  checkForwarding,
  checkRequestsDuringCalls,
];

/** Groups of tests of the resources and prompts of `OFFERING_SERVERS`. */
const OFFERED_GROUPS: readonly TestGroup[] = [
  checkLists,
  checkReads,
  checkPrompts,
  checkSubscriptions,
  checkChanges,
];

/** Registers the tests of a transport for clients of revision 2026-07-28, which have no sessions. */
export function describeStatelessTransport(
  earlier: ClientTransport,
  furtherDeviations?: ClientTransport["deviations"],
): void {
  const transport = withoutSessions(earlier, furtherDeviations);
  const deviations = new Set(Object.keys(transport.deviations));
  const check = (t: Deno.TestContext): Check => async (title, test) => {
    if (!deviations.delete(title)) await t.step(title, test);
  };
  Deno.test(`a client over ${transport.name}`, async (t) => {
    await using opened = await transport.start(SERVERS);
    for (const runGroup of [checkCalls, checkProgress]) await runGroup(opened, check(t));
  });
  Deno.test(`resources and prompts over ${transport.name}`, async (t) => {
    await using opened = await transport.start(OFFERING_SERVERS);
    for (const runGroup of [checkLists, checkReads, checkPrompts]) await runGroup(opened, check(t));
  });
  Deno.test(`tools shown directly over ${transport.name}`, async (t) => {
    await using opened = await transport.start(DIRECT_SERVERS);
    await checkDirectTools(opened, check(t));
    assert.deepEqual([...deviations], [], "No test has the title of these deviations");
  });
}

/** Registers the tests of a transport. */
export function describeClientTransport(transport: ClientTransport): void {
  Deno.test(`a client over ${transport.name}`, async (t) => {
    const deviations = new Set(Object.keys(transport.deviations));
    await using opened = await transport.start(SERVERS);
    const check: Check = async (title, test) => {
      if (!deviations.delete(title)) await t.step(title, test);
    };
    for (const runGroup of TEST_GROUPS) await runGroup(opened, check);
    assert.deepEqual([...deviations], [], "No test has the title of these deviations");
  });
  Deno.test(`resources and prompts over ${transport.name}`, async (t) => {
    await using opened = await transport.start(OFFERING_SERVERS);
    const check: Check = async (title, test) => void await t.step(title, test);
    for (const runGroup of OFFERED_GROUPS) await runGroup(opened, check);
  });
  Deno.test(`tools shown directly over ${transport.name}`, async (t) => {
    await using opened = await transport.start(DIRECT_SERVERS);
    await checkDirectTools(opened, async (title, test) => void await t.step(title, test));
  });
}
