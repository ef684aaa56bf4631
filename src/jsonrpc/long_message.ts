import type { Budget } from "../budget.ts";
import { LONG_BYTES, longWork, partyOf } from "../long_work.ts";
import type { Message } from "./message.ts";
import { parseMeasured, parseMessage, readDroppedText, type ReceivedText } from "./parse.ts";
import { measureParseCost } from "./parse_cost.ts";

/** Options of parsing and handling a message. */
export interface HandlingOptions<T> {
  /** The sender's budget, which the message counts against until it is handled; `undefined` for no limit. */
  readonly memory: Budget | undefined;
  /** Handles the message; one that was dropped is an `InvalidMessage`. */
  readonly handle: (message: Message) => T;
}

/**
 * Parses a message and handles it. If the message is long, measuring, parsing and handling it are steps of long work.
 *
 * @param received The message. The caller should not keep a reference, so that the text can be freed early.
 * @returns The result of `handle`; a promise of it if the message is long.
 */
export function parseAndHandle<T>(
  received: ReceivedText,
  options: HandlingOptions<T>,
): T | Promise<T> {
  if (received.bytes >= LONG_BYTES) return parseInSteps(received, options);
  return options.handle(parseMessage(received.text, received.bytes));
}

async function parseInSteps<T>(
  { text, bytes }: ReceivedText,
  { memory, handle }: HandlingOptions<T>,
): Promise<T> {
  const party = partyOf(memory);
  memory?.add(bytes);
  const cost = await longWork.run(party, () => measureParseCost(text, text.length === bytes));
  memory?.add(-bytes);
  if (cost.isTooComplex) return handle(readDroppedText({ text, bytes }, "too-complex"));
  // The text is in memory already, so a message may exceed the budget, but only one at a time.
  if (memory?.hasRoom(0) === false) return handle(readDroppedText({ text, bytes }, "no-room"));
  memory?.add(cost.memory);
  const message = await longWork.run(
    party,
    () => parseMeasured({ text, bytes, memory: cost.memory }),
  );
  return longWork.run(party, () => {
    memory?.add(-cost.memory);
    return handle(message);
  });
}
