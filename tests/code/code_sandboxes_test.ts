import assert from "node:assert/strict";
import type { CodeCallOutcome } from "../../src/code/mod.ts";
import { JsonText } from "../../src/jsonrpc/mod.ts";
import { WATCH_MEMORY_FLAG } from "../../src/code_sandbox.ts";
import { errorOf, resultOf, SOURCE_COMMAND, TestSandboxes, textResult } from "./sandboxes.ts";

Deno.test("[code.api] code returns a value, prints and calls tools", async () => {
  await using sandboxes = new TestSandboxes();
  const outcome = await sandboxes.run(`
    console.log("one", { two: 2 });
    console.error(3n, undefined, [null]);
    const first = await tools.files.read({ path: "a" });
    const second = await tools["my-server"]["a.b"]();
    await new Promise((resolve) => setTimeout(resolve, 5));
    return { first, second, third: await call("x", "y", { z: [1] }) };
  `);
  assert.deepEqual(resultOf(outcome), {
    first: { server: "files", tool: "read", args: { path: "a" } },
    second: { server: "my-server", tool: "a.b", args: null },
    third: { server: "x", tool: "y", args: { z: [1] } },
  });
  assert.equal(outcome.logs, 'one {"two":2}\n3 undefined [null]');
});

Deno.test("[code.api] a value that JSON does not have is an error with its path", async () => {
  await using sandboxes = new TestSandboxes();
  const cases: [code: string, message: RegExp][] = [
    ["return { a: [1, { b: 1n }] }", /^TypeError: The returned value\.a\[1\]\.b is a bigint/],
    ["return [() => 1]", /The returned value\[0\] is a function/],
    ["return Symbol()", /The returned value is a symbol/],
    ["const a = { b: {} }; a.b.c = a; return a", /value\.b\.c refers to The returned value$/],
    ["await call('a', 'b', { c: 1n })", /The argument\.c is a bigint/],
    ["await call('a')", /needs the names of a server and a tool/],
    ["return { toJSON() { throw new Error('no') } }", /^no$/],
    ["return 'a'.repeat(4194303)", /value has 4194305 characters as JSON; at most 4194304/],
    ["await new Promise(() => {})", /waits for a promise that nothing can settle/],
  ];
  for (const [code, message] of cases) {
    const error = errorOf(await sandboxes.run(code));
    assert.equal(error.kind, "threw", code);
    assert.match(error.message, message, code);
  }
  assert.equal(resultOf(await sandboxes.run("const a = {}; return [undefined, a, a].length")), 3);
  assert.equal(resultOf(await sandboxes.run("return undefined")), null);
});

Deno.test("[code.values] a call resolves to the most useful part of a result", async () => {
  await using sandboxes = new TestSandboxes();
  const text = (value: string) => ({ type: "text", text: value });
  const results: Record<string, unknown> = {
    structured: { content: [text("x")], structuredContent: { a: 1 } },
    json: { content: [text('{"a":[1]}')] },
    number: { content: [text("12")] },
    large: { content: [text("12345678901234567890")] },
    plain: { content: [text("one"), text("two")] },
    image: { content: [text("one"), { type: "image", data: "", mimeType: "image/png" }] },
    empty: { content: [] },
  };
  const outcome = await sandboxes.run(
    `const values = {};
     for (const name of ${
      JSON.stringify(Object.keys(results))
    }) values[name] = await tools.s[name]();
     return values;`,
    { call: ({ tool }) => Promise.resolve(toOutcome(results[tool])) },
  );
  assert.deepEqual(resultOf(outcome), {
    structured: { a: 1 },
    json: { a: [1] },
    number: 12,
    large: "12345678901234567890",
    plain: "one\ntwo",
    image: [text("one"), { type: "image", data: "", mimeType: "image/png" }],
    empty: [],
  });
});

