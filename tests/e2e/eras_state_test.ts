import assert from "node:assert/strict";
import { sha256 } from "../gateway/http/authenticator_fixture.ts";
import { answerQuestion, type Exchange, type Question, StatelessClient } from "./eras_clients.ts";
import { describeStdioServer, type EraServer, readEffects } from "./eras_servers.ts";
import {
  executeToolParams,
  type Fields,
  type GatewayOptions,
  readRefusal,
  type RunningGateway,
  startGateway,
} from "./gateway.ts";
import { waitUntil } from "./wait.ts";

const TOKENS = ["amg_one", "amg_two"] as const;

const AGENTS = {
  one: { token_sha256: [sha256(TOKENS[0])], allow: { servers: ["*"] } },
  two: { token_sha256: [sha256(TOKENS[1])], allow: { servers: ["*"] } },
};

/** A gateway over HTTP with a server of each era, and the clients of two agents. */
class StateFixture implements AsyncDisposable {
  readonly servers: readonly EraServer[];
  readonly #folder: string;
  #gateway: RunningGateway;
  readonly #options: GatewayOptions;

  private constructor(
    folder: string,
    servers: readonly EraServer[],
    options: GatewayOptions,
    gateway: RunningGateway,
  ) {
    this.#folder = folder;
    this.servers = servers;
    this.#options = options;
    this.#gateway = gateway;
  }

  static async start(options: GatewayOptions = {}): Promise<StateFixture> {
    const folder = Deno.makeTempDirSync();
    const servers = [
      describeStdioServer("earlier", folder),
      describeStdioServer("stateless", folder),
    ];
    const all: GatewayOptions = {
      transport: "http",
      initialize: false,
      rules: { agents: AGENTS },
      servers: Object.fromEntries(servers.map(({ name, entry }) => [name, entry])),
      ...options,
    };
    return new StateFixture(folder, servers, all, await startGateway(all));
  }

  get gateway(): RunningGateway {
    return this.#gateway;
  }

