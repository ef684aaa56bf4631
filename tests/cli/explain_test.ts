import assert from "node:assert/strict";
import { faultServer, HAS_NO_SHELL, newMark } from "../e2e/fault_processes.ts";
import { Shell } from "./shell.ts";

const RULES = {
  agents: {
    reader: {
      allow: { servers: ["fault", "gone"], tools: { fault: ["echo", "l*"] } },
      deny: { tools: { "*": ["p*"] } },
    },
    writer: { allow: { servers: ["*"] }, deny: { servers: ["other"] } },
  },
};

function openShell(): Shell {
  const servers = {
    fault: faultServer(newMark()),
    other: { command: "true" },
    gone: { command: "no-such-program" },
  };
  return new Shell({ servers, rules: RULES });
}

Deno.test({
  name: "explain",
  ignore: HAS_NO_SHELL,
  fn: async (t) => {
    await using shell = openShell();
    const explain = async (...args: string[]) => await shell.run(["explain", ...args]);
    const explainAsJson = async (...args: string[]) => {
      const { code, stdout, stderr } = await explain(...args, "--json");
      return { code, stderr, ...JSON.parse(stdout) };
    };

    await t.step(
      "[cli.explain] a tool is explained by its decision, its rule and the steps before it",
      async () => {
        const allowed = await explainAsJson(
          "--agent",
          "reader",
          "--server",
          "fault",
          "--tool",
          "echo",
        );
        assert.equal(allowed.code, 0);
        assert.equal(allowed.decision, "allow");
        assert.equal(allowed.rule, "agents.reader.allow.tools.fault[0]");
        assert.deepEqual(allowed.steps.map(({ step }: { step: string }) => step), [
          "server deny",
          "server allow",
          "explicit deny",
          "explicit allow",
        ]);
        assert.equal(allowed.steps.at(-1).found.rule, allowed.rule);
        const denied = await explain("--agent", "reader", "--server", "fault", "--tool", "pid");
        assert.equal(denied.code, 3);
        assert.match(
          denied.stdout,
          /^deny: agent "reader" may not use tool "pid" of server "fault"/,
        );
        assert.match(denied.stdout, /^rule: agents\.reader\.deny\.tools\["\*"\]\[0\]$/m);
        assert.match(denied.stdout, /^5 {2}wildcard deny +deny by agents\.reader/m);
        assert.equal(denied.stderr, "");
      },
    );

    await t.step(
      "[cli.explain] a server is explained by the decisions for its tools, or by its denial",
      async () => {
        const { code, decision, servers: [{ tools }] } = await explainAsJson(
          ...["--agent", "reader", "--server", "fault"],
        );
        assert.deepEqual([code, decision], [0, "allow"]);
        const decisionByTool = new Map(
          tools.map(({ tool, decision }: Record<string, string>) => [tool, decision]),
        );
        assert.equal(decisionByTool.get("later"), "allow");
        assert.equal(decisionByTool.get("crash"), "deny");
        const denied = await explainAsJson("--agent", "writer", "--server", "other");
        assert.deepEqual([denied.code, denied.rule], [3, "agents.writer.deny.servers[0]"]);
        const unknownServer = await explainAsJson(
          "--agent",
          "writer",
          "--server",
          "falt",
          "--tool",
          "x",
        );
        assert.equal(unknownServer.code, 0);
        assert.match(unknownServer.stderr, /"falt" is not configured; did you mean "fault"\?/);
      },
    );

    await t.step(
      "[cli.explain] an agent is explained by its servers and tools, and failed starts are reported",
      async () => {
        const { code, stdout } = await explain("--agent", "reader");
        assert.equal(code, 0);
        const lines = stdout.split("\n");
        assert.match(lines[0] ?? "", /^SERVER +TOOL +DECISION +RULE$/);
        const rows = lines.map((line) => line.replaceAll(/ +/g, " "));
        assert.ok(rows.includes("fault echo allow agents.reader.allow.tools.fault[0]"), stdout);
        assert.ok(rows.includes("fault crash deny agents.reader.allow.tools.fault"), stdout);
        assert.ok(rows.includes("other * deny agents.reader.allow.servers"), stdout);
        assert.ok(rows.includes("gone * ? agents.reader.allow.servers[1]"), stdout);
        assert.match(stdout, /gone: its tools are not known: .*"no-such-program" was not found/);
      },
    );

    await t.step(
      "[cli.explain] an unknown agent is denied everything, and a similar name is suggested",
      async () => {
        const { code, decision, rule, stderr } = await explainAsJson("--agent", "raeder");
        assert.deepEqual([code, decision, rule], [3, "deny", "agents.raeder"]);
        assert.match(stderr, /did you mean "reader"\?/);
      },
    );

    await t.step(
      "[cli.explain] an unknown agent without a similar name is reported with the list of agents",
      async () => {
        const { code, stderr } = await explain("--agent", "nobody-at-all");
        assert.equal(code, 3);
        assert.match(
          stderr,
          /^The agent "nobody-at-all" is not in the rules; choose from "reader", "writer"$/m,
        );
        const otherCase = await explain("--agent", "Reader");
        assert.match(otherCase.stderr, /names are case-sensitive: write "reader"$/m);
      },
    );

    await t.step("[cli.explain] --all shows a table of servers and agents", async () => {
      const { code, stdout } = await explain("--all");
      assert.equal(code, 0);
      assert.equal(
        stdout,
        [
          "SERVER  reader      writer",
          "fault   some tools  allow",
          "other   deny        deny",
          "gone    some tools  allow",
        ].join("\n"),
      );
      const { agents } = await explainAsJson("--all", "--agent", "writer", "--server", "other");
      assert.deepEqual(agents, [{
        agent: "writer",
        servers: [{ server: "other", decision: "deny", rule: "agents.writer.deny.servers[0]" }],
      }]);
    });

    await t.step(
      "[cli.explain] --all shows whether all, some or none of an allowed server's tools are allowed",
      async () => {
        const shares: Readonly<Record<string, [share: string, tools: object, deny?: object]>> = {
          untouched: ["all", { other: ["x"] }],
          everything: ["all", { fault: ["*"] }],
          "empty-list": ["none", { fault: [] }],
          "denied-by-name": ["none", { fault: ["echo"] }, { fault: ["echo"] }],
          "denied-by-wildcard": ["none", { fault: ["get_*"] }, { "*": ["*"] }],
          "name-before-wildcard": ["some", { fault: ["echo"] }, { "*": ["*"] }],
          "short-names-denied": ["some", { fault: ["get_*"] }, { fault: ["get_?", "*_*_*"] }],
          "rest-allowed": ["some", {}, { fault: ["drop_*"] }],
        };
        const agents = Object.fromEntries(
          Object.entries(shares).map(([agent, [, tools, deny]]) => {
            const allow = {
              servers: ["fault"],
              ...(Object.keys(tools).length > 0 ? { tools } : {}),
            };
            return [agent, { allow, ...(deny === undefined ? {} : { deny: { tools: deny } }) }];
          }),
        );
        shell.setup.writeFile("shares.json", { agents });
        const allFlags = ["--all", "--server", "fault", "--rules", "shares.json"];
        const answer = await explainAsJson(...allFlags);
        assert.deepEqual(
          answer.agents.map(({ agent, servers: [{ decision, tools }] }: {
            agent: string;
            servers: [{ decision: string; tools: string }];
          }) => [agent, decision, tools]),
          Object.entries(shares).map(([agent, [share]]) => [agent, "allow", share]),
        );
        const { stdout } = await explain(...allFlags, "--agent", "empty-list");
        assert.match(stdout, /^fault +no tools$/m);
        const agentFlags = [
          "--server",
          "fault",
          "--rules",
          "shares.json",
          "--agent",
          "denied-by-name",
        ];
        assert.match(
          (await explain(...agentFlags)).stdout,
          /^allow: agent "denied-by-name" may use server "fault": 0 of \d+ tools\n/,
        );
      },
    );

    await t.step(
      "[cli.explain] [cli.usage-errors] missing or contradictory arguments exit with 2",
      async () => {
        for (const args of [[], ["--agent", "reader", "--tool", "x"], ["--all", "--tool", "x"]]) {
          const { code, stdout, stderr } = await explain(...args);
          assert.deepEqual([code, stdout], [2, ""], args.join(" "));
          assert.notEqual(stderr, "");
        }
      },
    );
  },
});

