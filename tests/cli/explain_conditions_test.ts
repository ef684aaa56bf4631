import assert from "node:assert/strict";
import { Shell } from "./shell.ts";

const RULES = {
  agents: {
    keeper: {
      allow: {
        servers: ["files"],
        tools: {
          files: [
            { tool: "write_file", when: { path: { within: "/srv/notes" } } },
            { tool: "list_*", hint: "read_only" },
          ],
        },
      },
    },
    writer: {
      allow: { servers: ["files"] },
      deny: { tools: { files: [{ tool: "write_*", when: { mode: { one_of: ["a", "b"] } } }] } },
    },
  },
};

const ASK_RULES = {
  agents: {
    careful: {
      allow: { servers: ["files"], tools: { files: ["read_*", "send"] } },
      ask: {
        tools: {
          files: [
            { tool: "write_file", when: { path: { within: "/srv/notes" } } },
            { tool: "send", when: { to: { host: "*.example.com" } } },
            { tool: "move_*", when: { destination: { exists: true } } },
          ],
        },
      },
    },
    wary: { allow: { servers: ["files"] }, ask: { tools: { "*": ["*"] } } },
  },
};

const RULE = "agents.keeper.allow.tools.files[0]";

Deno.test("explain with conditions", async (t) => {
  await using shell = new Shell({ servers: { files: { command: "true" } }, rules: RULES });
  const explain = async (agent: string, tool: string, ...args: string[]) =>
    await shell.run([
      ...["explain", "--agent", agent, "--server", "files", "--tool", tool],
      ...args,
    ]);

  await t.step(
    "[rules.conditions-depend] [cli.explain] without arguments, the decision depends on them, with exit code 5",
    async () => {
      const { code, stdout } = await explain("keeper", "write_file", "--json");
      const { decision, rule, depends_on, conditions } = JSON.parse(stdout);
      assert.deepEqual([code, decision, rule, conditions], [5, "depends", RULE, undefined]);
      const requirement = "path must be within /srv/notes";
      assert.deepEqual(depends_on, [{ rule: RULE, decision: "allow", requirement }]);
      const text = await explain("keeper", "write_file");
      assert.equal(text.code, 5);
      assert.match(
        text.stdout,
        /^depends: agent "keeper" may use, depending on the call, tool "write_file"/,
      );
      assert.ok(text.stdout.includes(`to be allowed by ${RULE}: ${requirement}\n`), text.stdout);
      assert.match(
        text.stdout,
        /^4 {2}explicit allow +depends on agents\.keeper\.allow\.tools\.files\[0\]/m,
      );
      const denying = await explain("writer", "write_file");
      assert.equal(denying.code, 5);
      assert.match(
        denying.stdout,
        /^not to be denied by agents\.writer\.deny\.tools\.files\[0\]: mode must not be one of "a", "b"$/m,
      );
    },
  );

  await t.step(
    "[rules.conditions-refusal] [cli.explain] --args decides as the gateway does",
    async () => {
      const allowed = await explain(
        "keeper",
        "write_file",
        "--args",
        '{"path": "/srv/notes/a"}',
        "--json",
      );
      const { decision, rule } = JSON.parse(allowed.stdout);
      assert.deepEqual([allowed.code, decision, rule], [0, "allow", RULE]);
      const denied = await explain("keeper", "write_file", "--args", '{"path": "/srv/x"}');
      assert.equal(denied.code, 3);
      assert.match(denied.stdout, /^deny: agent "keeper" may not use tool "write_file"/);
      assert.ok(
        denied.stdout.includes(`to be allowed by ${RULE}: path must be within /srv/notes\n`),
      );
      assert.match(denied.stdout, /^4 {2}explicit allow +the condition of \S+ does not hold$/m);
      const missing = await explain("writer", "write_file", "--args", "{}", "--json");
      assert.deepEqual([missing.code, JSON.parse(missing.stdout).conditions], [3, [{
        rule: "agents.writer.deny.tools.files[0]",
        decision: "deny",
        requirement: 'mode must not be one of "a", "b" (it is missing)',
      }]]);
    },
  );

  await t.step(
    "[rules.conditions-hints] [cli.explain] annotations are not known while no server is started",
    async () => {
      const { code, stdout } = await explain("keeper", "list_x", "--args", "{}");
      assert.equal(code, 5);
      assert.match(stdout, /: the tool must be read-only by its annotations$/m);
    },
  );

  await t.step(
    "[cli.explain] arguments that are no JSON object, or have a key twice, are refused",
    async () => {
      for (const args of ["{", "[]", '"{}"', '{"a":1,"\\u0061":2}']) {
        const { code, stderr } = await explain("keeper", "write_file", "--args", args);
        assert.equal(code, 2, args);
        assert.match(stderr, /The arguments (must be a JSON object|have a key twice)/);
      }
      const { code, stderr } = await shell.run(["explain", "--agent", "keeper", "--args", "{}"]);
      assert.equal(code, 2);
      assert.match(stderr, /Name the tool of the arguments with --tool/);
    },
  );

  await t.step(
    "[cli.explain] the table of --all counts tools with conditions as some",
    async () => {
      const { stdout } = await shell.run(["explain", "--all"]);
      assert.match(stdout, /^files +some tools +some tools$/m);
    },
  );
});

