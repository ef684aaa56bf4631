import assert from "node:assert/strict";
import fc from "fast-check";
import { expandText } from "../../src/config/expand.ts";
import { removeUrlSecrets } from "../../src/config/url_secrets.ts";
import { checkConfiguration, locateFiles } from "../../src/config/mod.ts";
import type { ConfigProblem } from "../../src/errors.ts";
import { createEnvironment } from "../config/check_files.ts";
import { TempFolder } from "../config/temp_folder.ts";
import { runs } from "./runs.ts";

const env = createEnvironment({ HOME: "/home/someone", SET: "value" });

/** Parts of configuration files, which make random texts resemble configuration files. */
const anyPiece = fc.constantFrom(
  ...["{", "}", "[", "]", ",", ":", "\n", "\r\n", " ", "//x\n", "/*", "*/", '"', "\\", "${SET}"],
  ...['"mcpServers":', '"agents":', '"a":', '"command":', '"x"', '"gateway":', "{}", "[]", "5"],
  ...["null", "true", '"__proto__":', '"allow":', '"servers":', '"deny":', '"tools":', "\ufeff"],
);
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.array(anyPiece, { maxLength: 60 }).map((list) => list.join("")),
  fc.json(),
);

const anyKey = fc.constantFrom(
  ...["mcpServers", "agents", "a", "pg", "command", "args", "env", "url", "headers", "type"],
  ...[
    "gateway",
    "oauth",
    "isolation",
    "allow",
    "deny",
    "servers",
    "tools",
    "token_sha256",
    "limits",
  ],
  ...["defaults", "auth", "jwt", "__proto__", "constructor", "7", ""],
);
const { tree: anyTree } = fc.letrec((tie) => ({
  tree: fc.oneof({ maxDepth: 6 }, tie("leaf"), tie("list"), tie("object")),
  leaf: fc.oneof(
    fc.integer(),
    fc.string(),
    fc.constantFrom("x", "${SET}", "https://x", null, true),
  ),
  list: fc.array(tie("tree"), { maxLength: 4 }),
  object: fc.dictionary(anyKey, tie("tree"), { maxKeys: 6 }),
}));
const anyFile = fc.oneof(
  anyText,
  anyTree.map((value) => JSON.stringify(value)),
  anyTree.map((value) => JSON.stringify({ mcpServers: value, agents: value }, null, 2)),
);

Deno.test("[config.never-crashes] any text gives a configuration, or errors with positions inside the file", async () => {
  using folder = new TempFolder();
  const files = locateFiles({ mcpConfig: "mcp.json", rules: "rules.json" }, {
    home: undefined,
    cwd: folder.path,
  });
  const options = { env, cwd: folder.path, windows: false };
  await fc.assert(
    fc.asyncProperty(anyFile, anyFile, async (mcpConfig, rules) => {
      folder.write("mcp.json", mcpConfig);
      folder.write("rules.json", rules);
      const { configuration, errors, warnings } = await checkConfiguration(files, options);
      assert.equal(configuration === undefined, errors.length > 0);
      for (const problem of [...errors, ...warnings]) {
        assertInside(problem, problem.file === "mcp.json" ? mcpConfig : rules);
      }
    }),
    { numRuns: runs(133) },
  );
});

function assertInside({ line, column, message }: ConfigProblem, text: string): void {
  assert.ok(message.length > 0);
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/);
  // Line 0 means the whole file.
  if (line === 0) return assert.equal(column, 0);
  assert.ok(line >= 1 && line <= lines.length, `line ${line} of ${lines.length}`);
  const length = lines[line - 1]?.length ?? 0;
  assert.ok(column >= 1 && column <= length + 1, `column ${column} of ${length}`);
}

const anyName = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/)
  .filter((name) => name !== "userHome" && name !== "workspaceFolder");
const anyValue = fc.string().filter((text) => text !== "" && !/[${]/.test(text));
const anyPlainText = fc.string().map((text) => text.replaceAll("$", ""));

Deno.test("[servers.expansion] references to variables are replaced by their values, other text is unchanged", () => {
  const anyPart = fc.record({
    before: anyPlainText,
    name: anyName,
    value: anyValue,
    form: fc.nat(3),
  });
  fc.assert(fc.property(fc.array(anyPart), anyPlainText, (parts, end) => {
    const values: Record<string, string> = {};
    for (const { name, value } of parts) values[name] = value;
    const references = (name: string) => [
      `\${${name}}`,
      `\${env:${name}}`,
      `\${${name}:-default}`,
      `\${NEVER_SET_1:-\${${name}}}`,
    ];
    const written = parts.map(({ before, name, form }) =>
      before + references(name)[form]
    ).join("") +
      end;
    const expected = parts.map(({ before, name }) => before + values[name]).join("") + end;
    const variables = { env: createEnvironment(values), home: "/", cwd: "/" };
    const { text, error } = expandText(written, variables);
    assert.deepEqual([text, error], [expected, undefined]);
  }));
});

Deno.test("[servers.expansion] a text in which each ${ is written as $${ is expanded to the text itself", () => {
  const variables = { env: createEnvironment({}), home: "/", cwd: "/" };
  const dollarsAndBraces = fc.array(fc.constantFrom("$", "{", "}", "a", "${", ":-")).map((list) =>
    list.join("")
  );
  fc.assert(fc.property(fc.oneof(fc.string(), dollarsAndBraces), (text) => {
    const escaped = text.replaceAll("${", () => "$${");
    const result = expandText(escaped, variables);
    assert.deepEqual([result.text, result.error], [text, undefined]);
  }));
});

Deno.test("[servers.shown] a shown URL has no userinfo, query or fragment", () => {
  const secret = "s3cr3t";
  const anyFiller = fc.stringMatching(/^[a-z0-9%:&=.~-]{0,6}$/);
  const anyWrap = fc.constantFrom((text: string) => text, (text: string) => `\${BASE:-${text}}`);
  fc.assert(fc.property(anyFiller, anyFiller, anyFiller, anyWrap, (a, b, c, wrapUrl) => {
    for (
      const url of [
        `https://${a}${secret}${b}@example.com/${c}`,
        `https://example.com/${a}?${b}${secret}${c}`,
        `https://example.com/${a}#${b}${secret}${c}`,
        `https://${secret}:\${PASS}@\${HOST}/${a}?${secret}=\${X:-${secret}}`,
      ]
    ) {
      assert.ok(!removeUrlSecrets(wrapUrl(url)).includes(secret), wrapUrl(url));
    }
  }));
});
