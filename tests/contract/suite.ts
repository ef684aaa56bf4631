/**
 * The contract of every transport to downstream servers. To add a transport, write a test file that
 * calls `describeTransport`, and a connection to `scripted_server.ts`.
 */
import { describeCalls } from "./calls.ts";
import { describeEnd } from "./end.ts";
import { describeFailures } from "./failures.ts";
import { describeForwarding } from "./forwarding.ts";
import { describeLimits } from "./limits.ts";
import { describeOddLists } from "./odd_lists.ts";
import { describeQuestions } from "./questions.ts";
import type { TransportUnderTest } from "./scene.ts";
import { describeSharing } from "./sharing.ts";
import { describeStart } from "./start.ts";
import { describeTools } from "./tools.ts";

/**
 * Registers the suite for a transport.
 *
 * @param name Names the transport in the tests' names.
 * @param create Makes the transport; called once for each test.
 */
export function describeTransport(name: string, create: () => TransportUnderTest): void {
  describeStart(name, create);
  describeTools(name, create);
  describeOddLists(name, create);
  describeCalls(name, create);
  describeLimits(name, create);
  describeForwarding(name, create);
  describeQuestions(name, create);
  describeSharing(name, create);
  describeFailures(name, create);
  describeEnd(name, create);
}