Deno.test("[cli.explain] [cli.tables] tables fit the width, and have no colors without a terminal", async () => {
  const server = "a-server-with-a-name-that-is-much-too-long";
  const servers = Object.fromEntries(
    Array.from({ length: 30 }, (_, n) => [`${server}-${n}`, { command: "true" }]),
  );
  const agents = { [`team.${"role.".repeat(20)}x`]: { allow: { servers: ["*"] } }, b: {} };
  await using shell = new Shell({ servers, rules: { agents }, env: { COLUMNS: "60" } });
  const { stdout } = await shell.run(["explain", "--all"]);
  const lines = stdout.split("\n");
  assert.ok(lines.every((line) => [...line].length <= 60), stdout);
  assert.equal(stdout.match(/allow/g)?.length, 30);
  assert.equal(stdout.match(/deny/g)?.length, 30);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(stdout, /\x1b/);
});

Deno.test({
  name:
    "[cli.unmatched-rules] entries that match no server or no tool are reported with a suggestion",
  ignore: HAS_NO_SHELL,
  fn: async () => {
    const rules = {
      agents: {
        writer: {
          allow: {
            servers: ["fault", "falt", "oth-*"],
            tools: {
              fault: ["ecko", "Echo", "echo ", "zz_*", "echo", "*"],
              "f*": ["nothing"],
              "*": ["get_*"],
            },
          },
          deny: { tools: { "*": ["drop_*"], fault: ["drop_*"], other: ["anything"] } },
        },
        reader: { allow: { servers: ["nowhere"] } },
      },
    };
    const servers = { fault: faultServer(newMark()), other: { command: "no-such-program" } };
    await using shell = new Shell({ servers, rules });
    const { code, stderr } = await shell.run(["explain", "--agent", "writer"]);
    assert.equal(code, 0);
    const warnings = stderr.split("\n").flatMap((line) => {
      return /^Warning: [^:]*rules\.json:(?:\d+:\d+:)? (.*)$/.exec(line)?.[1] ?? [];
    });
    const noMatch = 'no tool of server "fault" matches';
    assert.deepEqual(warnings, [
      'agents.writer.allow.servers[1]: agent "writer" names server "falt", which is not ' +
      'configured; the rule is kept; did you mean "fault"?',
      'agents.writer.allow.servers[2]: agent "writer" names servers "oth-*", which no configured ' +
      'server matches; the rule is kept; did you mean "other"?',
      "agents.writer.allow.tools.fault[2]: the name of this tool ends with a space, and names " +
      'match exactly: write "echo"',
      `agents.writer.allow.tools.fault[0]: ${noMatch} "ecko"; did you mean "echo"?`,
      `agents.writer.allow.tools.fault[1]: ${noMatch} "Echo"; names are case-sensitive: write "echo"`,
      `agents.writer.allow.tools.fault[2]: ${noMatch} "echo "; the name ends with a space: write "echo"`,
      `agents.writer.allow.tools.fault[3]: ${noMatch} "zz_*"`,
      `agents.writer.allow.tools["f*"][0]: no tool of the servers that match "f*" matches "nothing"`,
      `agents.writer.deny.tools.fault[0]: ${noMatch} "drop_*"`,
    ]);
    // Rules about a server that did not start cannot be checked.
    assert.doesNotMatch(stderr, /anything/);
    const doctor = await shell.run(["doctor"]);
    assert.match(doctor.stdout, /^Rules$/m);
    assert.match(doctor.stdout, /^ *Warning: .*reader\.allow\.servers\[0\]: .*"nowhere"/m);
    for (const warning of warnings) assert.ok(doctor.stdout.includes(warning), warning);
    const faultDoctor = await shell.run(["doctor", "fault", "--json"]);
    const paths = JSON.parse(faultDoctor.stdout).warnings.map(({ path }: { path: string }) => path);
    assert.deepEqual(paths, [
      ...[0, 1, 2, 3].map((index) => `agents.writer.allow.tools.fault[${index}]`),
      'agents.writer.allow.tools["f*"][0]',
      "agents.writer.deny.tools.fault[0]",
    ]);
    // `--all` checks only the two files and starts no server.
    const allAgents = await shell.run(["explain", "--all"]);
    assert.match(allAgents.stderr, /agents\.reader\.allow\.servers\[0\]: .*names server "nowhere"/);
    assert.doesNotMatch(allAgents.stderr, /ecko/);
  },
});
