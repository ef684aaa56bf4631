import assert from "node:assert/strict";
import { join } from "node:path";
import {
  faultServer,
  HAS_NO_SHELL,
  markedProcesses,
  newMark,
  waitUntilGone,
} from "./fault_processes.ts";
import { type Refusal, type RunningGateway, startGateway } from "./gateway.ts";
import { waitUntil } from "./wait.ts";

const ignore = HAS_NO_SHELL;

/** Arguments with which the gateway starts a server only when one of its tools is called. */
const LAZY_ARGS = ["--agent", "tester", "--init-strategy", "lazy"];

function expectEchoRefusal(gateway: RunningGateway, server: string): Promise<Refusal> {
  return gateway.expectRefusal("execute_tool", { server, tool: "echo", args: { token: "x" } });
}

/** Splits the message of a refusal into its first line, and the lines that it quotes. */
function splitQuote({ message }: Refusal): [string, string] {
  const lineEnd = message.indexOf("\n");
  const quote = message.slice(lineEnd + 1).split("\n").map((line) => {
    assert.ok(line.startsWith("> "), line);
    return line.slice(2);
  });
  return [message.slice(0, lineEnd), quote.join("\n")];
}

Deno.test({
  name:
    "[faults.exit-at-start] the refusal quotes the output of a server that ends at its start, without secrets",
  ignore,
  fn: async () => {
    const KEY = "canary-5f2b90c4";
    await using gateway = await startGateway({
      servers: {
        dying: { ...faultServer(newMark(), "dying"), env: { KEY } },
        verbose: { ...faultServer(newMark(), "dying-at-length"), env: { KEY } },
      },
      args: LAZY_ARGS,
    });
    const [message, quote] = splitQuote(await expectEchoRefusal(gateway, "dying"));
    assert.equal(
      message,
      'Server "dying" is not available: its connection ended. It exited with code 3. ' +
        "Its last lines on stderr:",
    );
    // The last 20 of the 30 lines.
    const numberedLines = Array.from({ length: 17 }, (_, number) => `line ${number + 11}`);
    assert.deepEqual(quote.split("\n"), [
      ...numberedLines,
      "KEY=[redacted]",
      "at ~/server.js:1",
      "farewell",
    ]);
    const [, longQuote] = splitQuote(await expectEchoRefusal(gateway, "verbose"));
    const bytes = new TextEncoder().encode(longQuote).length;
    assert.ok(bytes <= 2048 && bytes > 1900, `${bytes} bytes`);
    assert.match(longQuote, /\nKEY=\[redacted\]\nat ~\/server\.js:1 0+\nfarewell$/);
    const output = gateway.client.receivedMessages.map(({ text }) => text).join() +
      gateway.program.stderr;
    assert.equal(output.includes(KEY), false);
    assert.equal(output.includes(gateway.setup.home), false);
  },
});

Deno.test({
  name: "[faults.slow-start] only the calls of a slow server wait for its start",
  ignore,
  fn: async () => {
    await using gateway = await startGateway({
      servers: { slow: faultServer(newMark(), "slow"), quick: faultServer(newMark()) },
    });
    const order: string[] = [];
    const call = async (server: string) => {
      assert.equal(await gateway.callServerToolForText(server, "echo", { token: server }), server);
      order.push(server);
    };
    await Promise.all([call("slow"), call("quick"), call("quick")]);
    assert.deepEqual(order, ["quick", "quick", "slow"]);
  },
});

Deno.test({
  name: "[faults.mute] a server that never answers is ended after connect_timeout_ms",
  ignore,
  fn: async () => {
    const mark = newMark();
    await using gateway = await startGateway({
      servers: {
        mute: {
          ...faultServer(mark, "mute", "stubborn", "stubborn-child"),
          gateway: { connect_timeout_ms: 300 },
        },
      },
      args: LAZY_ARGS,
    });
    const startedMs = performance.now();
    const refusal = expectEchoRefusal(gateway, "mute");
    const processes = await waitUntil("the server has started", async () => {
      const found = await markedProcesses(mark);
      return found.length >= 2 && found;
    });
    const { code, message } = await refusal;
    const tookMs = performance.now() - startedMs;
    assert.equal(code, "SERVER_UNAVAILABLE");
    assert.equal(
      message,
      'Server "mute" is not available: it did not answer within 300 ms of its start.',
    );
    assert.ok(tookMs >= 300 && tookMs < 20_000, `${tookMs} ms; the default limit is 30 s`);
    await waitUntilGone(processes, mark, 10_000);
  },
});

Deno.test({
  name: "[faults.garbage] output of a server that is not JSON-RPC does not disturb its calls",
  ignore,
  fn: async () => {
    await using gateway = await startGateway({
      servers: { noisy: faultServer(newMark(), "noisy") },
    });
    const tokens = Array.from({ length: 50 }, (_, number) => `token ${number}`);
    const answers = tokens.map((token, number) => {
      return gateway.callServerToolForText("noisy", number % 2 === 0 ? "garbage" : "later", {
        token,
      });
    });
    assert.deepEqual(await Promise.all(answers), tokens);
    assert.equal(gateway.readAuditLog().length, tokens.length);
  },
});

