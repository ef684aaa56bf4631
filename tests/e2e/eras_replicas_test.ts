import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { findFreePort, HAS_REDIS, RedisServer } from "../limits/redis.ts";
import { answerQuestion, type Question, StatelessClient } from "./eras_clients.ts";
import { describeStdioServer, type EraServer, readEffects } from "./eras_servers.ts";
import {
  executeToolParams,
  type Fields,
  type GatewayOptions,
  type RunningGateway,
  startGateway,
  waitForListeningUrl,
} from "./gateway.ts";
import { Program } from "./program.ts";
import { machineEnvironment } from "./setup.ts";

const PROXY = fileURLToPath(new URL("../../scripts/round_robin.mjs", import.meta.url));

/** Two gateways that share a key, behind a proxy that sends each request to the next one. */
class Replicas implements AsyncDisposable {
  readonly gateways: readonly RunningGateway[];
  readonly servers: readonly EraServer[];
  readonly #folder: string;
  readonly #proxy: Program;
  readonly #url: string;

  private constructor(
    folder: string,
    given: Pick<Replicas, "gateways" | "servers"> & { proxy: Program; url: string },
  ) {
    this.#folder = folder;
    this.gateways = given.gateways;
    this.servers = given.servers;
    this.#proxy = given.proxy;
    this.#url = given.url;
  }

  static async start({ env = {}, ...options }: GatewayOptions = {}): Promise<Replicas> {
    const folder = Deno.makeTempDirSync();
    const servers = (["earlier", "stateless"] as const).map((era) => {
      return describeStdioServer(era, folder);
    });
    const startReplica = () => {
      return startGateway({
        transport: "http",
        initialize: false,
        args: ["--agent", "tester"],
        servers: Object.fromEntries(servers.map(({ name, entry }) => [name, entry])),
        env: { GATEWAY_STATE_KEY: "replicas-have-this-key-in-common-000000", ...env },
        ...options,
      });
    };
    const gateways = await Promise.all([startReplica(), startReplica()]);
    const proxy = new Program({
      command: "node",
      args: [PROXY, "0", ...gateways.map(({ url }) => url)],
      cwd: folder,
      env: machineEnvironment(),
    });
    const url = await waitForListeningUrl(proxy);
    return new Replicas(folder, { gateways, servers, proxy, url });
  }

  /** A client of the proxy. */
  get client(): StatelessClient {
    return StatelessClient.connect({ url: this.#url });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#proxy.sendSignal("SIGTERM");
    await this.#proxy.waitForEnd();
    for (const gateway of this.gateways) await gateway.end();
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

/** Returns the next request of a call, with answers to all questions of its result. */
function createRetry(params: Fields, result: Fields | undefined): Fields {
  assert.equal(result?.resultType, "input_required");
  const questions = Object.entries(result.inputRequests as Record<string, Question>);
  const inputResponses = Object.fromEntries(
    questions.map(([key, question]) => [key, answerQuestion(question)]),
  );
  return { ...params, inputResponses, requestState: result.requestState };
}

const effects = (id: string) => [`effect form before ${id}`, `effect form after ${id}`];

Deno.test("[eras.replicas] replicas behind a balancer serve clients without sessions", async (t) => {
  await using replicas = await Replicas.start();
  const { client, servers: [earlier, stateless] } = replicas;
  assert.ok(earlier && stateless);

  await t.step("[eras.replicas] every request is answered by either replica", async () => {
    for (let count = 0; count < 4; count++) {
      const { message: { result } } = await client.send("server/discover", {});
      assert.equal(result?.resultType, "complete");
      const id = `plain-${count}`;
      await client.send("tools/list", {});
      await client.send("tools/call", executeToolParams(earlier.name, "plain", { id }));
      assert.deepEqual(readEffects(earlier, id), [`effect plain ${id}`]);
    }
    for (const gateway of replicas.gateways) {
      assert.ok(gateway.readAuditLog().some(({ tool }) => tool === "plain"));
    }
  });

  await t.step("[eras.replicas] a relayed call continues on the other replica", async () => {
    const params = executeToolParams(stateless.name, "form", { id: "relayed" });
    const first = await client.send("tools/call", params);
    const second = await client.send("tools/call", createRetry(params, first.message.result));
    assert.equal(second.message.result?.resultType, "complete", JSON.stringify(second.message));
    assert.deepEqual(readEffects(stateless, "relayed"), effects("relayed"));
  });

  await t.step(
    "[eras.replicas] a parked call is refused by the other replica, and continues on its own",
    async () => {
      const params = executeToolParams(earlier.name, "form", { id: "parked" });
      const first = await client.send("tools/call", params);
      const retry = createRetry(params, first.message.result);
      const { message: { error } } = await client.send("tools/call", retry);
      assert.equal(error?.code, -32602);
      assert.match(String(error?.message), /replica/);
      assert.deepEqual(readEffects(earlier, "parked"), ["effect form before parked"]);
      const third = await client.send("tools/call", retry);
      assert.equal(third.message.result?.resultType, "complete", JSON.stringify(third.message));
      assert.deepEqual(readEffects(earlier, "parked"), effects("parked"));
    },
  );
});

Deno.test({
  name:
    "[eras.replicas][eras.counts-once] replicas with one Redis count a call with questions once",
  ignore: !HAS_REDIS,
  async fn() {
    await using redis = await RedisServer.start(findFreePort());
    await using replicas = await Replicas.start({
      env: { GATEWAY_STATE: redis.url },
      rules: { agents: { tester: { allow: { servers: ["*"] }, limits: { per_minute: 3 } } } },
    });
    const { client, servers: [, stateless] } = replicas;
    assert.ok(stateless);
    const params = executeToolParams(stateless.name, "rounds", { id: "counted", count: 4 });
    const { message } = await client.send("tools/call", params);
    let result = message.result;
    for (let round = 0; round < 4; round++) {
      const answered = await client.send("tools/call", createRetry(params, result));
      assert.equal(answered.message.error, undefined);
      result = answered.message.result;
    }
    assert.equal(result?.resultType, "complete");
    const listServers = { name: "list_servers", arguments: {} };
    for (const isRefused of [false, false, true]) {
      const { message } = await client.send("tools/call", listServers);
      assert.equal(/RATE_LIMITED|-32005/.test(JSON.stringify(message)), isRefused);
    }
  },
});
