import assert from "node:assert/strict";
import { startGateway } from "./gateway.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { runOnce } from "./run_once.ts";
import { Program } from "./program.ts";
import { DEFAULT_AUDIT_LOG, Setup } from "./setup.ts";
import { waitUntil } from "./wait.ts";
import { createAuditLine } from "../cli/run_audit_commands.ts";

Deno.test("[audit.stats] [audit.tail] audit stats and audit tail read what the gateway wrote", async () => {
  await using gateway = await startGateway();
  await gateway.callGatewayToolForJson("list_servers");
  const [line] = gateway.readAuditLog();
  const files = { [DEFAULT_AUDIT_LOG]: `${JSON.stringify(line)}\n` };
  const stats = await runOnce(["audit", "stats", "--json"], { files });
  assert.equal(stats.code, 0, stats.stderr);
  assert.equal(JSON.parse(stats.stdout).agents[0].name, "tester");
  const env = { GATEWAY_AUDIT_LOG: "~/none.jsonl" };
  const tailArgs = ["audit", "tail", "-n", "1", "--json", DEFAULT_AUDIT_LOG];
  const tail = await runOnce(tailArgs, { files, env });
  assert.deepEqual(JSON.parse(tail.stdout), line);
  const filesAtDefaultPath = { [DEFAULT_AUDIT_LOG]: createAuditLine() };
  const tailAtDefaultPath = await runOnce(["audit", "tail"], { files: filesAtDefaultPath, env });
  assert.match(tailAtDefaultPath.stdout, /^2026-01-31T08:00:00Z ALLOW a files\/read 1\.50 ms$/);
  assert.doesNotMatch(tailAtDefaultPath.stderr, /another/);
  // After a full disk, for example, there are logs at the configured path and at the default path.
  const tailWithTwoLogs = await runOnce(["audit", "tail"], {
    files: { "logs/audit.jsonl": createAuditLine(), ...filesAtDefaultPath },
    env: { GATEWAY_AUDIT_LOG: "./logs/audit.jsonl" },
  });
  assert.match(
    tailWithTwoLogs.stderr,
    /another audit log at .*\.local\/state\/agent-mcp-gateway\/audit\.jsonl, /,
  );
});

Deno.test("[audit.stats] [audit.tail] the audit commands print help, and refuse wrong command lines", async () => {
  for (const name of ["stats", "tail"]) {
    const { code, stdout } = await runOnce(["audit", name, "--help"]);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`Example: agent-mcp-gateway audit ${name} `));
  }
  const wrongCommandLines = [
    ["stats", "--since", "soon"],
    ["tail", "-n", "0"],
    ["tail", "a", "b"],
    ["nope"],
  ];
  for (const words of wrongCommandLines) {
    const { code, stdout, stderr } = await runOnce(["audit", ...words]);
    assert.deepEqual([code, stdout], [2, ""], words.join(" "));
    assert.notEqual(stderr, "");
  }
});

