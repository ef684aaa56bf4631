import assert from "node:assert/strict";
import { type RunningGateway } from "../../e2e/gateway.ts";
import { HttpClient } from "../../e2e/http_client.ts";
import { CpuClock } from "./cpu_clock.ts";

/** Time between the starts of two calls, in milliseconds. */
const INTERVAL_MS = 50;

/** Latencies of calls, in milliseconds. */
export interface Latencies {
  readonly calls: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /**
   * CPU time of the gateway's main thread during a call, at p99 and at most: the part of the latency that
   * other programs on the machine do not cause.
   */
  readonly busy99: number;
  readonly busyMax: number;
}

/** An agent that makes a small call every 50 ms, whether the calls before are answered or not. */
export class QuietAgent {
  /** Texts about calls without the right answer. */
  readonly wrongAnswers: string[] = [];
  readonly #client: HttpClient;
  readonly #cpuClock: CpuClock;
  readonly #latenciesMs: number[] = [];
  readonly #busyMs: number[] = [];
  readonly #calls = new Set<Promise<void>>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #count = 0;

  constructor(gateway: RunningGateway, token: string) {
    this.#client = new HttpClient(gateway, token);
    this.#cpuClock = new CpuClock(gateway.program.pid);
  }

  /** Opens a session, makes one call so that the server has started, and then a call every 50 ms. */
  async start(): Promise<void> {
    assert.equal(await this.#client.openSession(), 200);
    await this.#callOnce();
    assert.deepEqual(this.wrongAnswers, []);
    this.#latenciesMs.length = 0;
    this.#busyMs.length = 0;
    this.#timer = setInterval(() => {
      const call = this.#callOnce().finally(() => this.#calls.delete(call));
      this.#calls.add(call);
    }, INTERVAL_MS);
  }

  /** Makes no further call, and waits for the answers. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#calls);
    await this.#cpuClock[Symbol.asyncDispose]();
  }

  /** Returns the latencies of the calls that were answered since an earlier number of calls. */
  latencies(since = 0): Latencies {
    const latencies = quantiles(this.#latenciesMs.slice(since));
    const busy = quantiles(this.#busyMs.slice(since));
    const calls = this.#latenciesMs.length - since;
    return { calls, ...latencies, busy99: busy.p99, busyMax: busy.max };
  }

  async #callOnce(): Promise<void> {
    const token = `quiet-${++this.#count}`;
    const params = {
      name: "execute_tool",
      arguments: { server: "quiet", tool: "echo", args: { token } },
    };
    const startCpuMs = await this.#cpuClock.readMs();
    const startMs = performance.now();
    try {
      const response = await this.#client.sendMessage({ id: token, method: "tools/call", params });
      const text = await response.text();
      const latencyMs = performance.now() - startMs;
      this.#busyMs.push(await this.#cpuClock.readMs() - startCpuMs);
      this.#latenciesMs.push(latencyMs);
      const { id, result } = JSON.parse(text.replace(/^(?:\w*:.*\n|\n)*?data: (?=\{)/, "").trim());
      if (id !== token || result?.content?.[0]?.text !== token) this.wrongAnswers.push(text);
    } catch (error) {
      this.wrongAnswers.push(String(error));
    }
  }
}

function quantiles(values: readonly number[]): { p50: number; p99: number; max: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const quantile = (share: number) => {
    return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  };
  return { p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) };
}
