import assert from "node:assert/strict";
import fc from "fast-check";
import { addToken, editFile } from "../../src/config/editing/mod.ts";
import { ConfigError } from "../../src/errors.ts";
import { TempFolder } from "./temp_folder.ts";

const NEW_HASH = "0".repeat(63) + "1";
const OLD_HASH = "a".repeat(64);

function add(text: string, agent?: string, expires?: string): string {
  return addToken({ file: "rules.json", text }, { agent: agent ?? "a", sha256: NEW_HASH, expires });
}

Deno.test("[cli.token] a hash is added, and comments and layout are unchanged", () => {
  const cases: [before: string, after: string][] = [
    [`{"agents":{"a":{}}}`, `{"agents":{"a":{ "token_sha256": ["NEW"] }}}`],
    [
      `{ "agents": { "a": { "status": true } } } // end`,
      `{ "agents": { "a": { "status": true, "token_sha256": ["NEW"] } } } // end`,
    ],
    [`{"agents":{"a":{"token_sha256":[]}}}`, `{"agents":{"a":{"token_sha256":["NEW"]}}}`],
    [
      `{"agents":{"a":{"token_sha256":["OLD" /* laptop */]}}}`,
      `{"agents":{"a":{"token_sha256":["OLD" /* laptop */, "NEW"]}}}`,
    ],
    [
      `{\n  "agents": {\n    "a": {\n      "status": true // yes\n    }\n  }\n}\n`,
      `{\n  "agents": {\n    "a": {\n      "status": true, // yes\n      "token_sha256": ["NEW"]\n    }\n  }\n}\n`,
    ],
    [
      `{\r\n\t"agents": {\r\n\t\t"a": {\r\n\t\t\t// nothing yet\r\n\t\t}\r\n\t}\r\n}\r\n`,
      `{\r\n\t"agents": {\r\n\t\t"a": {\r\n\t\t\t// nothing yet\r\n\t\t\t"token_sha256": ["NEW"]\r\n\t\t}\r\n\t}\r\n}\r\n`,
    ],
    [
      `{\n "agents": {\n  "a": { "token_sha256": [\n   "OLD" // Ann's\n   // more\n  ] } } }`,
      `{\n "agents": {\n  "a": { "token_sha256": [\n   "OLD", // Ann's\n   // more\n   "NEW"\n  ] } } }`,
    ],
    // Trailing commas are kept.
    [
      `{"agents":{"a":{"token_sha256":["OLD",],},},}`,
      `{"agents":{"a":{"token_sha256":["OLD", "NEW",],},},}`,
    ],
    [
      `{"agents":{"a":{"status":true, /* x, y */}}}`,
      `{"agents":{"a":{"status":true, /* x, y */ "token_sha256": ["NEW"],}}}`,
    ],
    [
      `{\n "agents": {\n  "a": {\n   "status": true, // yes, and no\n  },\n },\n}`,
      `{\n "agents": {\n  "a": {\n   "status": true, // yes, and no\n   "token_sha256": ["NEW"],\n  },\n },\n}`,
    ],
    [
      `{\n "agents": {\n  "a": { "token_sha256": [\n   "OLD" // a, b\n  ] } } }`,
      `{\n "agents": {\n  "a": { "token_sha256": [\n   "OLD", // a, b\n   "NEW"\n  ] } } }`,
    ],
    [`\ufeff{"agents":{"a":{}}}`, `\ufeff{"agents":{"a":{ "token_sha256": ["NEW"] }}}`],
  ];
  for (const [before, after] of cases) {
    const text = add(before.replaceAll("OLD", OLD_HASH));
    assert.equal(text.replaceAll(NEW_HASH, "NEW").replaceAll(OLD_HASH, "OLD"), after);
  }
  assert.equal(
    add(`{"agents":{"a":{}}}`, "a", "2099-01-31").replaceAll(NEW_HASH, "NEW"),
    `{"agents":{"a":{ "token_sha256": [{ "sha256": "NEW", "expires": "2099-01-31" }] }}}`,
  );
});

Deno.test("[cli.token] only the named agent gets the token, whatever its name", () => {
  const text = `{"agents":{"a":{},"7":{},"team.x":{},"constructor":{}}}`;
  for (const agent of ["7", "team.x", "constructor"]) {
    const { agents } = JSON.parse(add(text, agent));
    assert.deepEqual(agents[agent], { token_sha256: [NEW_HASH] });
    assert.deepEqual(Object.keys(agents).length, 4);
    delete agents[agent];
    assert.ok(Object.values(agents).every((agent) => Object.keys(agent as object).length === 0));
  }
});

Deno.test("[cli.token] an unknown agent, and rules with errors, are reported", () => {
  const errorOf = (text: string, agent?: string, expires?: string): string => {
    try {
      add(text, agent, expires);
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      return error.message;
    }
    throw new Error("The token was written");
  };
  assert.equal(
    errorOf(`{"agents":{"team.writer":{}}}`, "team.writr"),
    'rules.json:1:11: agents: there is no agent "team.writr" in the rules; did you mean ' +
      '"team.writer"?: add it first',
  );
  assert.match(errorOf(`{"agents":{"a":{},,}}`), /expected a key/);
  assert.match(errorOf(`{"agents":{"a":{}},"more":1}`), /more: unknown key/);
  assert.match(errorOf(`{"agents":{"a":{},"a":{}}}`), /duplicate key/);
  assert.match(errorOf(``), /empty/);
  // A token must not identify two agents.
  assert.match(
    errorOf(`{"agents":{"a":{},"b":{"token_sha256":["${NEW_HASH}"]}}}`),
    /for one agent only/,
  );
  assert.match(errorOf(`{"agents":{"a":{}}}`, "a", "soon"), /expires/);
});

