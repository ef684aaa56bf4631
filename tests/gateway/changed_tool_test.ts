/** Decides about a tool whose annotations have changed between the decision about a call and its sending. */
import assert from "node:assert/strict";
import type { Tool } from "../../src/downstream/mod.ts";
import { type AgentGrants, compilePolicy, type Decision } from "../../src/policy/mod.ts";
import { decideByAnnotations, DeniedBeforeSend } from "../../src/gateway/deciding.ts";
import type { ToolContext } from "../../src/gateway/tools/mod.ts";

type Hint = "reads" | "writes" | "destroys";

const ANNOTATIONS: Readonly<Record<Hint, object>> = {
  reads: { readOnlyHint: true },
  writes: { readOnlyHint: false, destructiveHint: false, openWorldHint: false },
  destroys: { readOnlyHint: false, destructiveHint: true, openWorldHint: false },
};

const toTool = (hint: Hint): Tool => {
  return {
    name: "t",
    definition: { name: "t", annotations: ANNOTATIONS[hint] },
  } as unknown as Tool;
};

const GRANTS: AgentGrants = {
  allow: { servers: ["s"], tools: new Map([["s", [{ tool: "*", hint: "read_only" }]]]) },
  ask: { tools: new Map([["s", [{ tool: "*", hint: "destructive" }]]]) },
};

/** Decides by one tool, and checks another; returns the effects, `refused` standing for a call that is not sent. */
async function decideTwice(
  [first, second]: readonly [Hint, Hint],
  grants: AgentGrants,
): Promise<readonly [Decision["effect"], "sent" | "refused"]> {
  const decided = toTool(first);
  const list = { get: () => decided, heldBack: new Map() };
  const context = {
    servers: new Map([["s", { list: () => Promise.resolve(list) }]]),
    caller: { agent: "a" },
    signal: new AbortController().signal,
    policy: compilePolicy({ agents: new Map([["a", grants]]), denyOverrides: false }),
  } as unknown as ToolContext;
  const request = { kind: "tool", server: "s", tool: "t" } as const;
  const { decision, checkTool } = await decideByAnnotations(request, context);
  try {
    checkTool(first === second ? decided : toTool(second));
    return [decision.effect, "sent"];
  } catch (error) {
    assert.ok(error instanceof DeniedBeforeSend);
    return [decision.effect, "refused"];
  }
}

Deno.test("[rules.ask-denies] a call is not sent to a tool that has changed, unless the rules allow the new one, or it was approved", async () => {
  const cases = [
    ["reads", "reads", "allow", "sent"],
    ["reads", "destroys", "allow", "refused"],
    ["reads", "writes", "allow", "refused"],
    ["destroys", "destroys", "ask", "sent"],
    ["destroys", "reads", "ask", "sent"],
    ["destroys", "writes", "ask", "refused"],
    ["writes", "writes", "deny", "sent"],
  ] as const;
  for (const [first, second, ...expected] of cases) {
    assert.deepEqual(await decideTwice([first, second], GRANTS), expected, `${first} ${second}`);
  }
});

Deno.test("[rules.shadow] a call is sent in shadow mode although its tool has changed", async () => {
  for (
    const hints of [["reads", "destroys"], ["reads", "writes"], ["destroys", "writes"]] as const
  ) {
    const [, outcome] = await decideTwice(hints, { ...GRANTS, isShadowed: true });
    assert.equal(outcome, "sent", hints.join(" "));
  }
});
