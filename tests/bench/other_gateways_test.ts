import assert from "node:assert/strict";
import { join } from "node:path";
import { measureCalls } from "../../scripts/bench/call_figures.ts";
import {
  DIRECT,
  echoCommand,
  type MeasuredProgram,
} from "../../scripts/bench/measured_programs.ts";
import type { Mapping } from "../../scripts/bench/mappings.ts";
import { OtherGatewayCaller } from "../../scripts/bench/other_gateway_calls.ts";
import {
  openOtherGateway,
  timeOtherGatewayStart,
} from "../../scripts/bench/other_gateway_process.ts";
import { describeOtherGateway } from "../../scripts/bench/other_gateways.ts";
import { listTree } from "../../scripts/bench/process_tree.ts";
import { Workspace } from "../../scripts/bench/workspace.ts";
import { Figures } from "../../scripts/bench/summary.ts";

function createOtherGateway(
  name: string,
  command: readonly string[],
  call: Mapping["call"] = {},
): MeasuredProgram {
  const words = command.map((word) => `"${word}"`);
  return describeOtherGateway({ name, command: words.join(" "), call });
}

Deno.test("bench: another gateway that fails does not affect the other figures", async () => {
  const figures = new Figures();
  const endingGateway = createOtherGateway("ends", [Deno.execPath(), "eval", ""]);
  await measureCalls([DIRECT, endingGateway], { rounds: 1, share: 0.001 }, figures);
  const [failure = "", ...furtherFailures] = figures.failures;
  assert.deepEqual(furtherFailures, []);
  assert.match(
    failure,
    /^ends: it does not speak MCP: The program ended\. Start it by hand/,
  );
  const rows = figures.rows(() => undefined);
  assert.ok(
    rows.some(({ figure, program }) => figure.startsWith("1 MB, 64") && program === "direct"),
  );
  assert.ok(rows.every(({ program }) => program !== "ends"));
});

Deno.test("bench: a load that crashes another gateway is left out, and the other loads of that gateway are measured", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const file = join(folder, "weak.js");
    Deno.writeTextFileSync(
      file,
      `let partialLine = "";
      for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
        const lines = (partialLine + text).split("\\n");
        partialLine = lines.pop();
        for (const line of lines) {
          const { id, params } = JSON.parse(line);
          const n = params?.arguments?.n ?? 0;
          if (n === 1_000_000) Deno.exit();
          console.log(JSON.stringify({ jsonrpc: "2.0", id, result: "x".repeat(n) }));
        }
      }`,
    );
    const call = { name: "{tool}", arguments: "{args}" };
    const crashingGateway = createOtherGateway("weak", [
      Deno.execPath(),
      "run",
      "--no-config",
      file,
    ], call);
    const figures = new Figures();
    await measureCalls([crashingGateway, DIRECT], { rounds: 2, share: 0.001 }, figures);
    const rows = figures.rows(() => undefined).filter(({ figure }) => figure.endsWith(": p50"));
    assert.equal(rows.filter(({ program }) => program === "weak").length, 6);
    assert.equal(rows.filter(({ program }) => program === "direct").length, 9);
    assert.deepEqual(
      figures.failures,
      [1, 8, 64].map((inFlight) => `weak, 1000000 B, ${inFlight} in flight: The program ended`),
    );
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("bench: another gateway that does not answer initialize in time is ended", async () => {
  using workspace = new Workspace();
  const processCount = listTree(Deno.pid).length;
  const silentGateway = createOtherGateway("hung", echoCommand("--hang"));
  const timeoutMessage = /^hung: initialize was not answered within 0\.3 s\. Start it by hand/;
  await assert.rejects(openOtherGateway(silentGateway, workspace, 300), {
    name: "AnswerTimeout",
    message: timeoutMessage,
  });
  await assert.rejects(timeOtherGatewayStart(silentGateway, workspace, 300), {
    name: "AnswerTimeout",
    message: timeoutMessage,
  });
  assert.equal(listTree(Deno.pid).length, processCount);
});

Deno.test("bench: another gateway is refused if its answer lacks the requested text", async () => {
  using workspace = new Workspace();
  const addFailure = (message: string): never => assert.fail(message);
  // This gateway answers quickly, but with three letters instead of a hundred.
  const wrongGateway = createOtherGateway("wrong", echoCommand(), {
    name: "{tool}",
    arguments: { n: 3 },
  });
  await assert.rejects(
    OtherGatewayCaller.open(wrongGateway, workspace, {
      warmUpCalls: 1,
      rounds: 1,
      addFailure,
      answerMs: 1500,
    }),
    /^AnswerTimeout: wrong: the tool echo .* could not be called within 1\.5 s; see the mapping.*"xxx"/,
  );
});

Deno.test("bench: processes that another gateway leaves behind are ended", async () => {
  using workspace = new Workspace();
  // This gateway does not end when its input ends, and has a child process with a unique argument.
  const script = `new Deno.Command("sleep", { args: ["61.25"] }).spawn();
    const line = await Deno.stdin.readable.getReader().read();
    const id = /"id":(\\d+)/.exec(new TextDecoder().decode(line.value))[1];
    console.log('{"jsonrpc":"2.0","id":' + id + ',"result":{}}');
    setInterval(() => {}, 1000);`;
  const file = join(workspace.folder, "stays.js");
  Deno.writeTextFileSync(file, script);
  const lingeringGateway = createOtherGateway("stays", [
    Deno.execPath(),
    "run",
    "--no-config",
    "--allow-run",
    file,
  ]);
  assert.ok(await timeOtherGatewayStart(lingeringGateway, workspace) > 0);
  const { stdout } = await new Deno.Command("ps", { args: ["-A", "-o", "args="] }).output();
  const running = new TextDecoder().decode(stdout);
  assert.ok(!running.includes(file) && !running.includes("sleep 61.25"));
});
