import assert from "node:assert/strict";
import { misbehavingServer } from "../e2e/gateway.ts";
import { Shell } from "./shell.ts";

const SERVERS = { odd: misbehavingServer(), off: { ...misbehavingServer(), disabled: true } };
const RULES = {
  agents: { developer: { allow: { servers: ["odd"], tools: { odd: ["echo", "count"] } } } },
};

Deno.test("[cli.near-names] a mistyped command, server, tool or agent gets suggestions", async () => {
  await using shell = new Shell({ servers: SERVERS, rules: RULES });
  const cases: readonly [line: string, code: number, stderr: RegExp][] = [
    ["inti", 2, /^There is no command "inti"; did you mean "init"\?/],
    ["zzzzzz", 2, /^There is no command "zzzzzz"; agent-mcp-gateway --help lists them/],
    ["help docter", 2, /"docter"; did you mean "doctor"\?/],
    ["versoin", 2, /did you mean "version"\?/],
    ["auth lgoin", 2, /did you mean `login`\?/],
    ["--agnet x", 2, /did you mean --agent\?/],
    ["tools odd", 2, /^tools takes no argument "odd"; did you mean --server odd\?/],
    ["explain developer", 2, /did you mean --agent developer\?/],
    ["savings odd", 2, /^savings takes no argument "odd"; see agent-mcp-gateway savings --help/],
    ["serve odd", 2, /^serve takes no argument "odd"; see agent-mcp-gateway serve --help/],
    ["doctor od", 2, /no server "od" .*did you mean "odd"\?/],
    ["doctor other", 2, /no server "other" .*; choose from "odd"/],
    ["doctor off", 2, /"off" is not started: it is disabled/],
    ["call od echo", 2, /no server "od" .*did you mean "odd"\?/],
    ["call odd cuont", 1, /DENIED_BY_POLICY: .*Did you mean "count"\?/s],
    ["call odd echo --agent develper", 2, /no agent "develper" .*did you mean "developer"\?/],
    ["tools --agent develper", 2, /no agent "develper" .*did you mean "developer"\?/],
    ["tools --server od", 2, /no server "od" .*did you mean "odd"\?/],
    ["tools --server odd --names cuont", 0, /Similar names: count/],
  ];
  for (const [line, code, expected] of cases) {
    const output = await shell.run(line.split(" "));
    assert.deepEqual([output.code, output.stdout], [code, ""], `${line}\n${output.stderr}`);
    assert.match(output.stderr, expected, line);
  }
});

Deno.test("[cli.only-agent] an agent is chosen automatically if the rules have only one, and must be named if they have several", async () => {
  await using shell = new Shell({ servers: SERVERS, rules: RULES });
  const callOutput = await shell.run(["call", "odd", "count"]);
  assert.deepEqual([callOutput.code, callOutput.stdout], [0, "1"]);
  assert.match(callOutput.stderr, /^Using agent "developer", the only one in the rules$/m);
  const toolsOutput = await shell.run(["tools"]);
  assert.deepEqual([toolsOutput.code, toolsOutput.stdout], [0, "odd\n  echo, count"]);
  assert.deepEqual(
    new Set(shell.setup.readAuditLog().map(({ agent_id }) => agent_id)),
    new Set(["developer"]),
  );
  const { agents } = RULES;
  shell.setup.writeFile(".mcp-gateway-rules.json", { agents: { ...agents, writer: {} } });
  for (const words of [["call", "odd", "count"], ["tools"]]) {
    const { code, stdout, stderr } = await shell.run(words);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /^Choose an agent with --agent: "developer", "writer"$/m);
  }
  // If the rules allow calls without an agent, no agent has to be chosen.
  const defaults = { deny_on_missing_agent: false };
  const agentWithAllServers = { allow: { servers: ["*"] } };
  shell.setup.writeFile(".mcp-gateway-rules.json", {
    agents: { writer: {}, default: agentWithAllServers },
    defaults,
  });
  assert.equal((await shell.run(["call", "odd", "count"])).code, 0);
});

Deno.test("[cli.help] help and version are commands, too", async () => {
  await using shell = new Shell();
  const [helpFlag, helpCommand, shortFlag, versionCommand, versionFlag, helpCall, callHelp] =
    await Promise.all(
      [["--help"], ["help"], ["-h"], ["version"], ["--version"], ["help", "call"], [
        "call",
        "--help",
      ]]
        .map((words) => shell.run(words)),
    );
  assert.equal(helpFlag?.code, 0);
  assert.ok((helpFlag?.stdout.split("\n").length ?? 99) <= 50);
  assert.equal(helpCommand?.stdout, helpFlag?.stdout);
  assert.equal(shortFlag?.stdout, helpFlag?.stdout);
  assert.deepEqual(versionCommand, {
    ...versionFlag,
    workingFolder: versionCommand?.workingFolder,
  });
  assert.equal(helpCall?.stdout, callHelp?.stdout);
});