Deno.test("[code.values] refusals and errors of tools throw with their codes", async () => {
  await using sandboxes = new TestSandboxes();
  const call = ({ tool }: { tool: string }): Promise<CodeCallOutcome> => {
    if (tool === "crash") return Promise.reject(new Error("a bug"));
    const error = { code: "DENIED_BY_POLICY", message: "Not allowed", rule: "a.b", hint: "Ask" };
    return Promise.resolve(
      tool === "denied"
        ? { ok: false, error }
        : toOutcome({ content: [{ type: "text", text: "It broke" }], isError: true }),
    );
  };
  const outcome = await sandboxes.run(
    `const errors = [];
     for (const tool of ["denied", "broken", "crash"]) {
       try { await tools.s[tool](); } catch (error) {
         errors.push([error instanceof Error, error.code, error.message, error.rule, error.hint]);
       }
     }
     return errors;`,
    { call },
  );
  assert.deepEqual(resultOf(outcome), [
    [true, "DENIED_BY_POLICY", "Not allowed", "a.b", "Ask"],
    [true, "TOOL_ERROR", "It broke", null, null],
    [true, "INTERNAL_ERROR", "The call failed", null, null],
  ]);
  const error = errorOf(await sandboxes.run("\n  await tools.s.denied();", { call }));
  assert.deepEqual([error.kind, error.code, error.line], ["threw", "DENIED_BY_POLICY", 2]);
  const { callError } = error;
  const fields = { code: "DENIED_BY_POLICY", message: "Not allowed", rule: "a.b", hint: "Ask" };
  assert.deepEqual(callError, fields);
  const returned = await sandboxes.run(
    `return await tools.s.denied().catch((error) => ({ error, stack: error.stack.split("\\n") }))`,
    { call },
  );
  const { error: shown, stack } = resultOf(returned) as { error: unknown; stack: string[] };
  assert.deepEqual(shown, fields);
  assert.equal(stack[0], "Error: Not allowed");
  assert.ok(stack.length > 1);
  assert.ok(stack.slice(1).every((frame) => frame.includes("code.js")), stack.join("\n"));
  const caught = `await tools.s.denied().catch(() => { throw new Error("other"); });`;
  assert.equal(errorOf(await sandboxes.run(caught, { call })).callError, undefined);
});

Deno.test("[code.errors] an error has the line and column of the code", async () => {
  await using sandboxes = new TestSandboxes();
  const thrown = errorOf(await sandboxes.run("\nfunction f() { null.x }\n  f();"));
  const { kind, line, column, stack } = thrown;
  assert.deepEqual([kind, line, column], ["threw", 2, 21]);
  assert.equal(stack, "at f, line 2:21\nat line 3:3");
  assert.match(thrown.message, /^TypeError: Cannot read properties of null/);
  const syntax = errorOf(await sandboxes.run("return 1;\nlet x = (;"));
  assert.deepEqual([syntax.kind, syntax.line], ["syntax", 2]);
  const twice = errorOf(await sandboxes.run("let a = 1; let a = 2;"));
  assert.deepEqual([twice.kind, twice.message], [
    "syntax",
    "SyntaxError: Identifier 'a' has already been declared",
  ]);
  for (
    const [code, message] of [
      ["throw 'text'", "text"],
      ["throw { a: 1 }", '{"a":1}'],
      // In an executable, the error of `import()` is none of the code's realm.
      ["throw Object.assign(Object.create(null), { message: 'foreign' })", "foreign"],
    ] as const
  ) {
    assert.equal(errorOf(await sandboxes.run(code)).message, message);
  }
});

Deno.test("[code.errors] an error that nothing in the code catches is a line of the output", async () => {
  await using sandboxes = new TestSandboxes();
  const outcome = await sandboxes.run(`
    setTimeout(() => { throw new TypeError("late"); });
    await new Promise((resolve) => setTimeout(resolve, 20));
    Promise.reject("unseen");
    Promise.reject(new Error("seen")).catch(() => {});
    return 3;`);
  assert.equal(resultOf(outcome), 3);
  assert.equal(outcome.logs, "Uncaught TypeError: late\nat line 2:30\nUncaught unseen");
});

