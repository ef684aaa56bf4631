import assert from "node:assert/strict";
import type { ClientChannel, InputKind } from "../../../src/downstream/mod.ts";
import { askForLogin, relayInput } from "../../../src/gateway/relay.ts";
import { JsonText } from "../../../src/jsonrpc/mod.ts";

function createContext(kinds: readonly InputKind[], rounds = 0) {
  const channel: ClientChannel = {
    relaysInput: true,
    outsideCalls: undefined,
    supports: (kind) => kinds.includes(kind),
    requestInput: () => Promise.resolve({ kind: "unsupported" }),
    notifyUrlInputDone: () => {},
    log: () => {},
    logLevel: () => undefined,
  };
  const request = { interaction: { rounds, waitedMs: 0 } };
  return { server: "notes", channel, request, hasBegun: true };
}

const FORM = { kind: "form", params: { message: "[notes] Which?" } } as const;

function needs(state: string | undefined, requests = { own: FORM } as Record<string, typeof FORM>) {
  return { kind: "input-required", input: { requests, state }, downstreamMs: 1 } as const;
}

Deno.test("[interaction.relays] input that a server needs is passed on under its keys, if the client can give it", () => {
  assert.deepEqual(relayInput(needs("s"), createContext(["form"])), {
    kind: "input-required",
    server: "notes",
    input: { requests: { own: FORM }, state: "s" },
    beginsAnew: false,
    hasBegun: true,
    downstreamMs: 1,
  });
  assert.throws(() => relayInput(needs("s"), createContext(["url"])), /does not support/);
  const { request: _, ...context } = createContext(["form"]);
  assert.throws(() => relayInput(needs("s"), { ...context, request: {} }), /cannot have/);
});

Deno.test("[interaction.bounds] a server can neither ask without end, nor send a state without bounds", () => {
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, key) => [key, FORM]));
  assert.throws(() => relayInput(needs("s", many), createContext(["form"])), /too often/);
  assert.throws(() => relayInput(needs("s"), createContext(["form"], 32)), /too often/);
  relayInput(needs("s"), createContext(["form"], 31));
  relayInput(needs("x".repeat(61_000)), createContext(["form"]));
  for (const state of ["x".repeat(62_000), "\n".repeat(31_000), "é".repeat(31_000)]) {
    assert.throws(() => relayInput(needs(state), createContext(["form"])), /a state of more than/);
  }
});

Deno.test("[interaction.links] links that a call of an earlier server needs are asked for, and the call begins anew", () => {
  const link = { mode: "url", message: "[notes] Open", url: "https://a.example" };
  const error = {
    code: -32042,
    message: "",
    data: { elicitations: [{ ...link, elicitationId: "1" }] },
  };
  const text = new JsonText(JSON.stringify(error));
  const outcome = {
    kind: "rpc-error",
    error,
    text,
    urlInputError: text,
    downstreamMs: 2,
  } as const;
  const asked = relayInput(outcome, createContext(["url"]));
  assert.ok(asked.kind === "input-required" && asked.beginsAnew);
  assert.deepEqual(asked.input, {
    requests: { g1: { kind: "url", params: link } },
    state: undefined,
  });
  assert.equal(relayInput(outcome, createContext(["form"])), outcome);
  const { request: _, ...context } = createContext(["url"]);
  assert.equal(relayInput(outcome, { ...context, request: {} }), outcome);
});

Deno.test("[interaction.login] a client is asked twice at most to log in, and only by a link", () => {
  const url = "https://login.example/authorize";
  const record = {
    caller: { id: "a", agent: "a" },
    subject: { server: "notes", isCounted: true },
    outcome: {
      kind: "failed",
      error: { code: "AUTH_REQUIRED", message: "It needs a login", retryable: true, url },
    },
  } as const;
  for (const rounds of [0, 1]) {
    const { outcome } = askForLogin(record, createContext(["url"], rounds));
    assert.ok(outcome.kind === "input-required" && outcome.beginsAnew);
    const [request] = Object.values(outcome.input.requests);
    assert.deepEqual((request?.params as { url: string }).url, url);
    assert.match((request?.params as { message: string }).message, /^\[notes\] .*login\.example/);
  }
  assert.equal(askForLogin(record, createContext(["url"], 2)), record);
  assert.equal(askForLogin(record, createContext(["form"])), record);
  const withoutLink = {
    ...record,
    outcome: { kind: "failed", error: { code: "AUTH_REQUIRED", message: "", retryable: true } },
  } as const;
  assert.equal(askForLogin(withoutLink, createContext(["url"])), withoutLink);
});
