import type { RateLimiterRedis } from "rate-limiter-flexible";
import type { Log } from "../log.ts";
import { within } from "../within.ts";
import { type Count, type MinuteCounter, NO_LIMIT, WINDOW_S } from "./minute_counter.ts";

/** What keys in Redis begin with. */
const PREFIX = "agent-mcp-gateway:calls";

/** How long a call waits for Redis at most, in milliseconds. */
const ANSWER_MS = 250;

/** How long the first call waits for the connection, in milliseconds. */
const CONNECT_MS = 1000;

/** How long after a lost connection the next one is tried, in milliseconds. */
const RECONNECT_MS = 1000;

/** How long the end of the gateway waits for Redis, in milliseconds. */
const DISCONNECT_MS = 100;

/** What a counter in Redis works with. */
export interface RedisCounterOptions {
  /** Address, `redis:` or `rediss:`; may hold a password. */
  readonly url: string;
  /** Counts while Redis does not. */
  readonly fallback: MinuteCounter;
  /** Told when Redis fails, and when it is back. */
  readonly log: Log;
}

/**
 * Opens a counter that several gateways share through Redis or Valkey. Whenever that does not answer
 * at once, this process counts for itself: no call waits for it, and none goes uncounted.
 */
export async function openRedisCounter(options: RedisCounterOptions): Promise<MinuteCounter> {
  const { url, fallback, log } = options;
  const [{ Redis }, { default: Limiter }] = await Promise.all([
    import("ioredis"),
    import("rate-limiter-flexible/lib/RateLimiterRedis.js") as Promise<{
      default: typeof RateLimiterRedis;
    }>,
  ]);
  const client = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 5000,
    commandTimeout: ANSWER_MS,
    // A Redis that hangs loses its connection: until there is a new one, no call waits for it.
    socketTimeout: ANSWER_MS,
    disconnectTimeout: DISCONNECT_MS,
    retryStrategy: () => RECONNECT_MS,
  });
  const limiter = new Limiter({
    storeClient: client,
    rejectIfRedisNotReady: true,
    keyPrefix: PREFIX,
    points: NO_LIMIT,
    duration: WINDOW_S,
  });
  let isOut = false;
  const noteFailure = (error: unknown): void => {
    if (isOut) return;
    isOut = true;
    const reason = error instanceof Error ? error.message : String(error);
    const message = "Redis (GATEWAY_STATE) does not answer: this gateway counts calls for itself " +
      "until it does, and other gateways do not see them";
    log.warn(message, { reason });
  };
  const noteAnswer = (): void => {
    if (!isOut) return;
    isOut = false;
    log.info("Redis (GATEWAY_STATE) answers again: calls are counted there");
  };
  // Without a listener the library writes to the console.
  client.on("error", noteFailure);
  await untilReady(client);
  return {
    async count(key) {
      // Not the limiter's `insuranceLimiter`: that hides why Redis did not count.
      try {
        const answer = readAnswer(await limiter.penalty(key));
        noteAnswer();
        return answer;
      } catch (error) {
        noteFailure(error);
        return await fallback.count(key);
      }
    },
    async close() {
      const ended = new Promise<void>((resolve) => void client.once("end", () => resolve()));
      client.disconnect();
      // Between two connections there is no end to wait for, but a timer of the library.
      await within(ended, DISCONNECT_MS);
      await fallback.close();
    },
  };
}

/** What is read from a store that others write to is not taken for a count unseen. */
function readAnswer(answer: { consumedPoints: number; msBeforeNext: number }): Count {
  const { consumedPoints: count, msBeforeNext: resetMs } = answer;
  if (Number.isFinite(count) && Number.isFinite(resetMs)) return { count, resetMs };
  throw new Error("The answer is no count");
}

/** Resolves when the client is connected, or when waiting for it would hold up a call. */
async function untilReady(client: import("ioredis").Redis): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await new Promise<void>((resolve) => {
    client.once("ready", () => resolve());
    client.once("close", () => resolve());
    timer = setTimeout(resolve, CONNECT_MS);
  });
  clearTimeout(timer);
}