Deno.test("[code.typescript] types are removed, and lines stay", async () => {
  await using sandboxes = new TestSandboxes();
  const outcome = await sandboxes.run(`
    interface Named { name: string }
    enum Color { Red = 1 }
    const named = <T extends Named>(value: T): string => value.name as string;
    const values: Named[] = [{ name: "a" }] satisfies Named[];
    return [values.map(named), Color.Red, values[0]!.name];
  `);
  assert.deepEqual(resultOf(outcome), [["a"], 1, "a"]);
  const error = errorOf(
    await sandboxes.run("interface A {\n  b: string;\n}\nconst a: A | null = null;\na!.b;"),
  );
  assert.equal(error.line, 5);
});

Deno.test("[code.limits] calls and output are limited", async () => {
  await using sandboxes = new TestSandboxes();
  let callCount = 0;
  let pendingCount = 0;
  let maxPendingCount = 0;
  const outcome = await sandboxes.run(
    `const calls = [];
     for (let i = 0; i < 1200; i++) calls.push(tools.s.t({ i }).then(() => "ok", (error) => error.code));
     const outcomes = await Promise.all(calls);
     for (let i = 0; i < 1e5; i++) console.log("a line");
     return [outcomes.filter((one) => one === "ok").length, outcomes[1000], outcomes.at(-1)];`,
    {
      async call() {
        callCount++;
        maxPendingCount = Math.max(maxPendingCount, ++pendingCount);
        await new Promise((resolve) => setTimeout(resolve, 1));
        pendingCount--;
        return textResult("x");
      },
    },
  );
  assert.deepEqual(resultOf(outcome), [1000, "RATE_LIMITED", "RATE_LIMITED"]);
  assert.equal(callCount, 1000);
  assert.equal(maxPendingCount, 32);
  assert.match(outcome.logs, /cut after 262,144 characters\)$/);
  assert.ok(outcome.logs.length < 257 * 1024, `${outcome.logs.length}`);
});

Deno.test("[code.time] code that does not end in time is ended, and its output is kept", async () => {
  await using sandboxes = new TestSandboxes({ maxSandboxes: 6 });
  const loops = [
    "for (;;);",
    "const next = () => { Promise.resolve().then(next); }; next(); for (;;) await 0;",
    "const next = () => setTimeout(next, 0); next(); await new Promise(() => {});",
    "await new Promise((resolve) => setTimeout(resolve, 1e6));",
    "await tools.s.t();",
    "return /^(a+)+$/.test('a'.repeat(40) + 'b')",
  ];
  const call = () => new Promise<CodeCallOutcome>(() => {});
  await Promise.all(loops.map(async (loop) => {
    const code = `console.log("before"); ${loop}`;
    const outcome = await sandboxes.run(code, { timeoutMs: 6000, call });
    assert.deepEqual([errorOf(outcome).kind, outcome.logs], ["timeout", "before"], loop);
  }));
});

Deno.test("[code.time] the clock stands still while a call waits for a person", async () => {
  await using sandboxes = new TestSandboxes();
  await sandboxes.warmUp();
  const outcome = await sandboxes.run("return await tools.s.t()", {
    timeoutMs: 3000,
    async call(_call, context) {
      context.pause();
      await new Promise((resolve) => setTimeout(resolve, 3500));
      context.resume();
      return textResult("approved");
    },
  });
  assert.equal(resultOf(outcome), "approved");
});

Deno.test("[code.time] code cannot wait for people without end", async () => {
  await using sandboxes = new TestSandboxes({ maxPauseMs: 1000 });
  const waits: Promise<void>[] = [];
  const outcome = await sandboxes.run("for (;;) await tools.s.t()", {
    timeoutMs: 60_000,
    async call(_call, context) {
      context.pause();
      const wait = new Promise<void>((resolve) => setTimeout(resolve, 300));
      waits.push(wait);
      await wait;
      context.resume();
      return textResult("undecided");
    },
  });
  const message = "The calls of the code waited for people for 1000 ms";
  assert.deepEqual(errorOf(outcome), { kind: "timeout", message });
  assert.equal(waits.length, 4);
  await Promise.all(waits);
});

