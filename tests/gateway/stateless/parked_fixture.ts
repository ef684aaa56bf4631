import assert from "node:assert/strict";
import { SessionFixture, type SessionFixtureOptions } from "../session_fixture.ts";
import { waitUntil } from "../../e2e/wait.ts";
import { type AskingCall, AskingTool } from "./asking_tool.ts";
import { claim } from "./claims.ts";

type Fields = Readonly<Record<string, unknown>>;

/** The capabilities of a client that gives all kinds of input. */
export const ALL_INPUT = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

/** An answer to a stateless request. */
export interface StatelessAnswer {
  readonly result: Fields | undefined;
  readonly error: { readonly code: number; readonly message: string } | undefined;
}

/** A question: a result that asks for input. */
export interface Question {
  readonly state: string;
  readonly requests: Readonly<Record<string, Fields>>;
}

/** Options of one call. */
export interface CallOptions {
  readonly state?: unknown;
  readonly responses?: unknown;
  readonly meta?: Fields;
  readonly capabilities?: unknown;
  readonly client?: number;
  readonly args?: Fields;
  readonly signal?: AbortSignal;
}

/** The sessions of clients that call a tool which asks them. */
export class ParkedFixture implements AsyncDisposable {
  readonly tool = new AskingTool();
  readonly sessions: SessionFixture;

  private constructor(sessions: SessionFixture, tool: AskingTool) {
    this.sessions = sessions;
    this.tool = tool;
  }

  static async open(
    options: SessionFixtureOptions = {},
    rules: object = { agents: { a: { allow: { servers: ["*"] } }, b: {} } },
  ): Promise<ParkedFixture> {
    const tool = new AskingTool();
    const sessions = await SessionFixture.open(rules, { ...options, tools: [tool.tool] });
    return new ParkedFixture(sessions, tool);
  }

  /** Calls the tool. */
  async call(options: CallOptions = {}): Promise<StatelessAnswer> {
    const {
      state,
      responses,
      meta,
      capabilities = ALL_INPUT,
      client = 0,
      args = { agent_id: "a" },
    } = options;
    const params = {
      name: "ask",
      arguments: args,
      _meta: { ...claim({ capabilities }), ...meta },
      ...(state !== undefined && { requestState: state }),
      ...(responses !== undefined && { inputResponses: responses }),
    };
    const { signal } = options;
    const reply = await this.sessions.peer(client).request(
      "tools/call",
      params,
      signal === undefined ? {} : { signal },
    );
    return reply.ok
      ? { result: reply.result.value as Fields, error: undefined }
      : { result: undefined, error: reply.error };
  }

  /** Starts a call, and returns it when it runs, with the promise of its answer. */
  async start(
    options: CallOptions = {},
  ): Promise<{ readonly call: AskingCall; readonly answer: Promise<StatelessAnswer> }> {
    const { calls } = this.tool;
    const count = calls.length;
    const answer = this.call(options);
    answer.catch(() => {});
    await waitUntil("the call runs", () => calls.length > count);
    const call = calls[count] ?? assert.fail();
    return { call, answer };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { stateless, limits } = this.sessions;
    await this.sessions[Symbol.asyncDispose]();
    assert.equal(stateless.waitingCount, 0, "An operation is still parked");
    assert.equal(limits.callCount, 0);
  }
}

/** Returns the question in an answer. */
export function questionOf({ result, error }: StatelessAnswer): Question {
  assert.equal(error, undefined, JSON.stringify(error));
  assert.equal(result?.resultType, "input_required", JSON.stringify(result));
  const { requestState, inputRequests } = result;
  assert.ok(typeof requestState === "string");
  return { state: requestState, requests: (inputRequests ?? {}) as Question["requests"] };
}
