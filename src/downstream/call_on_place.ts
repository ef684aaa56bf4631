import { callOnSession, type RunningCall } from "./call_on_session.ts";
import type { CallAnswer } from "./caller.ts";
import type { Tool } from "./catalog.ts";
import type { Listings } from "./listings.ts";
import type { Place } from "./pool.ts";
import { untilAborted } from "./within.ts";

/** What is called, for whom, and until when; the tool is still to be found. */
export interface WantedCall extends Omit<RunningCall, "tool"> {
  /** The server's lists of tools. */
  readonly listings: Listings;
  /** Which of them is the caller's. */
  readonly listKey: string;
  /** The tool is called from here on, and not only looked for. */
  readonly onCall: (tool: Tool) => void;
}

/**
 * Looks for a tool, waits in line, and calls it on a session that may still be connecting.
 *
 * @param place The session.
 * @param wanted The call.
 */
export async function callOnPlace(
  { session, line }: Place,
  { listings, listKey, onCall, ...running }: WantedCall,
): Promise<CallAnswer> {
  const { call, caller, clock: { signal } } = running;
  // Not through listTools: with a session for each call that would start another one.
  let catalog = await listings.known(listKey, signal) ??
    await untilAborted(listings.ask(session, listKey), signal);
  if (catalog.get(call.tool) === undefined) {
    catalog = await untilAborted(listings.ask(session, listKey, true), signal);
  }
  const tool = catalog.get(call.tool);
  if (tool === undefined) return { kind: "no-such-tool", catalog };
  const queue = call.span.child("queue");
  try {
    await line.enter(caller.agent, signal);
  } finally {
    queue.end();
  }
  try {
    // The list may be known while this session still connects, and may do so for long.
    if (session.state === "connecting") await untilAborted(session.ready(), signal);
    onCall(tool);
    const started = performance.now();
    const reply = await callOnSession(session, { ...running, tool });
    return { kind: "answer", reply, tool, downstreamMs: performance.now() - started };
  } finally {
    line.leave();
  }
}