Deno.test("[code.memory] code that uses too much memory ends itself only", async (t) => {
  await using sandboxes = new TestSandboxes();
  const programs = {
    "heap": "const all = []; for (;;) all.push(new Array(1e5).fill(Math.random()));",
    "buffers": "const all = []; for (;;) all.push(new Uint8Array(1e7).fill(1));",
    "strings":
      "const all = []; for (let i = 0;; i++) all.push(('x' + i).repeat(1e6).slice(1) + i);",
    "arguments": "for (;;) call('a', 'b', { text: 'x'.repeat(1e7) }).catch(() => {});",
  };
  // An answer would fill the memory of the gateway for this process, and the code would wait until its time is over.
  const call = () => new Promise<CodeCallOutcome>(() => {});
  for (const [name, program] of Object.entries(programs)) {
    await t.step(name, async () => {
      const outcome = await sandboxes.run(`console.log("before"); ${program}`, { call });
      const error = errorOf(outcome);
      assert.deepEqual([error.kind, outcome.logs], ["memory", "before"], error.message);
    });
  }
});

Deno.test({
  name: "[code.memory] a process that the system kills has used too much memory",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const command = {
      file: "sh",
      args: ["-c", "read -r line; kill -KILL $$"],
      raw: false,
      env: {},
    };
    await using sandboxes = new TestSandboxes({ command });
    assert.equal(errorOf(await sandboxes.run("return 1")).kind, "memory");
  },
});

Deno.test("[code.memory] the process watches its own memory if the gateway cannot", async () => {
  const args = [...SOURCE_COMMAND.args, WATCH_MEMORY_FLAG];
  await using sandboxes = new TestSandboxes({
    command: { ...SOURCE_COMMAND, args, watchesMemory: true },
  });
  const outcome = await sandboxes.run(
    "const all = []; for (;;) all.push(new Uint8Array(1e7).fill(1));",
  );
  assert.equal(errorOf(outcome).kind, "memory");
});

Deno.test("[code.queue] a run past the limit waits in line, in its own time", async () => {
  await using sandboxes = new TestSandboxes({ maxSandboxes: 1 });
  const { promise, resolve } = Promise.withResolvers<CodeCallOutcome>();
  const first = sandboxes.run("return await tools.s.t()", { call: () => promise });
  const late = await sandboxes.run("return 2", { timeoutMs: 200 });
  assert.deepEqual([errorOf(late).kind, late.logs], ["timeout", ""]);
  assert.match(errorOf(late).message, /did not start within 200 ms/);
  const third = sandboxes.run("return 3");
  const abort = new AbortController();
  const cancelled = sandboxes.run("return 4", { signal: abort.signal });
  abort.abort(new Error("cancelled"));
  await assert.rejects(cancelled, /^Error: cancelled$/);
  resolve(textResult("1"));
  assert.deepEqual([resultOf(await first), resultOf(await third)], [1, 3]);
});

Deno.test("[code.process] cancelling a run ends it with its calls", async () => {
  await using sandboxes = new TestSandboxes();
  const abort = new AbortController();
  const ended = Promise.withResolvers<void>();
  const run = sandboxes.run("await tools.s.t()", {
    signal: abort.signal,
    call(_call, { signal }) {
      signal.addEventListener("abort", () => ended.resolve(), { once: true });
      abort.abort(new Error("cancelled"));
      return new Promise(() => {});
    },
  });
  await assert.rejects(run, /^Error: cancelled$/);
  await ended.promise;
});

Deno.test("[code.process] each run has a process of its own", async () => {
  await using sandboxes = new TestSandboxes();
  for (let count = 0; count < 3; count++) {
    const outcome = await sandboxes.run(
      "const before = globalThis.kept; globalThis.kept = 1; Array.prototype.x = 1; return before",
    );
    assert.equal(resultOf(outcome), null);
  }
});

function toOutcome(result: unknown): CodeCallOutcome {
  return { ok: true, result: new JsonText(JSON.stringify(result)) };
}