  /** Returns a client of an agent. */
  client(agent: 0 | 1 = 0): StatelessClient {
    return StatelessClient.connect(this.#gateway, TOKENS[agent]);
  }

  /** Ends the gateway, and starts another one. */
  async restart(): Promise<void> {
    await this.#gateway.end();
    this.#gateway = await startGateway(this.#options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gateway.end();
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

/** A call that waits for input. */
class WaitingCall {
  readonly params: Fields;
  readonly state: string;
  readonly questions: Readonly<Record<string, Question>>;

  private constructor(params: Fields, { message: { result, error } }: Exchange) {
    assert.equal(error, undefined);
    assert.equal(result?.resultType, "input_required", JSON.stringify(result));
    this.params = params;
    this.state = String(result?.requestState);
    this.questions = result?.inputRequests as Record<string, Question>;
  }

  /** Calls a tool, which asks. */
  static async begin(
    client: StatelessClient,
    server: EraServer,
    tool: string,
    args: Fields,
  ): Promise<WaitingCall> {
    const params = executeToolParams(server.name, tool, args);
    return new WaitingCall(params, await client.send("tools/call", params));
  }

  /** The next request of the client: all questions are answered. */
  get retry(): Fields {
    const answers = Object.entries(this.questions).map(([key, question]) => {
      return [key, answerQuestion(question)];
    });
    return {
      ...this.params,
      inputResponses: Object.fromEntries(answers),
      requestState: this.state,
    };
  }

  /** Sends the retry, and returns its answer. */
  async finish(client: StatelessClient): Promise<Exchange> {
    return await client.send("tools/call", this.retry);
  }

  /** Sends the retry, which leads to the next question. */
  async continue(client: StatelessClient): Promise<WaitingCall> {
    return new WaitingCall(this.params, await this.finish(client));
  }
}

function assertRefused({ message: { result, error } }: Exchange, pattern = /call/): void {
  assert.equal(error?.code, -32602, JSON.stringify(result ?? error));
  assert.match(String(error?.message), pattern);
}

function assertDone({ message: { result, error } }: Exchange): void {
  assert.equal(error, undefined);
  assert.equal(result?.resultType, "complete", JSON.stringify(result));
  assert.equal(result?.isError, undefined);
}

const bothEffects = (id: string) => [`effect form before ${id}`, `effect form after ${id}`];

Deno.test("[eras.state] the state of a question serves its principal, tool and arguments alone", async (t) => {
  await using fixture = await StateFixture.start();
  const [client, other] = [fixture.client(0), fixture.client(1)];
  for (const server of fixture.servers) {
    const begin = (id: string, tool = "form") => WaitingCall.begin(client, server, tool, { id });

    await t.step(`[eras.state] it reveals nothing, with ${server.name}`, async () => {
      const { state } = await begin("sealed");
      const bytes = atob((state.split(".").at(-1) ?? "").replaceAll("-", "+").replaceAll("_", "/"));
      for (const word of [server.name, "asked form", "sealed", "tools/call", "one"]) {
        assert.equal(state.includes(word) || bytes.includes(word), false, word);
      }
    });

    await t.step(
      `[eras.state] for anything else it is refused, and serves its call afterwards, with ${server.name}`,
      async () => {
        const call = await begin("bound");
        const { retry } = call;
        const changed = { id: "changed" };
        const attempts: readonly (readonly [StatelessClient, string, Fields])[] = [
          [other, "tools/call", retry],
          [client, "tools/call", { ...retry, ...executeToolParams(server.name, "form", changed) }],
          [client, "tools/call", {
            ...retry,
            ...executeToolParams(server.name, "url", { id: "bound" }),
          }],
          [client, "tools/call", { ...retry, name: "list_servers", arguments: {} }],
          [client, "resources/read", { ...retry, name: undefined, uri: `${server.name}://ask` }],
          [client, "prompts/get", { ...retry, name: `${server.name}__ask` }],
        ];
        for (const [index, [sender, method, params]] of attempts.entries()) {
          const exchange = await sender.send(method, params);
          assert.equal(exchange.message.error?.code, -32602, `attempt ${index}`);
        }
        assert.deepEqual(readEffects(server, "bound"), ["effect form before bound"]);
        assert.deepEqual(readEffects(server, "changed"), []);
        assertDone(await call.finish(client));
        assert.deepEqual(readEffects(server, "bound"), bothEffects("bound"));
      },
    );

    await t.step(`[eras.state] a changed state is refused, with ${server.name}`, async () => {
      const call = await begin("forged");
      const { state } = call;
      const middle = Math.floor(state.length / 2);
      const flipped = state[middle] === "A" ? "B" : "A";
      const forgeries: unknown[] = [
        state.slice(0, middle) + flipped + state.slice(middle + 1),
        state.slice(0, -1),
        state.slice(1),
        `${state}A`,
        `${state}${"A".repeat(200_000)}`,
        "",
        "v1.",
        "asked form",
        7,
        null,
        {},
      ];
      for (const requestState of forgeries) {
        const { message } = await client.send("tools/call", { ...call.retry, requestState });
        assert.equal(message.error?.code, -32602, JSON.stringify(requestState).slice(0, 100));
      }
      assert.deepEqual(readEffects(server, "forged"), ["effect form before forged"]);
      // Lines after 20 of one agent in a minute are only counted.
      const refused = fixture.gateway.readAuditLog().filter(({ code, server: name }) => {
        return code === "INVALID_ARGUMENTS" && name === server.name;
      });
      const isFirst = server === fixture.servers[0];
      assert.ok(!isFirst || refused.some(({ tool }) => tool === "form"));
      assert.ok(refused.every(({ decision }) => decision === "ERROR"));
      assertDone(await call.finish(client));
    });

    await t.step(
      `[eras.once] a state is used once, also by copies at the same time, with ${server.name}`,
      async () => {
        const call = await begin("copies");
        const exchanges = await Promise.all(Array.from({ length: 5 }, () => call.finish(client)));
        const done = exchanges.filter(({ message: { result } }) => result !== undefined);
        assert.equal(done.length, 1);
        for (const exchange of exchanges) if (!done.includes(exchange)) assertRefused(exchange);
        assertRefused(await call.finish(client));
        assert.deepEqual(readEffects(server, "copies"), bothEffects("copies"));
      },
    );

    await t.step(
      `[eras.once] the state of an earlier round is refused, with ${server.name}`,
      async () => {
        const first = await WaitingCall.begin(client, server, "rounds", { id: "rounds", count: 2 });
        const second = await first.continue(client);
        assertRefused(await first.finish(client));
        assertDone(await second.finish(client));
        assert.deepEqual(
          readEffects(server, "rounds"),
          [0, 1, 2].map((round) => `effect rounds ${round} rounds`),
        );
      },
    );

    await t.step(
      `[eras.state] responses without a state begin a call, with ${server.name}`,
      async () => {
        const { retry } = await begin("stateless");
        const { requestState: _, ...params } = retry;
        const { message } = await client.send("tools/call", params);
        assert.equal(message.result?.resultType, "input_required");
      },
    );

    await t.step(
      `[eras.questions] a question without a response is asked again, with ${server.name}`,
      async () => {
        const call = await begin("partial", "several");
        const [roots] = Object.entries(call.questions).filter(([, { method }]) =>
          method === "roots/list"
        );
        const inputResponses = { [roots?.[0] ?? ""]: { roots: [] }, unknown: { action: "accept" } };
        const { message: { result } } = await client.send("tools/call", {
          ...call.retry,
          inputResponses,
        });
        // A stateless server would have to ask again by itself, which this one does not.
        if (server.era === "stateless") return;
        assert.equal(result?.resultType, "input_required");
        const questions = Object.entries(result.inputRequests as Record<string, Question>);
        assert.deepEqual(questions.map(([, { method }]) => method), ["elicitation/create"]);
        const others = Object.fromEntries(questions.map(([key]) => [key, { action: "decline" }]));
        assertDone(
          await client.send("tools/call", {
            ...call.params,
            inputResponses: others,
            requestState: result.requestState,
          }),
        );
        assert.equal(readEffects(server, "partial").length, 2);
      },
    );
  }
});

Deno.test("[eras.replicas][eras.once] after a restart, a relayed call continues with a shared key, and a parked call is gone", async () => {
  for (const env of [{}, { GATEWAY_STATE_KEY: "k".repeat(32) }]) {
    await using fixture = await StateFixture.start({ env });
    const [earlier, stateless] = fixture.servers;
    assert.ok(earlier && stateless);
    const parked = await WaitingCall.begin(fixture.client(), earlier, "form", { id: "parked" });
    const relayed = await WaitingCall.begin(fixture.client(), stateless, "form", { id: "relayed" });
    await fixture.restart();
    assertRefused(await parked.finish(fixture.client()), /restart|replica/);
    assert.deepEqual(readEffects(earlier, "parked"), ["effect form before parked"]);
    const exchange = await relayed.finish(fixture.client());
    if ("GATEWAY_STATE_KEY" in env) {
      assertDone(exchange);
      assert.deepEqual(readEffects(stateless, "relayed"), bothEffects("relayed"));
    } else {
      assertRefused(exchange, /restart|replica/);
      assert.deepEqual(readEffects(stateless, "relayed"), ["effect form before relayed"]);
    }
  }
});

Deno.test("[eras.state-lifetime] a state that is too old is refused, and a parked call is cancelled", async () => {
  await using fixture = await StateFixture.start({ env: { GATEWAY_STATE_TTL_S: "1" } });
  const client = fixture.client();
  const [earlier, stateless] = fixture.servers;
  assert.ok(earlier && stateless);
  const relayed = await WaitingCall.begin(client, stateless, "form", { id: "relayed" });
  const parked = await WaitingCall.begin(client, earlier, "form", { id: "parked" });
  // The state of the relayed call is older, so its time is over as well.
  await waitUntil("the parked call is cancelled at the server", () => {
    return earlier.readJournal().some((line) => line.includes("notifications/cancelled"));
  });
  for (const call of [relayed, parked]) assertRefused(await call.finish(client));
  assert.deepEqual(readEffects(stateless, "relayed"), ["effect form before relayed"]);
  assert.deepEqual(readEffects(earlier, "parked"), ["effect form before parked"]);
});

Deno.test("[eras.decided-again] a retry that the rules deny is refused, and a parked call is cancelled", async () => {
  await using fixture = await StateFixture.start();
  const client = fixture.client();
  const calls: [EraServer, WaitingCall][] = [];
  for (const server of fixture.servers) {
    calls.push([server, await WaitingCall.begin(client, server, "form", { id: "denied" })]);
  }
  const { setup } = fixture.gateway;
  const one = { ...AGENTS.one, deny: { tools: { "*": ["form"] } } };
  setup.writeFile(".mcp-gateway-rules.json", { agents: { ...AGENTS, one } });
  await waitUntil("the new rules are in force", async () => {
    const { message: { result } } = await client.send("tools/call", {
      name: "get_server_tools",
      arguments: { server: "earlier-stdio" },
    });
    return !JSON.stringify(result).includes('\\"form\\"');
  });
  for (const [server, call] of calls) {
    const { message: { result } } = await call.finish(client);
    const { resultType, _meta, ...rest } = result ?? {};
    assert.equal(resultType, "complete");
    assert.equal(readRefusal(rest).code, "DENIED_BY_POLICY");
    assert.deepEqual(readEffects(server, "denied"), ["effect form before denied"]);
    assertRefused(await call.finish(client));
    if (server.era === "stateless") continue;
    await waitUntil("the call is cancelled at the server", () => {
      return server.readJournal().some((line) => line.includes("notifications/cancelled"));
    });
  }
});

Deno.test("[eras.counts-once][eras.no-place] a call with questions is one operation, and takes no place while it waits", async () => {
  const limits = { per_minute: 4, concurrent: 1 };
  const rules = { agents: { ...AGENTS, one: { ...AGENTS.one, limits } } };
  await using fixture = await StateFixture.start({ rules });
  const client = fixture.client();
  for (const server of fixture.servers) {
    let call = await WaitingCall.begin(client, server, "rounds", { id: "counted", count: 3 });
    // While the call waits, another one has the only place.
    const plain = executeToolParams(server.name, "plain", { id: "beside" });
    assertDone(await client.send("tools/call", plain));
    for (let round = 1; round < 3; round++) call = await call.continue(client);
    assertDone(await call.finish(client));
  }
  // Two calls of each kind have been counted; the next is one too many.
  const { message } = await client.send("tools/call", { name: "list_servers", arguments: {} });
  assert.match(JSON.stringify(message), /RATE_LIMITED|-32005/);
  const lines = fixture.gateway.setup.readAuditFile().filter(({ tool }) => tool === "rounds");
  for (const server of fixture.servers) {
    const [begun, end, ...others] = lines.filter((line) => line.server === server.name);
    assert.deepEqual(others, []);
    assert.equal(begun?.phase, "begun");
    assert.equal(end?.rounds, 3);
    assert.ok(Number(end?.waited_ms) >= 0);
  }
});

Deno.test("[eras.questions] a parked call that ends by itself keeps its answer for the client", async () => {
  await using fixture = await StateFixture.start();
  const [earlier] = fixture.servers;
  assert.ok(earlier);
  const client = fixture.client();
  const args = { id: "impatient", patience_ms: 100 };
  const call = await WaitingCall.begin(client, earlier, "form", args);
  await waitUntil("the server goes on", () => readEffects(earlier, "impatient").length === 2);
  const { message: { result } } = await call.finish(client);
  assert.match(JSON.stringify(result?.content), /late/);
});

Deno.test("[eras.state] calls that wait are bounded, for each client and in all", async () => {
  await using fixture = await StateFixture.start();
  const [earlier] = fixture.servers;
  assert.ok(earlier);
  const [client, other] = [fixture.client(0), fixture.client(1)];
  const begin = (sender: StatelessClient, id: string) => {
    return sender.send("tools/call", executeToolParams(earlier.name, "form", { id }));
  };
  for (let count = 0; count < 8; count++) {
    const { message } = await begin(client, `bounded-${count}`);
    assert.equal(message.result?.resultType, "input_required", JSON.stringify(message));
  }
  const { message } = await begin(client, "beyond");
  assert.notEqual(message.result?.resultType, "input_required");
  assert.deepEqual(readEffects(earlier, "beyond").length > 1, false);
  assert.equal((await begin(other, "other")).message.result?.resultType, "input_required");
});