/** A failing server that counts its starts, and that works after `repair`. */
function countedServer(
  folder: string,
  ...faults: string[]
): { entry: Record<string, unknown>; countStarts: () => number; repair: () => void } {
  const [startsFile, readyFile] = [join(folder, "starts"), join(folder, "ready")];
  Deno.writeTextFileSync(startsFile, "");
  return {
    entry: {
      ...faultServer(newMark(), ...faults),
      env: { STARTS: startsFile, READY: readyFile },
      // A server that ends at the probe is started once more.
      gateway: { protocol: "legacy" },
    },
    countStarts: () => Deno.readTextFileSync(startsFile).split("\n").length - 1,
    repair: () => Deno.writeTextFileSync(readyFile, ""),
  };
}

Deno.test({
  name:
    "[faults.guard] a server that cannot start is started 5 times, then only once after a pause, not once per call",
  ignore,
  fn: async (t) => {
    const folder = Deno.makeTempDirSync();
    const { entry, countStarts, repair } = countedServer(folder, "waiting");
    try {
      await using gateway = await startGateway({
        servers: { waiting: entry, good: faultServer(newMark()) },
        args: LAZY_ARGS,
      });
      await t.step("50 calls one after the other start the server 5 times", async () => {
        const startedMs = performance.now();
        let refusedStarts = 0;
        for (let call = 1; call <= 50; call++) {
          const { code, message } = await expectEchoRefusal(gateway, "waiting");
          assert.equal(code, "SERVER_UNAVAILABLE");
          assert.match(message, /farewell$/);
          if (/failed to start several times in a row/.test(message)) refusedStarts++;
        }
        assert.equal(refusedStarts, 50 - countStarts());
        // On a busy machine, the calls may take longer than the first pause, which is a second.
        const pauses = Math.floor((performance.now() - startedMs) / 1000);
        assert.ok(countStarts() >= 5 && countStarts() <= 5 + pauses, `${countStarts()} starts`);
      });

      await t.step("calls of another server are answered in the meantime", async () => {
        assert.equal(await gateway.callServerToolForText("good", "echo", { token: "x" }), "x");
      });

      await t.step("after the pause, 50 concurrent calls start the server once", async () => {
        const previousStarts = countStarts();
        await waitUntil("the server is started again", async () => {
          const refusals = Array.from({ length: 50 }, () => expectEchoRefusal(gateway, "waiting"));
          await Promise.all(refusals);
          return countStarts() > previousStarts;
        });
        assert.equal(countStarts(), previousStarts + 1);
      });

      await t.step("after the repair of the server, its calls are answered", async () => {
        const previousStarts = countStarts();
        repair();
        const answer = await waitUntil("the repaired server is started", async () => {
          const result = await gateway.callServerTool("waiting", "echo", { token: "back" });
          return result.isError === true ? undefined : result;
        });
        assert.deepEqual(answer.content, [{ type: "text", text: "back" }]);
        assert.equal(countStarts(), previousStarts + 1);
      });
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});

Deno.test({
  name:
    "[faults.ceiling] a call is refused while GATEWAY_MAX_PROCESSES other servers run, and answered after one ends",
  ignore,
  fn: async () => {
    await using gateway = await startGateway({
      servers: {
        one: faultServer(newMark()),
        two: faultServer(newMark()),
        three: faultServer(newMark()),
      },
      env: { GATEWAY_MAX_PROCESSES: "2" },
      args: LAZY_ARGS,
    });
    for (const server of ["one", "two"]) {
      assert.equal(await gateway.callServerToolForText(server, "echo", { token: server }), server);
      // A call that never ends keeps its session from being ended as an idle one.
      gateway.callServerTool(server, "wait").catch(() => {});
    }
    // More than 5 refusals: unlike failed starts of a server, they do not stop the gateway from trying again.
    for (let call = 1; call <= 10; call++) {
      assert.deepEqual(await expectEchoRefusal(gateway, "three"), {
        code: "SERVER_UNAVAILABLE",
        retryable: true,
        message: 'Server "three" is not available: the gateway runs 2 server processes already ' +
          "(GATEWAY_MAX_PROCESSES).",
        hint: "Try again when other calls are done",
      });
    }
    await gateway.callServerTool("one", "crash");
    const answer = await waitUntil("the third server is started", async () => {
      const result = await gateway.callServerTool("three", "echo", { token: "room" });
      return result.isError === true ? undefined : result;
    });
    assert.deepEqual(answer.content, [{ type: "text", text: "room" }]);
    assert.equal(await gateway.callServerToolForText("two", "echo", { token: "still" }), "still");
    // The third server is idle, so it is ended for the first one.
    assert.equal(await gateway.callServerToolForText("one", "echo", { token: "again" }), "again");
  },
});
