import assert from "node:assert/strict";
import { CallLimits } from "../../src/limits/mod.ts";
import { createRecordingLog } from "../audit/audit_log_fixtures.ts";
import { waitUntil } from "../e2e/wait.ts";
import { findFreePort, HAS_REDIS, RedisServer } from "./redis.ts";

/** The limits and the log of one gateway. */
class GatewayLimits implements AsyncDisposable {
  readonly log = createRecordingLog();
  readonly limits: CallLimits;

  constructor(stateUrl: string) {
    this.limits = new CallLimits({ maxCalls: 100, stateStore: stateUrl, log: this.log });
  }

  /** Makes a call that ends immediately; returns whether it was admitted. */
  async call(agent: string, perMinute: number): Promise<boolean> {
    const admission = await this.limits.admit({ agent, limits: { perMinute }, unansweredCount: 1 });
    if (admission.kind === "denied") {
      assert.ok(admission.retryAfterMs > 0 && admission.retryAfterMs <= 60_000);
      return false;
    }
    admission[Symbol.dispose]();
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.limits.close();
  }
}

Deno.test("[rules.limits] without a connection to Redis, a gateway counts its own calls, and logs one warning", async () => {
  await using gateway = new GatewayLimits(`redis://:secret-word@127.0.0.1:${findFreePort()}`);
  const startMs = performance.now();
  const admissions = [];
  for (let index = 0; index < 100; index++) admissions.push(await gateway.call("a", 2));
  assert.deepEqual(admissions, [true, true, ...Array(98).fill(false)]);
  // Each call would wait for at least 250 ms.
  assert.ok(performance.now() - startMs < 20_000, "Every call waited for Redis");
  assert.deepEqual(gateway.log.messages, [
    "warn Redis (GATEWAY_STATE) does not answer: this gateway counts calls for itself until it " +
    "does, and other gateways do not see them",
  ]);
});

Deno.test({
  name: "[rules.limits] two gateways share their counts through Redis",
  ignore: !HAS_REDIS,
  fn: async () => {
    await using redis = await RedisServer.start(findFreePort());
    await using gatewayOne = new GatewayLimits(redis.url);
    await using gatewayTwo = new GatewayLimits(redis.url);
    const admissions = [];
    for (let index = 0; index < 3; index++) {
      admissions.push(await gatewayOne.call("a", 4), await gatewayTwo.call("a", 4));
    }
    assert.deepEqual(admissions, [true, true, true, true, false, false]);
    assert.equal(await gatewayOne.call("b", 4), true);
    // A restarted gateway has the previous counts.
    await using restarted = new GatewayLimits(redis.url);
    assert.equal(await restarted.call("a", 4), false);
    assert.deepEqual([gatewayOne.log.messages, gatewayTwo.log.messages], [[], []]);
  },
});

Deno.test({
  name:
    "[rules.limits] a Redis that hangs does not delay every call, and is used again after it hangs or restarts",
  ignore: !HAS_REDIS || Deno.build.os === "windows",
  fn: async () => {
    const port = findFreePort();
    await using redis = await RedisServer.start(port);
    await using gateway = new GatewayLimits(redis.url);
    assert.equal(await gateway.call("a", 100), true);

    redis.freeze();
    const startMs = performance.now();
    const admissions = [];
    for (let index = 0; index < 100; index++) admissions.push(await gateway.call("a", 10));
    // The gateway's own count of calls begins at zero.
    assert.deepEqual(admissions, [...Array(10).fill(true), ...Array(90).fill(false)]);
    assert.ok(performance.now() - startMs < 20_000, "Every call waited for Redis");
    assert.equal(gateway.log.messages.length, 1, String(gateway.log.messages));

    redis.thaw();
    await waitUntil("Redis is used again", async () => {
      await gateway.call("a", 1000);
      return gateway.log.messages.length === 2;
    });
    assert.match(gateway.log.messages[1] ?? "", /^info Redis \(GATEWAY_STATE\) answers again/);

    await redis.end();
    await waitUntil("the end of Redis is logged", async () => {
      await gateway.call("b", 1000);
      return gateway.log.messages.length === 3;
    });
    await using restarted = await RedisServer.start(port);
    assert.equal(restarted.url, redis.url);
    await waitUntil("the restarted Redis is used", async () => {
      await gateway.call("b", 1000);
      return gateway.log.messages.length === 4;
    });
  },
});