Deno.test({
  name: "[audit.tail] audit tail exits with 0 when its reader stops early",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const folder = Deno.makeTempDirSync();
    try {
      Deno.writeTextFileSync(`${folder}/a.jsonl`, createAuditLine().repeat(20_000));
      const words = await gatewayCommandLine(GATEWAY_COMMAND);
      const script = '"$@" audit tail -n 20000 a.jsonl | head -n 1; echo "${PIPESTATUS[0]}"';
      const { stdout, stderr } = await new Deno.Command("bash", {
        args: ["-c", script, "bash", ...words],
        cwd: folder,
        stdin: "null",
      }).output();
      const text = new TextDecoder().decode(stdout);
      assert.match(text, /^2026-01-31T.*\n0\n$/, new TextDecoder().decode(stderr));
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});

/** Starts `audit tail -f` in a setup's working folder. */
async function startFollowing(setup: Setup, ...args: string[]): Promise<Program> {
  const [command, ...words] = await gatewayCommandLine(GATEWAY_COMMAND);
  const { workingFolder: cwd, env } = setup;
  return new Program({ command, args: [...words, "audit", "tail", "-f", ...args], cwd, env });
}

Deno.test("[audit.follow] audit tail -f prints new entries, across rotations, until a signal", async () => {
  const setup = new Setup();
  const path = setup.writeFile(
    "a.jsonl",
    createAuditLine({ tool: "t0" }) + createAuditLine({ tool: "t1" }),
  );
  const program = await startFollowing(setup, "-n", "1", "a.jsonl");
  try {
    const shownTools = () => program.lines.map((line) => /files\/(\S+)/.exec(line)?.[1]);
    const expectedTools = ["t1"];
    await waitUntil("the last entry is shown", () => shownTools().length === 1);
    const appendEntry = (tool: string): void => {
      Deno.writeTextFileSync(path, createAuditLine({ tool }), { append: true });
      expectedTools.push(tool);
    };
    appendEntry("t2");
    appendEntry("t3");
    await waitUntil(
      "the new entries are shown",
      () => shownTools().length === expectedTools.length,
    );
    // A line that is written in two halves is printed once.
    const line = createAuditLine({ tool: "t4" });
    Deno.writeTextFileSync(path, line.slice(0, 30), { append: true });
    Deno.writeTextFileSync(path, line.slice(30), { append: true });
    expectedTools.push("t4");
    // The log is rotated twice between two checks, and a gateway that has not noticed writes to the oldest file.
    const oldestFile = Deno.openSync(path, { append: true });
    Deno.renameSync(path, `${path}.1`);
    appendEntry("t5");
    Deno.renameSync(`${path}.1`, `${path}.2`);
    Deno.renameSync(path, `${path}.1`);
    appendEntry("t6");
    oldestFile.writeSync(new TextEncoder().encode(createAuditLine({ tool: "late" })));
    expectedTools.push("late");
    oldestFile.close();
    appendEntry("t7");
    await waitUntil("all entries are shown", () => shownTools().length === expectedTools.length);
    assert.deepEqual(shownTools().toSorted(), expectedTools.toSorted());
    // Some tools truncate the log in place.
    Deno.truncateSync(path);
    appendEntry("t8");
    await waitUntil("the entry after the truncation is shown", () => shownTools().includes("t8"));
    program.sendSignal("SIGINT");
    await program.waitForEnd();
    assert.match(program.stderr, /^Audit log: .*a\.jsonl\n$/);
  } finally {
    program.sendSignal("SIGKILL");
    await setup.close();
  }
});

Deno.test("[audit.follow] audit tail -f waits for a log that does not exist yet, and applies the filters", async () => {
  const setup = new Setup();
  const program = await startFollowing(setup, "--agent", "b", "--json", "none.jsonl");
  try {
    await waitUntil(
      "the command waits for the log",
      () => /no audit log at none\.jsonl yet/.test(program.stderr),
    );
    const line = createAuditLine({ agent_id: "b" });
    setup.writeFile("none.jsonl", createAuditLine({ agent_id: "a" }) + line);
    await waitUntil("the line of agent b is shown", () => program.lines.length === 1);
    assert.equal(`${program.lines[0]}\n`, line);
  } finally {
    program.sendSignal("SIGKILL");
    await program.waitForEnd();
    await setup.close();
  }
});

Deno.test({
  name: "[audit.follow] audit tail -f ends without an error when its reader is gone",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const setup = new Setup();
    const path = setup.writeFile("a.jsonl", createAuditLine());
    const words = await gatewayCommandLine(GATEWAY_COMMAND);
    const script = '"$@" audit tail -f a.jsonl | head -n 1; echo "${PIPESTATUS[0]}"';
    const args = ["-c", script, "bash", ...words];
    const program = new Program({
      command: "bash",
      args,
      cwd: setup.workingFolder,
      env: setup.env,
    });
    try {
      await waitUntil("the first entry is shown", () => program.lines.length === 1);
      await waitUntil("audit tail has ended", () => {
        Deno.writeTextFileSync(path, createAuditLine(), { append: true });
        return program.lines.length === 2;
      });
      assert.equal(program.lines[1], "0");
      await program.waitForEnd();
      assert.match(program.stderr, /^Audit log: .*\n$/);
    } finally {
      program.sendSignal("SIGKILL");
      await setup.close();
    }
  },
});
