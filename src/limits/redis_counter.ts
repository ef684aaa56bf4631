import type { RateLimiterRedis } from "rate-limiter-flexible";
import type { Log } from "../log.ts";
import { within } from "../within.ts";
import { type MinuteCounter, NO_LIMIT, WINDOW_S, type WindowCount } from "./minute_counter.ts";

/** Prefix of the keys in the store. */
const KEY_PREFIX = "agent-mcp-gateway:calls";

/** Maximum time that a call waits for Redis, in milliseconds. */
const ANSWER_MS = 250;

/** Maximum time that the first call waits for the connection, in milliseconds. */
const CONNECT_MS = 1000;

/** Delay between a lost connection and the next attempt, in milliseconds. */
const RECONNECT_MS = 1000;

/** Maximum time that the shutdown waits for Redis, in milliseconds. */
const DISCONNECT_MS = 100;

/** Options of a counter in Redis. */
export interface RedisCounterOptions {
  /** URL with `redis:` or `rediss:`; may contain a password. */
  readonly url: string;
  readonly fallback: MinuteCounter;
  readonly log: Log;
}

/**
 * Opens a counter that several gateways share through Redis or Valkey. While the store does not answer in
 * time, this process counts its calls alone.
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
    // If Redis hangs, the connection is closed. Until there is a new one, no call waits for Redis.
    socketTimeout: ANSWER_MS,
    disconnectTimeout: DISCONNECT_MS,
    retryStrategy: () => RECONNECT_MS,
  });
  const limiter = new Limiter({
    storeClient: client,
    rejectIfRedisNotReady: true,
    keyPrefix: KEY_PREFIX,
    points: NO_LIMIT,
    duration: WINDOW_S,
  });
  let isUnavailable = false;
  const reportFailure = (error: unknown): void => {
    if (isUnavailable) return;
    isUnavailable = true;
    const reason = error instanceof Error ? error.message : String(error);
    const message = "Redis (GATEWAY_STATE) does not answer: this gateway counts calls for itself " +
      "until it does, and other gateways do not see them";
    log.warn(message, { reason });
  };
  const reportAnswer = (): void => {
    if (!isUnavailable) return;
    isUnavailable = false;
    log.info("Redis (GATEWAY_STATE) answers again: calls are counted there");
  };
  // Without a listener, the library writes errors to the console.
  client.on("error", reportFailure);
  await waitUntilReady(client);
  return {
    async increment(key) {
      // The library's own fallback, `insuranceLimiter`, would hide why Redis did not count.
      try {
        const answer = readAnswer(await limiter.penalty(key));
        reportAnswer();
        return answer;
      } catch (error) {
        reportFailure(error);
        return await fallback.increment(key);
      }
    },
    async close() {
      const connectionEnd = new Promise<void>((resolve) =>
        void client.once("end", () => resolve())
      );
      client.disconnect();
      // Between two connections the library only has a timer, and sends no `end` event.
      await within(connectionEnd, DISCONNECT_MS);
      await fallback.close();
    },
  };
}

/** Returns the count in Redis's answer. Throws if there is none: other programs can write to the store, too. */
function readAnswer(answer: { consumedPoints: number; msBeforeNext: number }): WindowCount {
  const { consumedPoints: count, msBeforeNext: resetMs } = answer;
  if (Number.isFinite(count) && Number.isFinite(resetMs)) return { count, resetMs };
  throw new Error("The answer is not a count");
}

/** Resolves when the client is connected, when connecting failed, or after `CONNECT_MS`. */
async function waitUntilReady(client: import("ioredis").Redis): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await new Promise<void>((resolve) => {
    client.once("ready", () => resolve());
    client.once("close", () => resolve());
    timer = setTimeout(resolve, CONNECT_MS);
  });
  clearTimeout(timer);
}