Deno.test("[cli.token] existing comments, tokens and agents are kept in any layout", () => {
  const gapText = fc.constantFrom("", " ", "\n", "/* x */", "// y\n", "\n\t// z\n\t", "\r\n  ");
  fc.assert(
    fc.property(
      fc.array(gapText, { minLength: 12, maxLength: 12 }),
      fc.nat(3),
      fc.boolean(),
      (gaps, count, isTrailing) => {
        const gap = (index: number): string => gaps[index % gaps.length] ?? "";
        const comma = isTrailing && count > 0 ? "," : "";
        const tokens = Array.from({ length: count }, (_, index) => {
          return `${gap(index + 3)}"${String(index + 2).padStart(64, "0")}"${gap(index + 7)}`;
        });
        const list = count === 0
          ? ""
          : `${gap(1)}"token_sha256":${gap(2)}[${tokens.join(",")}${comma}]${gap(6)}${comma}`;
        const text = `${gap(8)}{"agents":{"a":{${list}${gap(9)}},"b":{}}${gap(10)}}${gap(11)}`;
        const edited = add(text);
        for (const [comment] of [...text.matchAll(/\/\*.*?\*\/|\/\/.*/g)]) {
          assert.ok(edited.includes(comment));
        }
        // A second token is added to the edited text.
        const textWithTwoTokens = addToken({ file: "x", text: edited }, {
          agent: "a",
          sha256: "f".repeat(64),
        });
        const withoutComments = textWithTwoTokens.replace(/\/\*.*?\*\/|\/\/.*/g, "");
        const strictJson = withoutComments.replace(/,(?=\s*[\]}])/g, "");
        assert.equal(withoutComments !== strictJson, comma !== "");
        const { a, b } = JSON.parse(strictJson).agents;
        assert.equal(a.token_sha256.length, count + 2);
        assert.deepEqual(a.token_sha256.slice(-2), [NEW_HASH, "f".repeat(64)]);
        assert.deepEqual(b, {});
      },
    ),
  );
});

Deno.test("[cli.token] an edited file keeps its mode and links, and a failed edit changes nothing", async () => {
  using folder = new TempFolder();
  const path = folder.write("real/rules.json", "\ufeffone");
  const isWindows = Deno.build.os === "windows";
  if (!isWindows) {
    Deno.chmodSync(path, 0o640);
    Deno.symlinkSync(path, `${folder.path}/link.json`);
  }
  const editedPath = isWindows ? path : `${folder.path}/link.json`;
  await editFile(editedPath, (text) => `${text} two`);
  assert.equal(Deno.readTextFileSync(path), "\ufeffone two");
  if (!isWindows) {
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o640);
    assert.ok(Deno.lstatSync(editedPath).isSymlink);
  }
  const failing = editFile(editedPath, () => {
    throw new Error("no");
  });
  await assert.rejects(failing, /no/);
  assert.equal(Deno.readTextFileSync(path), "\ufeffone two");
  assert.deepEqual([...Deno.readDirSync(`${folder.path}/real`)].map(({ name }) => name), [
    "rules.json",
  ]);
});

Deno.test("[cli.token] a file in another encoding is refused and unchanged", async () => {
  using folder = new TempFolder();
  const text = new Uint8Array(
    new Uint16Array([...'{"agents": {}}'].map((one) => one.charCodeAt(0))).buffer,
  );
  const path = folder.write("rules.json", text);
  await assert.rejects(
    editFile(path, (text) => `${text} `),
    /the file is UTF-16: save it as UTF-8/,
  );
  assert.deepEqual(Deno.readFileSync(path), text);
});

Deno.test("[cli.token] no concurrent edit is lost", async () => {
  using folder = new TempFolder();
  const path = folder.write("rules.txt", "");
  const edits = Array.from(
    { length: 20 },
    (_, index) => editFile(path, (text) => `${text}${index} `),
  );
  await Promise.all(edits);
  const numbers = Deno.readTextFileSync(path).trim().split(" ").map(Number);
  assert.deepEqual(numbers.sort((a, b) => a - b), Array.from({ length: 20 }, (_, index) => index));
});

Deno.test("[cli.token] a concurrent change by an editor is not lost", async () => {
  using folder = new TempFolder();
  const path = folder.write("rules.txt", "old");
  let attempts = 0;
  await editFile(path, (text) => {
    if (attempts++ === 0) Deno.writeTextFileSync(path, "edited");
    return `${text} + token`;
  });
  assert.equal(Deno.readTextFileSync(path), "edited + token");
  const blockedEdit = editFile(path, (text) => {
    Deno.writeTextFileSync(path, `x${text}`);
    return "lost";
  });
  await assert.rejects(blockedEdit, /is being changed by another program/);
  assert.match(Deno.readTextFileSync(path), /^x+edited \+ token$/);
});
