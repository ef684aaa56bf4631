import assert from "node:assert/strict";
import { misbehavingServer } from "../e2e/gateway.ts";
import { waitUntil } from "../e2e/wait.ts";
import { Shell } from "./shell.ts";

const RULES = {
  agents: {
    reader: { allow: { servers: ["odd"], tools: { odd: ["echo", "contents", "fails"] } } },
    writer: { allow: { servers: ["*"] } },
    cautious: {
      allow: { servers: ["gone"], tools: { "g*": ["echo", "x*"] } },
      deny: { tools: { gone: ["anything"] } },
    },
  },
};

Deno.test("tools and call", async (t) => {
  const servers = {
    odd: { description: "Odd things", ...misbehavingServer() },
    gone: { command: "no-such-program" },
  };
  await using shell = new Shell({ servers, rules: RULES });
  const readerFlags = ["--agent", "reader"];
  const writerFlags = ["--agent", "writer"];

  await t.step("[cli.tools] the servers and tools of the agent are listed", async () => {
    const { code, stdout } = await shell.run(["tools", ...readerFlags]);
    assert.deepEqual([code, stdout], [0, "odd: Odd things\n  echo, contents, fails"]);
    const writerTools = await shell.run(["tools", ...writerFlags, "--json"]);
    assert.equal(writerTools.code, 1);
    assert.match(writerTools.stderr, /^SERVER_UNAVAILABLE: .*"no-such-program" was not found/);
    const [odd, gone] = JSON.parse(writerTools.stdout);
    assert.deepEqual([odd.name, odd.description], ["odd", "Odd things"]);
    assert.ok(odd.returned > 3);
    assert.equal(gone.error.code, "SERVER_UNAVAILABLE");
  });

  await t.step(
    "[cli.tools] one server's tools are listed as get_server_tools returns them",
    async () => {
      const text = await shell.run(["tools", "--server", "odd", ...readerFlags]);
      assert.equal(text.code, 0);
      assert.match(text.stdout, /^echo\(/m);
      assert.match(text.stderr, /^3 of \d+ tools$/m);
      const pattern = ["--pattern", "e*", "--detail", "names", "--json"];
      const json = await shell.run(["tools", "--server", "odd", ...readerFlags, ...pattern]);
      const { tools, detail } = JSON.parse(json.stdout);
      assert.deepEqual([tools, detail], [[{ name: "echo" }], "names"]);
      const denied = await shell.run(["tools", "--server", "gone", ...readerFlags]);
      assert.deepEqual([denied.code, denied.stdout], [1, ""]);
      assert.match(denied.stderr, /^DENIED_BY_POLICY: .*\nrule: agents\.reader\.allow\.servers$/m);
    },
  );

  await t.step("[types.command] tools --detail types prints the declarations", async () => {
    const flags = ["tools", "--detail", "types", ...readerFlags];
    const declared = /^echo\(args\?: \{text\?: string\}\): Promise<any>$/m;
    for (const scope of [["--server", "odd"], ["--query", "echo"], []]) {
      const { code, stdout } = await shell.run([...flags, ...scope]);
      assert.equal(code, 0);
      assert.match(stdout, declared);
    }
  });

  await t.step(
    "[finding.command] tools --query lists the tools that fit, the best first",
    async () => {
      const { code, stdout, stderr } = await shell.run([
        "tools",
        "--query",
        "ehco",
        ...readerFlags,
      ]);
      assert.equal(code, 0);
      assert.match(stdout, /^odd: echo\(/);
      assert.match(stderr, /^1 of 3 tools$/m);
      const query = ["tools", "--query", "echo", ...writerFlags];
      const all = await shell.run([...query, "--detail", "names"]);
      assert.match(all.stdout, /^odd: echo$/m);
      assert.match(all.stderr, /^Not available: gone$/m);
      const { tools, unavailable } = JSON.parse((await shell.run([...query, "--json"])).stdout);
      assert.deepEqual([tools[0].server, tools[0].name, unavailable], ["odd", "echo", ["gone"]]);
      const full = await shell.run([...query, "--detail", "full", "--server", "odd"]);
      assert.match(full.stdout, /"inputSchema"/);
      const none = await shell.run(["tools", "--query", "quaternion", ...readerFlags]);
      assert.deepEqual([none.code, none.stdout], [0, ""]);
      assert.match(none.stderr, /^No tool fits; .*: odd\.$/m);
    },
  );

  await t.step("[cli.call] arguments come from the command line or standard input", async () => {
    const args = '{"token":"é 😀","number":12345678901234567890}';
    const outputs = await Promise.all([
      shell.run(["call", "odd", "echo", args, ...readerFlags]),
      shell.run(["call", "odd", "echo", "-", ...readerFlags], `${args}\n`),
    ]);
    for (const { code, stdout } of outputs) {
      assert.equal(code, 0);
      // The server returns the line that it received: no number was rounded.
      assert.ok(stdout.includes('"number":12345678901234567890'), stdout);
      assert.ok(stdout.includes("é 😀"));
    }
  });

  await t.step(
    "[cli.call] an image is printed as a description, and --json prints the complete result",
    async () => {
      const { stdout } = await shell.run(["call", "odd", "contents", ...readerFlags]);
      assert.match(stdout, /^\[image image\/\S+, \d+ bytes; --json has them\]$/m);
      const json = await shell.run(["call", "odd", "contents", "--json", ...readerFlags]);
      const { content } = JSON.parse(json.stdout);
      assert.ok(content.some(({ type }: { type: string }) => type === "image"));
    },
  );

  await t.step(
    "[cli.call] a call that is refused or fails exits with 1, a call without an agent with 2",
    async () => {
      const denied = await shell.run(["call", "odd", "wait", ...readerFlags]);
      assert.deepEqual([denied.code, denied.stdout], [1, ""]);
      assert.match(
        denied.stderr,
        /^DENIED_BY_POLICY: .*\nrule: agents\.reader\.allow\.tools\.odd$/m,
      );
      const fails = await shell.run(["call", "odd", "fails", ...readerFlags]);
      assert.deepEqual([fails.code, fails.stdout], [1, "it went wrong"]);
      const json = await shell.run(["call", "odd", "wait", "--json", ...readerFlags]);
      assert.equal(json.code, 1);
      assert.equal(JSON.parse(json.stdout).isError, true);
      const withoutAgent = await shell.run(["call", "odd", "echo"]);
      assert.equal(withoutAgent.code, 2);
      assert.match(
        withoutAgent.stderr,
        /^Choose an agent with --agent: "reader", "writer", "cautious"$/m,
      );
      const arrayArguments = await shell.run(["call", "odd", "echo", "[1]", ...readerFlags]);
      assert.equal(arrayArguments.code, 1);
      assert.match(arrayArguments.stderr, /^INVALID_ARGUMENTS: .*"args" must be an object/);
      const timedOut = await shell.run([
        "call",
        "odd",
        "wait",
        "{}",
        "--timeout",
        "50",
        ...writerFlags,
      ]);
      assert.equal(timedOut.code, 1);
      assert.match(timedOut.stderr, /^TIMEOUT: /m);
    },
  );

  await t.step(
    "[cli.call] a denied call starts no server and has one audit entry",
    async () => {
      const calls: readonly [server: string, tool: string, hint: RegExp][] = [
        // If this server were started, the call would fail with another error.
        [
          "gone",
          "anything",
          /^rule: agents\.cautious\.deny\.tools\.gone\[0\]$/m,
        ],
        ["gone", "ehco", /Did you mean "echo"\?$/],
        ["odd", "echo", /^rule: agents\.cautious\.allow\.servers$/m],
      ];
      for (const [server, tool, hint] of calls) {
        const entryCount = shell.setup.readAuditLog().length;
        const { code, stdout, stderr } = await shell.run(
          ["call", server, tool, "--agent", "cautious"],
        );
        assert.deepEqual([code, stdout], [1, ""]);
        assert.match(stderr.trim(), hint);
        const entries = shell.setup.readAuditLog().slice(entryCount).map((entry) => {
          return [entry.operation, entry.agent_id, entry.server, entry.tool, entry.decision];
        });
        assert.deepEqual(entries, [["execute_tool", "cautious", server, tool, "DENY"]]);
      }
    },
  );

  await t.step("[cli.call] progress goes to stderr", async () => {
    const { stdout, stderr } = await shell.run(["call", "odd", "progress", ...writerFlags]);
    assert.equal(stdout, "done");
    assert.match(stderr, /^progress: 1\/3 step 1\nprogress: 2\.5\/3 step 2\.5\n/m);
  });

  await t.step("[cli.call] [cli.usage-errors] a wrong command line exits with 2", async () => {
    const argumentLists = [["odd"], ["odd", "echo", "{bad"], [
      "odd",
      "echo",
      "{}",
      "--timeout",
      "0",
    ]];
    for (
      const words of [...argumentLists, ["odd", "echo", "{}", "more"], [
        "odd",
        "echo",
        "--agent",
        "a b",
      ]]
    ) {
      const { code, stdout, stderr } = await shell.run(["call", ...words]);
      assert.deepEqual([code, stdout], [2, ""], words.join(" "));
      assert.notEqual(stderr, "");
    }
  });

  await t.step("[cli.call] [audit.fields] calls and lists of tools have audit entries", () => {
    const entries = shell.setup.readAuditLog();
    const denied = entries.find(({ decision, tool }) => decision === "DENY" && tool === "wait");
    assert.equal(denied?.rule, "agents.reader.allow.tools.odd");
    const operations = new Set(entries.map(({ operation }) => operation));
    assert.deepEqual([...operations].sort(), ["execute_tool", "get_server_tools", "list_servers"]);
  });

  await t.step({
    name: "[cli.call] a signal ends the command and every process that it started",
    ignore: Deno.build.os === "windows",
    fn: async () => {
      const program = await shell.start("call", "odd", "wait", "{}", ...writerFlags);
      await waitUntil(
        "the server runs",
        async () => (await shell.setup.listProcessIds()).length > 1,
      );
      program.sendSignal("SIGINT");
      assert.equal((await program.waitForEnd()).code, 130);
    },
  });
});

Deno.test("[cli.call] a failed start of a server prints one cause and the command that shows more", async () => {
  // npm 11 prints this for a package that does not exist.
  const stderr = [
    "npm error code E404",
    "npm error 404 Not Found - GET https://registry.example/no-such - Not found",
    "npm error 404  The requested resource 'no-such@*' could not be found",
    "npm error A complete log of this run can be found in: /home/x/.npm/_logs/debug-0.log",
  ];
  await using shell = new Shell({ rules: { agents: { a: { allow: { servers: ["*"] } } } } });
  shell.setup.writeFile("npx", `#!/bin/sh\ncat >&2 <<'END'\n${stderr.join("\n")}\nEND\nexit 1\n`);
  await Deno.chmod(`${shell.setup.workingFolder}/npx`, 0o755);
  const entry = { command: `${shell.setup.workingFolder}/npx`, args: ["-y", "no-such"] };
  shell.setup.writeFile(".mcp.json", { mcpServers: { one: entry } });
  const output = await shell.run(["call", "one", "any"]);
  assert.deepEqual([output.code, output.stdout], [1, ""]);
  const cause = "there is no package no-such in the npm registry, or you have no access to it";
  assert.deepEqual(output.stderr.trimEnd().split("\n"), [
    'Using agent "a", the only one in the rules',
    `SERVER_UNAVAILABLE: Server "one" is not available: ${cause}. It wrote "npm error code E404".`,
    "hint: run agent-mcp-gateway doctor one",
  ]);
  const doctor = await shell.run(["doctor", "one", "--json"]);
  const [{ error }] = JSON.parse(doctor.stdout).servers;
  assert.equal(error.message, cause);
});
