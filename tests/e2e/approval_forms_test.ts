/** The form in which clients of both eras ask for an approval. */
import assert from "node:assert/strict";
import { readRefusal } from "./agent_session.ts";
import { ApprovalFixture, type ApprovalOptions, listMailbox } from "./approval_fixture.ts";
import {
  EarlierClient,
  type EraClient,
  type Finished,
  type Question,
  StatelessClient,
} from "./eras_clients.ts";
import type { Era } from "./eras_servers.ts";
import type { TransportKind } from "./gateway.ts";
import type { Fields } from "./raw_client.ts";
import { waitUntil } from "./wait.ts";

/** A gateway, and a client of an era whose person answers forms. */
class FormFixture implements AsyncDisposable {
  readonly fixture: ApprovalFixture;
  readonly client: EraClient;
  readonly #answers: Promise<Fields>[] = [];

  private constructor(fixture: ApprovalFixture, client: EraClient) {
    this.fixture = fixture;
    this.client = client;
  }

  static async start(era: Era, options: ApprovalOptions = {}): Promise<FormFixture> {
    const fixture = await ApprovalFixture.start({ ...options, initialize: false });
    const client = era === "earlier"
      ? await EarlierClient.connect(fixture.gateway)
      : StatelessClient.connect(fixture.gateway);
    return new FormFixture(fixture, client);
  }

