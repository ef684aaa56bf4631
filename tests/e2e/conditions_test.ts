import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { ensureServers, serverEntry } from "../../scripts/test_servers.ts";
import { type Fields, misbehavingServer, readRefusal, startGateway } from "./gateway.ts";
import { holdsByContract, withSource } from "../policy/judge_by_contract.ts";
import { spellJson } from "../policy/spell_json.ts";
import { runOnce } from "./run_once.ts";

/** Entry of `mcpServers` for the filesystem server from npm. */
function filesystemServer(folder: string): { command: string; args: string[] } {
  return { command: "node", args: [serverEntry("filesystem"), folder] };
}

Deno.test("conditions fence in the filesystem server", async (t) => {
  await ensureServers();
  const folder = Deno.realPathSync(Deno.makeTempDirSync());
  const notes = join(folder, "notes");
  Deno.mkdirSync(notes);
  const rules = {
    agents: {
      keeper: {
        allow: {
          servers: ["files"],
          tools: {
            files: [
              { tool: "*", hint: "read_only" },
              { tool: "write_file", when: { path: { within: notes } } },
              {
                tool: "edit_file",
                when: { path: { within: notes }, "/edits/newText": { max_length: 9 } },
              },
            ],
          },
        },
        deny: {
          tools: {
            files: [{
              tool: "write_file",
              when: { content: { like: "*PRIVATE KEY*" } },
              hint: "destructive",
            }],
          },
        },
      },
    },
  };
  const setup = { servers: { files: filesystemServer(folder) }, rules };
  await using gateway = await startGateway({ ...setup, args: ["--agent", "keeper"] });
  const write = (path: string, content = "x"): Fields => ({
    server: "files",
    tool: "write_file",
    args: { path, content },
  });

  try {
    await t.step(
      "[rules.conditions] a call is allowed inside the folder, and refused outside with the entry and its test",
      async () => {
        const path = join(notes, "a.txt");
        await gateway.callGatewayTool("execute_tool", write(path, "hello"));
        assert.equal(Deno.readTextFileSync(path), "hello");
        for (const outside of [join(folder, "b.txt"), `${notes}/../b.txt`, `${notes}b/c.txt`]) {
          const { code, rule, message } = await gateway.expectRefusal(
            "execute_tool",
            write(outside),
          );
          assert.deepEqual([code, rule], [
            "DENIED_BY_POLICY",
            "agents.keeper.allow.tools.files[1]",
          ]);
          assert.equal(
            message,
            'Agent "keeper" may not use tool "write_file" of server "files" like this: ' +
              `path must be within ${notes}.`,
          );
        }
        const relative = await gateway.expectRefusal("execute_tool", write("notes/a.txt"));
        assert.match(
          String(relative.message),
          /path must be within \S+ \(it is not an absolute path\)\.$/,
        );
        assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["notes"]);
        const last = gateway.readAuditLog().filter(({ decision }) => decision === "DENY").at(-1);
        assert.deepEqual([last?.code, last?.rule, last?.tool], [
          "DENIED_BY_POLICY",
          "agents.keeper.allow.tools.files[1]",
          "write_file",
        ]);
      },
    );

    await t.step("[rules.conditions-lists] every element of a list is judged", async () => {
      const path = join(notes, "a.txt");
      const edit = (...newTexts: string[]): Fields => ({
        server: "files",
        tool: "edit_file",
        args: { path, edits: newTexts.map((newText) => ({ oldText: "hello", newText })) },
      });
      await gateway.callGatewayTool("execute_tool", edit("hello you"));
      const { message } = await gateway.expectRefusal("execute_tool", edit("a", "much too long"));
      assert.match(String(message), /: \/edits\/newText must have at most 9 characters\.$/);
    });

    await t.step(
      "[rules.conditions-hints] the annotations of a tool decide, also in lists",
      async () => {
        await gateway.callGatewayTool("execute_tool", {
          server: "files",
          tool: "read_text_file",
          args: { path: join(notes, "a.txt") },
        });
        const { tools } = await gateway.callGatewayToolForJson<{ tools: { name: string }[] }>(
          "get_server_tools",
          { server: "files", detail: "names" },
        );
        const names = tools.map(({ name }) => name);
        assert.ok(names.includes("read_text_file") && names.includes("write_file"), String(names));
        assert.ok(
          !names.includes("create_directory") && !names.includes("move_file"),
          String(names),
        );
        const create = {
          server: "files",
          tool: "create_directory",
          args: { path: join(notes, "d") },
        };
        const { rule, message } = await gateway.expectRefusal("execute_tool", create);
        assert.equal(rule, "agents.keeper.allow.tools.files[0]");
        assert.match(String(message), /: the tool must be read-only by its annotations\.$/);
      },
    );

    await t.step(
      "[rules.conditions-closed] a deny matches where its value is missing, but only for the tools of its hint",
      async () => {
        const path = join(notes, "key.pem");
        const secret = await gateway.expectRefusal(
          "execute_tool",
          write(path, "-----BEGIN PRIVATE KEY-----"),
        );
        assert.equal(secret.rule, "agents.keeper.deny.tools.files[0]");
        assert.match(
          String(secret.message),
          /content must not match "\*PRIVATE KEY\*", or the tool must not be destructive/,
        );
      },
    );

    await t.step(
      "[rules.conditions-paths] the command line is judged by the same rules",
      async () => {
        const call = async (path: string) =>
          await runOnce(
            [
              ...["call", "files", "write_file", JSON.stringify({ path, content: "y" })],
              "--agent",
              "keeper",
            ],
            setup,
          );
        const refused = await call(join(folder, "c.txt"));
        assert.equal(refused.code, 1);
        assert.match(refused.stderr, /DENIED_BY_POLICY: .*path must be within/);
        const allowed = await call(join(notes, "c.txt"));
        assert.deepEqual([allowed.code, Deno.readTextFileSync(join(notes, "c.txt"))], [0, "y"]);
      },
    );
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

/** The values that the rules allow. */
const VALUES = [5, 0.1, "a\u00e9", [1, "b"], { a: { b: 9007199254740991 } }];

const OTHER_VALUES = [
  5.5,
  50,
  "b",
  "A\u00e9",
  [1],
  [[1, "b"], 5],
  { a: { b: 1 } },
  {},
  [],
  null,
  true,
];

Deno.test("conditions judge the arguments that the server receives", async (t) => {
  const rules = {
    agents: {
      tester: {
        allow: {
          servers: ["odd"],
          tools: {
            odd: [
              { tool: "echo", when: { path: { within: "/ok" } } },
              { tool: "echo", when: { v: { one_of: VALUES } } },
            ],
          },
        },
      },
      asked: {
        allow: { servers: ["odd"] },
        ask: { tools: { odd: [{ tool: "echo", when: { v: { one_of: VALUES } } }] } },
      },
    },
    defaults: { approval: { expires_s: 1, wait_s: 0 } },
  };
  const setup = {
    servers: { odd: { ...misbehavingServer(), gateway: { direct: true } } },
    rules,
  };
  await using gateway = await startGateway({ ...setup, args: ["--agent", "tester"] });
  await using asking = await startGateway({ ...setup, args: ["--agent", "asked"] });
  const { client } = gateway;

  const anyArgs = fc.tuple(
    fc.record({
      v: fc.oneof(
        fc.constantFrom<unknown>(...VALUES),
        fc.constantFrom<unknown>(...OTHER_VALUES),
      ),
    }),
    fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 }),
  );
  const sampleArgs = (numRuns: number): string[] =>
    fc.sample(anyArgs, { numRuns, seed: 17 }).map(([args, numbers]) => {
      let at = 0;
      return spellJson(args, () => numbers[at++ % numbers.length] ?? 0);
    });

  /** The paths that arguments take to the server; each sends the text of a JSON object. */
  const senders: Readonly<Record<string, (args: string) => string>> = {
    args: (args) =>
      `{"name":"execute_tool","arguments":{"server":"odd","tool":"echo","args":${args}}}`,
    "a string": (args) =>
      `{"name":"execute_tool","arguments":{"server":"odd","tool":"echo","args":${
        JSON.stringify(args)
      }}}`,
    arguments: (args) =>
      `{"name":"execute_tool","arguments":{"server":"odd","tool":"echo","arguments":${args}}}`,
    "the direct face": (args) => `{"name":"odd__echo","arguments":${args}}`,
  };
  const cases: readonly (readonly [args: string, isAllowed: boolean])[] = [
    ['{"path":"/ok/a"}', true],
    ['{ "path" : "\\/ok\\/a" }', true],
    ['{"p\\u0061th":"/ok/a"}', true],
    ['{"path":"/ok/../a"}', false],
    ['{"pat\\u0068":"/a"}', false],
    ['{"path":["/ok/a","/ok/b"]}', true],
    ['{"path":["/ok/a","/b"]}', false],
    ["{}", false],
  ];
  await t.step(
    "[rules.conditions-sent] arguments that are there twice are judged as they are sent, whatever V8 has read before",
    async () => {
      const good = '{"path":"/ok/a"}';
      const forms = [
        (args: string) => `"name":"odd__echo","arguments":${args}`,
        (args: string) =>
          `"name":"execute_tool","arguments":{"server":"odd","tool":"echo","args":${args}}`,
      ];
      for (const write of forms) {
        const evil = write('{"path":"/a"}').replace(/^.*?"arguments":/, "");
        // V8 reads `"argument\\u0073"` as `argument\\`, once it has read that name after the same members.
        for (const name of ["argument\\\\", "argument\\\\", "argument\\u0073", "arguments"]) {
          const params = `{"first":0,${write(good)},"${name}":${evil}}`;
          const { message } = await client.requestText("tools/call", params);
          assert.doesNotMatch(JSON.stringify(message), /\\"path\\":\\"\/a\\"/, params);
        }
      }
    },
  );

  for (const [name, send] of Object.entries(senders)) {
    await t.step(
      `[rules.conditions-sent] arguments in ${name} are judged as they are sent`,
      async () => {
        for (const [args, isAllowed] of cases) {
          const { message } = await client.requestText("tools/call", send(args));
          const text = JSON.stringify(message.result);
          assert.equal(!text.includes("DENIED_BY_POLICY"), isAllowed, `${args} ${text}`);
          if (isAllowed) {
            const { content: [{ text: request }] } = message.result as {
              content: [{ text: string }];
            };
            assert.ok(request.includes(`"arguments":${args}`), request);
          }
        }
      },
    );

    await t.step(
      `[rules.conditions-sent] a key that is twice in ${name} is refused, whatever its spelling`,
      async () => {
        const twice = [
          '{"path":"/ok/a","path":"/a"}',
          '{"path":"/ok/a","p\\u0061th":"/a"}',
          '{"pat\\u0068":"/a","path":"/ok/a"}',
          '{"pat\\\\":1,"path":"/ok/a","pat\\u0068":"/a"}',
          '{"path":"/ok/a","b":{"c":1,"\\u0063":2}}',
        ];
        // Repeated, because V8 remembers the keys that it has seen.
        for (const args of [...twice, ...twice, ...twice]) {
          const { message } = await client.requestText("tools/call", send(args));
          const { code } = readRefusal(message.result);
          assert.equal(code, "INVALID_ARGUMENTS", args);
        }
      },
    );

    await t.step(
      `[rules.conditions-sent] generated arguments in ${name} are judged as an independent reader of the server's judges them`,
      async () => {
        const when = new Map([["v", { oneOf: VALUES }]]);
        let allowedCount = 0;
        for (const json of sampleArgs(60)) {
          const { message } = await client.requestText("tools/call", send(json));
          const { content: [{ text }] } = message.result as { content: [{ text: string }] };
          const isAllowed = !text.includes("DENIED_BY_POLICY");
          const expected = withSource(json, () => holdsByContract(when, "allow", json));
          assert.equal(isAllowed, expected, `${json} ${text}`);
          if (!isAllowed) continue;
          allowedCount++;
          assert.ok(text.includes(`"arguments":${json.trim()}`), `${json} ${text}`);
        }
        assert.ok(allowedCount >= 5, `${allowedCount} calls were allowed`);
      },
    );

    await t.step(
      `[rules.conditions-sent] [rules.ask-conditions] generated arguments in ${name} reach the server only if nobody has to be asked`,
      async () => {
        const when = new Map([["v", { oneOf: VALUES }]]);
        const counts = { asked: 0, sent: 0 };
        for (const json of sampleArgs(30)) {
          const { message } = await asking.client.requestText("tools/call", send(json));
          const { content: [{ text }] } = message.result as { content: [{ text: string }] };
          const isAsked = withSource(json, () => holdsByContract(when, "ask", json));
          counts[isAsked ? "asked" : "sent"]++;
          assert.equal(text.includes('"arguments":'), !isAsked, `${json} ${text}`);
          if (!isAsked) assert.ok(text.includes(`"arguments":${json.trim()}`), `${json} ${text}`);
        }
        assert.ok(counts.asked >= 5 && counts.sent >= 5, JSON.stringify(counts));
      },
    );
  }
});