Deno.test("explain with ask", async (t) => {
  await using shell = new Shell({ servers: { files: { command: "true" } }, rules: ASK_RULES });
  const explain = async (tool: string, ...args: string[]) =>
    await shell.run([
      ...["explain", "--agent", "careful", "--server", "files", "--tool", tool],
      ...args,
    ]);
  const LIST = "agents.careful.ask.tools.files";

  await t.step(
    "[rules.ask-explained] [cli.explain] a call that a person has to approve exits with 4",
    async () => {
      const { code, stdout } = await explain("write_file", "--args", '{"path": "/srv/notes/a"}');
      assert.equal(code, 4);
      assert.match(
        stdout,
        /^ask: agent "careful" may use, with a person's approval of each call, tool "write_file" of server "files"\n/,
      );
      assert.ok(stdout.includes(`rule: ${LIST}[0]\n`));
      assert.ok(
        stdout.includes(`to need no approval by ${LIST}[0]: path must not be within /srv/notes\n`),
      );
      assert.match(stdout, /^3 {2}explicit deny +no such list$/m);
      assert.match(stdout, /^4 {2}explicit ask +ask by agents\.careful\.ask\.tools\.files\[0\]$/m);
      const json = await explain("write_file", "--args", "{}", "--json");
      const { decision, rule, conditions } = JSON.parse(json.stdout);
      assert.deepEqual([json.code, decision, rule], [4, "ask", `${LIST}[0]`]);
      assert.deepEqual(conditions, [{
        rule: `${LIST}[0]`,
        decision: "ask",
        requirement: "path must not be within /srv/notes (it is missing)",
      }]);
    },
  );

  await t.step(
    "[rules.ask-explained] [cli.explain] a denied call says with which arguments a person would be asked",
    async () => {
      const { code, stdout } = await explain("write_file", "--args", '{"path": "/etc/x"}');
      assert.equal(code, 3);
      assert.ok(stdout.includes(`rule: ${LIST}[0]\n`), stdout);
      assert.ok(
        stdout.includes(`to be asked about by ${LIST}[0]: path must be within /srv/notes\n`),
      );
      const pattern = await explain("move_file", "--args", "{}");
      assert.equal(pattern.code, 3);
      assert.ok(
        pattern.stdout.includes(`to be asked about by ${LIST}[2]: destination must be given\n`),
      );
    },
  );

  await t.step(
    "[rules.ask-explained] [cli.explain] without arguments, it depends whether a person is asked",
    async () => {
      const { code, stdout } = await explain("send");
      assert.equal(code, 5);
      assert.ok(
        stdout.includes(
          `to need no approval by ${LIST}[1]: to must not be a URL with the host *.example.com\n`,
        ),
        stdout,
      );
      assert.equal((await explain("read_file")).code, 0);
    },
  );

  await t.step("[cli.explain] the table of --all counts what needs approval as some", async () => {
    const { stdout } = await shell.run(["explain", "--all"]);
    assert.match(stdout, /^files +some tools +some tools$/m);
  });
});

Deno.test("explain in shadow mode", async (t) => {
  const rules = {
    agents: {
      shadowed: { allow: { servers: ["files"] }, deny: { tools: { files: ["drop"] } } },
      enforced: { mode: "enforce", deny: { servers: ["files"] } },
    },
    defaults: { mode: "shadow" },
  };
  await using shell = new Shell({ servers: { files: { command: "true" } }, rules });
  const explain = async (agent: string, tool: string, ...args: string[]) =>
    await shell.run([
      ...["explain", "--agent", agent, "--server", "files", "--tool", tool],
      ...args,
    ]);

  await t.step(
    "[rules.shadow-explained] [cli.explain] the decision of the rules is printed, and that it is not enforced",
    async () => {
      const denied = await explain("shadowed", "drop");
      assert.equal(denied.code, 3);
      assert.match(denied.stdout, /^deny: agent "shadowed" may not use tool "drop"/);
      assert.match(
        denied.stdout,
        /^shadow: the agent is in shadow mode, so what the rules do not/m,
      );
      const { decision, shadow } = JSON.parse((await explain("shadowed", "drop", "--json")).stdout);
      assert.deepEqual([decision, shadow], ["deny", true]);
      const enforced = await explain("enforced", "drop");
      assert.equal(enforced.code, 3);
      assert.doesNotMatch(enforced.stdout, /shadow/);
    },
  );

  await t.step("[rules.shadow-warns] validate warns, and --strict fails", async () => {
    const { code, stdout, stderr } = await shell.run(["validate"]);
    assert.equal(code, 0);
    assert.match(
      stdout + stderr,
      /defaults\.mode: agent "shadowed" is in shadow mode: what the rules/,
    );
    assert.equal((await shell.run(["validate", "--strict"])).code, 1);
  });

  await t.step("[rules.shadow-warns] doctor warns", async () => {
    const { stdout } = await shell.run(["doctor", "--json"]);
    const { warnings } = JSON.parse(stdout);
    assert.ok(JSON.stringify(warnings).includes("in shadow mode"), stdout);
  });
});