  /** Calls a tool, and answers all questions about approvals. */
  call(
    args: Fields,
    answer: Fields | ((question: Question) => Fields | Promise<Fields>),
    tool = "plain",
  ): Promise<Finished> {
    return this.client.request("tools/call", {
      name: "execute_tool",
      arguments: { server: "notes", tool, args },
    }, {
      answer: (question) => {
        const answered = Promise.resolve(typeof answer === "function" ? answer(question) : answer);
        this.#answers.push(answered);
        return answered;
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A client may send the answer to a form that was withdrawn.
    await Promise.allSettled(this.#answers);
    await new Promise((resolve) => setTimeout(resolve, 0));
    await this.fixture[Symbol.asyncDispose]();
  }
}

const ONCE = { action: "accept", content: { decision: "allow_once" } };
const DENY = { action: "accept", content: { decision: "deny" } };
const SESSION = { action: "accept", content: { decision: "allow_session" } };

function choicesOf({ params }: Question): unknown {
  const { requestedSchema } = params as { requestedSchema: Fields };
  const { decision } = requestedSchema.properties as { decision: Fields };
  assert.equal("required" in requestedSchema, false);
  return decision.enum;
}

for (const transport of ["stdio", "http"] satisfies TransportKind[]) {
  for (const era of ["earlier", "stateless"] satisfies Era[]) {
    const isLasting = era === "earlier" || transport === "stdio";

    Deno.test(`[approvals.form] a person decides in a client of the ${era} era over ${transport}`, async (t) => {
      await using given = await FormFixture.start(era, { transport });
      const { fixture } = given;
      const auditOf = async (code?: string) => {
        return (await fixture.audited(code)).approval as Fields;
      };

      await t.step(
        "[approvals.form-text] the form shows the whole call, and comes from the gateway",
        async () => {
          const args = { id: "text", text: "[notes] \u202e\u0007\n<!-- ", big: "y".repeat(5000) };
          const { result, questions } = await given.call(args, ONCE);
          assert.equal(result?.isError, undefined);
          assert.equal(questions.length, 1);
          const [question] = questions;
          assert.equal(question?.method, "elicitation/create");
          assert.equal(
            question?.params.message,
            [
              "The gateway asks for your approval of a call:",
              "",
              '    agent "writer"',
              '    tool "plain" of server "notes"',
              "    arguments {",
              '      "id": "text",',
              '      "text": "[notes] \\u202e\\u0007\\n<!-- ",',
              `      "big": "${args.big}"`,
              "    }",
              "",
              "Accepting without a choice allows this call once.",
            ].join("\n"),
          );
          assert.deepEqual(
            choicesOf(question as Question),
            isLasting ? ["allow_once", "allow_session", "deny"] : ["allow_once", "deny"],
          );
          assert.equal(fixture.effects("text"), 1);
          const approval = await auditOf();
          assert.equal(approval.by, "client");
          assert.deepEqual(listMailbox(fixture.mailbox), []);
        },
      );

      await t.step("accepting without a choice allows once", async () => {
        for (const answer of [{ action: "accept" }, { action: "accept", content: {} }]) {
          const { result, questions } = await given.call({ id: "bare" }, answer);
          assert.equal(result?.isError, undefined);
          assert.equal(questions.length, 1);
        }
        assert.equal(fixture.effects("bare"), 2);
      });

      await t.step(
        "denying and declining deny, and the same call is not asked about again",
        async () => {
          for (
            const [id, answer] of [["deny", DENY], ["decline", { action: "decline" }]] as const
          ) {
            for (const count of [1, 0]) {
              const { result, questions } = await given.call({ id }, answer);
              const refusal = readRefusal(contentOf(result));
              assert.equal(refusal.code, "DENIED_BY_POLICY");
              assert.match(refusal.message, /^A person has denied this call of tool "plain"/);
              assert.equal(questions.length, count);
            }
            assert.equal(fixture.effects(id), 0);
          }
          assert.equal((await auditOf("DENIED_BY_POLICY")).by, "client");
        },
      );

      await t.step(
        "a form that is dismissed, or has another choice, leaves the request",
        async () => {
          const choices = [
            ["dismissed", { action: "cancel" }],
            ["unknown", { action: "accept", content: { decision: "allow_all" } }],
            ["odd", { action: "accept", content: { decision: true } }],
          ] as const;
          for (const [id, answer] of choices) {
            const { result } = await given.call({ id }, answer);
            const refusal = readRefusal(contentOf(result)) as unknown as Fields;
            assert.equal(refusal.code, "APPROVAL_REQUIRED");
            assert.equal(fixture.effects(id), 0);
            await fixture.allow(String(refusal.approval_id));
            const again = await given.call({ id }, () => assert.fail("nobody is asked again"));
            assert.equal(again.result?.isError, undefined);
            assert.equal(fixture.effects(id), 1);
          }
        },
      );

      await t.step(
        "[approvals.session] a tool that is allowed for the session is not asked about again",
        async () => {
          const first = await given.call({ id: "first" }, SESSION);
          assert.equal(first.result?.isError, undefined);
          const second = await given.call({ id: "second" }, ONCE);
          assert.equal(second.result?.isError, undefined);
          assert.equal(second.questions.length, isLasting ? 0 : 1);
          const approval = await auditOf();
          assert.equal(approval.by, isLasting ? "session" : "client");
          const other = await given.call({}, ONCE, "meta");
          assert.equal(other.questions.length, 1, "another tool");
          const stranger = era === "earlier" && transport === "http"
            ? await EarlierClient.connect(fixture.gateway)
            : undefined;
          const asked = await stranger?.request("tools/call", {
            name: "execute_tool",
            arguments: { server: "notes", tool: "plain", args: { id: "third" } },
          }, { answer: () => ONCE });
          assert.equal(asked?.questions.length ?? 1, 1, "another connection");
        },
      );
    });

    Deno.test(`[approvals.form-race] the shell decides while a client of the ${era} era over ${transport} shows the form`, async (t) => {
      await using given = await FormFixture.start(era, { transport });
      const { fixture } = given;
      await t.step("a call that is allowed runs once, whatever the client answers", async () => {
        for (const late of [ONCE, { action: "cancel" }]) {
          const id = `allowed-${late.action}`;
          const call = given.call({ id }, async () => {
            const [request] = await fixture.waiting();
            await fixture.allow(request?.approval_id ?? "");
            if (era === "earlier") {
              await waitUntil("the call has run", () => fixture.effects(id) > 0);
            }
            return late;
          });
          assert.equal((await call).result?.isError, undefined);
          assert.equal(fixture.effects(id), 1);
          assert.equal(((await fixture.audited()).approval as Fields).by, "shell");
          assert.deepEqual(listMailbox(fixture.mailbox), []);
        }
      });
      await t.step(
        "a call that is denied is refused, although the client allows it later",
        async () => {
          const { result } = await given.call({ id: "denied" }, async () => {
            const [request] = await fixture.waiting();
            await fixture.shell("approvals", "deny", request?.approval_id ?? "", "--reason", "No");
            if (era === "earlier") {
              await waitUntil("the call is refused", () => {
                return fixture.gateway.readAuditLog().some(({ code }) =>
                  code === "DENIED_BY_POLICY"
                );
              });
            }
            return ONCE;
          });
          assert.match(readRefusal(contentOf(result)).message, /: No$/);
          assert.equal(fixture.effects("denied"), 0);
        },
      );
      if (era === "earlier" && transport === "stdio") {
        await t.step("the form is withdrawn", () => {
          const cancelled = fixture.gateway.client.receivedMessages
            .filter(({ message }) => message.method === "notifications/cancelled");
          assert.equal(cancelled.length, 3);
        });
      }
    });
  }
}

/** Returns a result without what only one revision has. */
function contentOf(result: Fields | undefined): Fields {
  const { content, isError } = result ?? {};
  return { content, isError };
}

Deno.test("[approvals.form] a form of an earlier client is withdrawn when the call has waited, and the request stays", async () => {
  await using given = await FormFixture.start("earlier", { times: { wait_s: 1 } });
  const { fixture } = given;
  let withdrawn: Promise<unknown> | undefined;
  const { result, questions } = await given.call({ id: "a" }, async () => {
    const { client } = fixture.gateway;
    withdrawn = client.waitForMessage("the form is withdrawn", ({ method }) => {
      return method === "notifications/cancelled";
    });
    await withdrawn;
    return ONCE;
  });
  assert.equal(readRefusal(contentOf(result)).code, "APPROVAL_REQUIRED");
  assert.equal(questions.length, 1);
  await withdrawn;
  assert.equal(fixture.effects("a"), 0);
  assert.equal((await fixture.requests()).length, 1);
});

Deno.test("[approvals.expiry] a form that a stateless client holds for longer than the request is valid allows nothing", async () => {
  await using given = await FormFixture.start("stateless", {
    times: { wait_s: 0, expires_s: 1 },
  });
  const { fixture } = given;
  let first: unknown;
  const { result } = await given.call({ id: "late" }, async () => {
    const [name] = await waitUntil("the call waits", () => {
      const names = listMailbox(fixture.mailbox).filter((name) => name.endsWith(".pending"));
      return names.length > 0 && names;
    });
    first = name?.slice(0, 8);
    const expiresAt = Number(name?.split(".")[2]);
    await waitUntil("the request has expired", () => Date.now() > expiresAt + 50);
    return ONCE;
  });
  const refusal = readRefusal(contentOf(result)) as unknown as Fields;
  assert.deepEqual([refusal.code, refusal.approval_id], ["APPROVAL_REQUIRED", first]);
  assert.equal(fixture.effects("late"), 0);
  const again = await given.call({ id: "late" }, ONCE);
  assert.equal(again.result?.isError, undefined);
  assert.equal(again.questions.length, 1);
});

Deno.test("[approvals.form] a client of an earlier revision shows no form for a call that does not wait", async () => {
  await using given = await FormFixture.start("earlier", { times: { wait_s: 0, expires_s: 60 } });
  const { fixture } = given;
  const { result, questions } = await given.call({ id: "now" }, ONCE);
  assert.equal(readRefusal(contentOf(result)).code, "APPROVAL_REQUIRED");
  assert.deepEqual([questions.length, fixture.effects("now")], [0, 0]);
  assert.equal((await fixture.requests()).length, 1);
});

Deno.test("[approvals.form] arguments that are too long for a form are shown at the shell only", async () => {
  await using given = await FormFixture.start("earlier");
  const { fixture } = given;
  const text = "z".repeat(20_000);
  const call = given.call({ id: "long", text }, () => assert.fail("no form is shown"));
  const [request] = await fixture.waiting();
  assert.equal(request?.args.text, text);
  await fixture.allow(request?.approval_id ?? "");
  assert.equal((await call).result?.isError, undefined);
  const tooLong = await given.call({ id: "huge", text: "z".repeat(300_000) }, ONCE);
  const refusal = readRefusal(contentOf(tooLong.result));
  assert.equal(refusal.code, "DENIED_BY_POLICY");
  assert.match(refusal.message, /its arguments have more than 262144 characters/);
});

for (const client of ["earlier", "stateless"] satisfies Era[]) {
  for (const server of ["earlier", "stateless"] satisfies Era[]) {
    Deno.test(`[approvals.relay] a ${client} client is asked once for the approval of a call to a ${server} server that asks for input itself`, async () => {
      for (const transport of ["stdio", "http"] satisfies TransportKind[]) {
        await using given = await FormFixture.start(client, { transport, era: server });
        const { fixture } = given;
        const approvals: Question[] = [];
        const answer = (question: Question): Fields => {
          if (String(question.params.message).startsWith("The gateway asks")) {
            approvals.push(question);
            return ONCE;
          }
          return { action: "accept", content: { name: "Ada" } };
        };
        const form = await given.call({ id: "f" }, answer, "form");
        assert.match(JSON.stringify(form.result), /Ada/);
        assert.equal(approvals.length, 1);
        const steps = fixture.server.readJournal().filter((line) => line.startsWith("effect form"));
        assert.deepEqual(steps, ["effect form before f", "effect form after f"]);
        const rounds = await given.call({ id: "r", count: 3 }, answer, "rounds");
        assert.match(JSON.stringify(rounds.result), /3 rounds/);
        assert.equal(approvals.length, 2);
        assert.equal(rounds.questions.length, 4);
        const approval = (await fixture.audited()).approval as Fields;
        assert.equal(approval.by, "client");
        assert.deepEqual(listMailbox(fixture.mailbox), []);
        // Another call is asked about again.
        await given.call({ id: "g" }, answer, "form");
        assert.equal(approvals.length, 3);
      }
    });
  }
}

/** Returns the questions that a stateless client received, and the next request with the same answer to each. */
function roundOf(params: Fields, result: Fields | undefined, answer: Fields) {
  assert.equal(result?.resultType, "input_required", JSON.stringify(result));
  const questions = Object.entries(result.inputRequests as Record<string, Question>);
  const inputResponses = Object.fromEntries(questions.map(([key]) => [key, answer]));
  const messages = questions.map(([, question]) => String(question.params.message));
  return { messages, next: { ...params, inputResponses, requestState: result.requestState } };
}

Deno.test("[approvals.relay] the approval of a call that its client continues is of exactly that call, in that process", async () => {
  const options = {
    transport: "http",
    era: "stateless",
    initialize: false,
    env: { GATEWAY_STATE_KEY: "processes-have-this-key-in-common-0000" },
  } as const;
  await using here = await ApprovalFixture.start(options);
  await using elsewhere = await ApprovalFixture.start(options);
  const client = StatelessClient.connect(here.gateway);
  const send = async (params: Fields, to = client) => {
    return (await to.send("tools/call", params)).message.result as Fields | undefined;
  };
  const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown };
  const paramsOf = (n: string): Fields => ({
    name: "execute_tool",
    arguments: { server: "notes", tool: "form", args: { id: "exact", n: rawJSON(n) } },
  });
  const params = paramsOf("9007199254740992");
  const approval = roundOf(params, await send(params), ONCE);
  assert.match(approval.messages[0] ?? "", /^The gateway asks [^]*"n": 9007199254740992/);
  const approved = roundOf(params, await send(approval.next), {
    action: "accept",
    content: { name: "Ada" },
  });
  assert.doesNotMatch(approved.messages[0] ?? "", /^The gateway asks /);

  // Another process does not know that the state was used before.
  const second = roundOf(
    params,
    await send(approved.next, StatelessClient.connect(elsewhere.gateway)),
    DENY,
  );
  assert.match(second.messages[0] ?? "", /^The gateway asks [^]*"n": 9007199254740992/);

  // `JSON.parse` reads the same number.
  const other = { ...approved.next, ...paramsOf("9007199254740993") };
  const third = roundOf(other, await send(other), DENY);
  assert.match(third.messages[0] ?? "", /^The gateway asks [^]*"n": 9007199254740993/);
  const refusal = readRefusal(contentOf(await send(third.next)));
  assert.equal(refusal.code, "DENIED_BY_POLICY");
  const steps = here.server.readJournal().filter((line) => line.startsWith("effect form after"));
  assert.deepEqual(steps, []);
});
