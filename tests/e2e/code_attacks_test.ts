/** Attacks of code on the gateway, its agents and the machine, in every form of the program that users get. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type CodeAnswer, readCodeAnswer } from "./code_fixture.ts";
import { LOCAL_COMMANDS } from "./every_command.ts";
import {
  findProcessTree,
  HAS_NO_SHELL,
  listProcesses,
  newMark,
  waitUntilGone,
} from "./fault_processes.ts";
import { conformanceServer, type RunningGateway, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

const PROBE = fileURLToPath(new URL("../fixtures/code/realm_probe.txt", import.meta.url));

async function startCodeGateway(command: string): Promise<RunningGateway> {
  return await startGateway({
    command,
    transport: "stdio",
    servers: { other: conformanceServer() },
    rules: { agents: { tester: { allow: { servers: ["*", "gateway"] } } } },
    args: ["--agent", "tester"],
    env: { SECRET_OF_THE_GATEWAY: "not-for-code" },
  });
}

async function run(
  gateway: RunningGateway,
  code: string,
  args: Record<string, unknown> = {},
): Promise<CodeAnswer> {
  return readCodeAnswer(await gateway.callServerTool("gateway", "run_code", { code, ...args }));
}

/** Waits until code runs, and returns the process id of the gateway, which may be a child of the started program. */
async function waitForGatewayPid(gateway: RunningGateway): Promise<number> {
  return await waitUntil("code runs", async () => {
    const tree = await findProcessTree(gateway.program.pid, newMark());
    const sandbox = tree.find(({ args }) => args.includes("__sandbox"));
    return sandbox?.parent;
  });
}

for (const command of LOCAL_COMMANDS) {
  Deno.test(`[code.attacks] code is held in ${command}`, async (t) => {
    await using gateway = await startCodeGateway(command);

    await t.step("[code.realm] it reaches no file, network, environment or process", async () => {
      const answer = await run(gateway, await Deno.readTextFile(PROBE));
      assert.equal(answer.error, undefined, JSON.stringify(answer.error));
      const { escapes, globals, imported } = answer.result as Record<string, unknown>;
      assert.deepEqual({ escapes, globals, imported }, { escapes: [], globals: [], imported: [] });
    });

    await t.step("[code.memory] it ends itself only, by its heap or its buffers", async () => {
      const programs = [
        "const all = []; for (;;) all.push(new Array(1e5).fill(Math.random()));",
        "const all = []; for (;;) all.push(new Uint8Array(1e7).fill(1));",
        "const all = new Map(); for (let i = 0;; i++) all.set(i, { i });",
      ];
      for (const program of programs) {
        const { error, logs } = await run(gateway, `console.log("before"); ${program}`);
        assert.deepEqual([error?.code, logs], ["OUT_OF_MEMORY", "before"], error?.message);
      }
    });

    await t.step("[code.limits] a flood of output and of calls is cut", async () => {
      const flood = await run(
        gateway,
        "for (let i = 0; i < 1e6; i++) console.log('line', i); return 'done'",
      );
      assert.deepEqual([flood.result, flood.error], ["done", undefined]);
      assert.ok(flood.logs.length < 257 * 1024);
      // The base of executables that are built without downloads, Deno 2.7, crashes if code creates many errors.
      const refused = ["source", "bundle", "npm"].includes(command) ? 99_000 : 10;
      const calls = await run(
        gateway,
        `const codes = {};
         const one = async () => {
           let code = "none";
           try { await tools.other.test_simple_text({}); } catch (error) { code = error.code; }
           codes[code] = (codes[code] ?? 0) + 1;
         };
         for (const count of [1000, ...Array(${refused} / 10).fill(10)]) {
           await Promise.all(Array.from({ length: count }, one));
         }
         return codes;`,
      );
      assert.equal(calls.error, undefined, JSON.stringify(calls.error));
      assert.deepEqual(calls.result, { none: 1000, RATE_LIMITED: refused });
      assert.equal(calls.calls.length, 1000);
    });

    await t.step("[code.attacks] rejections, tricks with results and run_code itself", async () => {
      const cases: [code: string, expected: unknown][] = [
        ["Promise.reject(new Error('x')); return 1", 1],
        [
          "setTimeout(() => { throw 1 }, 0); await new Promise((r) => setTimeout(r, 20)); return 2",
          2,
        ],
        ["return new Proxy({}, { ownKeys() { throw new Error('trap') } })", "trap"],
        ["return { get a() { throw new Error('getter') } }", "getter"],
        ["Object.prototype.toJSON = () => '}]\"'; return { a: 1 }", '}]"'],
        ["JSON.stringify = () => '{'; JSON.parse = () => 1; return 'x'", "x"],
        ["return '\\u2028\\ud800\\n\\0'", "\u2028\ud800\n\0"],
        [
          "return await tools.gateway.run_code({ code: 'return 1' }).catch(({ code }) => code)",
          "INVALID_ARGUMENTS",
        ],
      ];
      for (const [code, expected] of cases) {
        const { result, error } = await run(gateway, code);
        assert.deepEqual(error?.message ?? result, expected, code);
      }
    });

    await t.step("[code.time] endless loops end in time, and do not delay others", async () => {
      const loops = Array.from(
        { length: 4 },
        () => run(gateway, "console.log('before'); for (;;);", { timeout_ms: 8000 }),
      );
      const durations: number[] = [];
      for (let count = 0; count < 20; count++) {
        const start = performance.now();
        await gateway.callGatewayTool("list_servers", {});
        durations.push(performance.now() - start);
      }
      durations.sort((a, b) => a - b);
      for (const { error } of await Promise.all(loops)) assert.equal(error?.code, "TIMEOUT");
      assert.ok((durations[10] ?? Infinity) < 500, `${durations[10]} ms`);
    });
  });

  Deno.test({
    name: `[code.killed] nothing of ${command} survives the gateway, even in an endless loop`,
    ignore: HAS_NO_SHELL,
    async fn() {
      const gateway = await startCodeGateway(command);
      const loop = run(gateway, "for (;;);", { timeout_ms: 300_000 }).catch(() => undefined);
      const gatewayPid = await waitForGatewayPid(gateway);
      const processes = (await listProcesses()).filter(({ parent, args }) => {
        return parent === gatewayPid && args.includes("__sandbox");
      });
      assert.ok(processes.length > 0);
      Deno.kill(gatewayPid, "SIGKILL");
      await waitUntilGone(processes, newMark(), 5000);
      await gateway.kill();
      void loop;
    },
  });
}
