import type { RateLimiterRedis } from "rate-limiter-flexible";
import type { Log } from "../log.ts";
import { type Count, type MinuteCounter, NO_LIMIT, WINDOW_S } from "./minute_counter.ts";

/** What keys in Redis begin with. */
const PREFIX = "agent-mcp-gateway:calls";

/** How long a call waits for Redis at most, in milliseconds. */
const ANSWER_MS = 250;

/** How long the first call waits for the connection, in milliseconds. */
const CONNECT_MS = 1000;

/** How long Redis is left alone when it did not answer, in milliseconds. */
const REST_MS = 1000;

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
    // The end of the gateway must not wait for a Redis that hangs.
    disconnectTimeout: 100,
    // It is the calls that connect anew: without any, nobody needs a connection.
    retryStrategy: () => null,
  });
  const limiter = new Limiter({
    storeClient: client,
    rejectIfRedisNotReady: true,
    keyPrefix: PREFIX,
    points: NO_LIMIT,
    duration: WINDOW_S,
  });
  const outage = new Outage(log);
  // Without a listener the library writes to the console.
  client.on("error", (error: unknown) => outage.begin(error));
  await ready(client);
  return {
    async count(key) {
      if (!outage.isResting()) {
        try {
          // Not waited for: this call is counted here. Should it fail, the listener is told.
          if (client.status === "end") client.connect().catch(() => {});
          const answer = readAnswer(await limiter.penalty(key));
          outage.end();
          return answer;
        } catch (error) {
          outage.begin(error);
        }
      }
      return await fallback.count(key);
    },
    async close() {
      const ended = new Promise<void>((resolve) => void client.once("end", () => resolve()));
      if (client.status !== "end") {
        client.disconnect();
        await ended;
      }
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

/** Tells each outage once, and leaves Redis alone for a while after a failure. */
class Outage {
  readonly #log: Log;
  #restUntil = 0;
  #isTold = false;

  constructor(log: Log) {
    this.#log = log;
  }

  isResting(): boolean {
    return performance.now() < this.#restUntil;
  }

  begin(error: unknown): void {
    this.#restUntil = performance.now() + REST_MS;
    if (this.#isTold) return;
    this.#isTold = true;
    const reason = error instanceof Error ? error.message : String(error);
    const message = "Redis (GATEWAY_STATE) does not answer: this gateway counts calls for itself " +
      "until it does, and other gateways do not see them";
    this.#log.warn(message, { reason });
  }

  end(): void {
    if (!this.#isTold) return;
    this.#isTold = false;
    this.#log.info("Redis (GATEWAY_STATE) answers again: calls are counted there");
  }
}

/** Resolves when the client is connected, or when waiting for it would hold up a call. */
async function ready(client: import("ioredis").Redis): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await new Promise<void>((resolve) => {
    client.once("ready", () => resolve());
    client.once("close", () => resolve());
    timer = setTimeout(resolve, CONNECT_MS);
  });
  clearTimeout(timer);
}
