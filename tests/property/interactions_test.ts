import assert from "node:assert/strict";
import fc from "fast-check";
import { claim } from "../gateway/stateless/claims.ts";
import { type Effects, InteractionGateway } from "./interaction_gateway.ts";
import { runs } from "./runs.ts";

type Fields = Readonly<Record<string, unknown>>;

const KEY = "0123456789abcdef0123456789abcdef";

/** A call of the tool, and the questions that its client received. */
interface Call {
  readonly name: string;
  readonly server: string;
  readonly rounds: number;
  readonly questions: Fields[];
  isDone: boolean;
}

/** Something that a client does. `call` and `question` choose among those that there are. */
type Action =
  | { readonly kind: "start"; readonly server: string; readonly rounds: number }
  | {
    readonly kind:
      | "continue"
      | "twice"
      | "replay"
      | "silent"
      | "tamper"
      | "foreign"
      | "other-arguments"
      | "stateless-responses"
      | "cancel";
    readonly call: number;
    readonly question: number;
  }
  | { readonly kind: "restart" }
  | { readonly kind: "withdraw" };

const anyAction: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("start" as const),
      server: fc.constantFrom("earlier", "stateless"),
      rounds: fc.integer({ min: 0, max: 3 }),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        "continue" as const,
        "continue" as const,
        "continue" as const,
        "twice" as const,
        "replay" as const,
        "silent" as const,
        "tamper" as const,
        "foreign" as const,
        "other-arguments" as const,
        "stateless-responses" as const,
        "cancel" as const,
      ),
      call: fc.nat(5),
      question: fc.nat(5),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: "withdraw" as const }) },
);

/** Plays a history of actions, and keeps what the clients know. */
class History implements AsyncDisposable {
  readonly effects: Effects = [];
  readonly calls: Call[] = [];
  #gateway: InteractionGateway;

  private constructor(effects: Effects, gateway: InteractionGateway) {
    this.effects = effects;
    this.#gateway = gateway;
  }

  static async begin(): Promise<History> {
    const effects: Effects = [];
    return new History(effects, await InteractionGateway.open(effects, KEY));
  }

  async play(action: Action): Promise<void> {
    if (action.kind === "restart") return await this.#restart();
    if (action.kind === "withdraw") return await this.#gateway.withdrawQuestions();
    if (action.kind === "start") {
      const name = `call-${this.calls.length}`;
      const { server, rounds } = action;
      const call = { name, server, rounds, questions: [], isDone: false };
      this.calls.push(call);
      return await this.send(call, {});
    }
    const asked = this.calls.filter(({ questions }) => questions.length > 0);
    const call = asked[action.call % asked.length];
    const question = call?.questions.at(-1);
    if (call === undefined || question === undefined) return;
    const { requestState } = question;
    const continuation = continuationOf(question);
    switch (action.kind) {
      case "continue":
        return await this.send(call, continuation);
      case "twice":
        await Promise.all([this.send(call, continuation), this.send(call, continuation)]);
        return;
      case "replay": {
        const earlier = call.questions[action.question % call.questions.length];
        return await this.send(call, continuationOf(earlier ?? question));
      }
      case "silent":
        return await this.send(call, { requestState });
      case "tamper": {
        const text = String(requestState);
        const at = action.question * 7 % text.length;
        const changed = text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
        return await this.expectRefusal(call, { ...continuation, requestState: changed });
      }
      case "foreign":
        return await this.expectRefusal(call, continuation, { client: 1 });
      case "other-arguments":
        return await this.expectRefusal(call, continuation, { args: { rounds: 9 } });
      case "stateless-responses": {
        // It is a new call.
        const name = `${call.name}-${this.calls.length}`;
        const fresh = { ...call, name, questions: [], isDone: false };
        this.calls.push(fresh);
        return await this.send(fresh, { inputResponses: continuation.inputResponses });
      }
      case "cancel": {
        const abort = new AbortController();
        const sent = this.send(call, continuation, abort.signal).catch(() => {});
        if (action.question % 2 === 1) await new Promise((resolve) => setTimeout(resolve, 5));
        abort.abort("enough");
        await sent;
        // The gateway may still have sent the call to its server.
        return await this.#gateway.settle();
      }
    }
  }

  /** Continues calls until they have ended; those that were cancelled or lost are refused. */
  async finish(): Promise<void> {
    for (const call of this.calls) {
      for (let round = 0; round < 5 && !call.isDone; round++) {
        const question = call.questions.at(-1);
        if (question === undefined) break;
        await this.send(call, continuationOf(question));
      }
    }
  }

  async send(call: Call, continuation: Fields, signal?: AbortSignal): Promise<void> {
    const result = await this.#gateway.send(0, paramsOf(call, continuation), signal);
    if (result.resultType === "input_required") call.questions.push(result);
    else if (result.resultType === "complete") call.isDone ||= result.isError !== true;
    else assert.equal((result.error as Fields).code, -32602, JSON.stringify(result));
  }

  async expectRefusal(
    call: Call,
    continuation: Fields,
    { client = 0, args = {} }: { readonly client?: number; readonly args?: Fields } = {},
  ): Promise<void> {
    const before = [...this.effects];
    const result = await this.#gateway.send(client, paramsOf(call, continuation, args));
    assert.equal((result.error as Fields | undefined)?.code, -32602, JSON.stringify(result));
    assert.deepEqual(this.effects, before);
  }

  async #restart(): Promise<void> {
    await this.#gateway[Symbol.asyncDispose]();
    this.#gateway = await InteractionGateway.open(this.effects, KEY);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gateway[Symbol.asyncDispose]();
  }
}

function paramsOf({ server, name, rounds }: Call, continuation: Fields, args: Fields = {}): Fields {
  return {
    name: "execute_tool",
    arguments: { server, tool: "work", args: { name, rounds, ...args } },
    _meta: claim({ capabilities: { elicitation: {} } }),
    ...continuation,
  };
}

function continuationOf({ requestState, inputRequests = {} }: Fields): Fields {
  const keys = Object.keys(inputRequests as Fields);
  const inputResponses = Object.fromEntries(keys.map((key) => [key, { action: "accept" }]));
  return { requestState, inputResponses };
}

Deno.test("[interaction.once] [interaction.ends] no step of a call runs twice and nothing is left behind, in any history of requests", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyAction, { minLength: 1, maxLength: 14 }), async (actions) => {
      const kinds = actions.map(({ kind }) => kind);
      const hasWithdrawn = kinds.includes("withdraw");
      const isDisturbed = kinds.includes("restart") || kinds.includes("cancel");
      await using history = await History.begin();
      for (const action of actions) await history.play(action);
      await history.finish();
      const { effects, calls } = history;
      assert.deepEqual(effects, [...new Set(effects)]);
      for (const { name, rounds, isDone } of calls) {
        const steps = effects.filter((effect) => effect.startsWith(`${name} `));
        const expected = Array.from({ length: rounds + 1 }, (_, step) => `${name} ${step}`);
        assert.deepEqual(steps, expected.slice(0, steps.length));
        if (!isDisturbed) assert.ok(isDone, name);
        if (isDone && !hasWithdrawn) assert.deepEqual(steps, expected);
      }
    }),
    { numRuns: runs(50), endOnFailure: true },
  );
});
