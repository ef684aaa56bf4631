/**
 * The contract of every transport to downstream servers. To test a new transport, implement
 * `TransportUnderTest`, and call `describeTransport` in a test file.
 */
import { describeCalls } from "./calls.ts";
import { describeClosing } from "./closing.ts";
import { describeFailures } from "./failures.ts";
import { describeForwarding } from "./forwarding.ts";
import { describeTimeouts } from "./timeouts.ts";
import { describeItemLists } from "./item_lists.ts";
import { describeItemRequests } from "./item_requests.ts";
import { describeSubscriptions } from "./subscriptions.ts";
import { describeInvalidToolLists } from "./invalid_tool_lists.ts";
import { describeRequestsDuringCalls } from "./requests_during_calls.ts";
import type { TransportUnderTest } from "./downstream_fixture.ts";
import { describeSessionSharing } from "./session_sharing.ts";
import { describeStart } from "./start.ts";
import { describeToolLists } from "./tool_lists.ts";

/**
 * Registers the tests of a transport.
 *
 * @param name The transport's name in the titles of the tests.
 * @param create Creates the transport; each test calls it once.
 */
export function describeTransport(name: string, create: () => TransportUnderTest): void {
  describeStart(name, create);
  describeToolLists(name, create);
  describeInvalidToolLists(name, create);
  describeItemLists(name, create);
  describeItemRequests(name, create);
  describeSubscriptions(name, create);
  describeCalls(name, create);
  describeTimeouts(name, create);
  describeForwarding(name, create);
  describeRequestsDuringCalls(name, create);
  describeSessionSharing(name, create);
  describeFailures(name, create);
  describeClosing(name, create);
}
