/**
 * Tests how commands are started on Windows, without Windows: the argument lists are read back by the
 * documented rules of `cmd.exe` and the C runtime. They were never tested on Windows itself.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { CommandLineError, windowsCommand } from "../../src/downstream/windows_command.ts";
import { Escaped, readArguments, readCommand } from "./windows_reader.ts";

const ENV = {
  Path: 'C:\\Windows\\System32;"C:\\Program Files\\nodejs";relative;D:\\tools\\',
  PATHEXT: ".COM;.EXE;.BAT;.CMD;.VBS;.JS",
  ComSpec: "C:\\Windows\\System32\\cmd.exe",
  "a b": "two words",
};

/** Resolves a command in a file system with these files. */
function start(
  command: string,
  args: readonly string[],
  { files, cwd, env = ENV }: {
    files: readonly string[];
    cwd?: string;
    env?: Readonly<Record<string, string>>;
  },
) {
  const exists = (path: string) => files.some((file) => file.toLowerCase() === path.toLowerCase());
  return windowsCommand({ command, args }, { env, exists, ...(cwd === undefined ? {} : { cwd }) });
}

const NPX = "C:\\Program Files\\nodejs\\npx.cmd";

/** The raw arguments for a script. */
function scriptArgs(args: readonly string[]): readonly string[] {
  return start("npx", args, { files: [NPX] }).args;
}

Deno.test("[sessions.windows-command] npx is found as npx.cmd and started through cmd.exe", () => {
  const files = ["C:\\Program Files\\nodejs\\npx", NPX];
  assert.deepEqual(start("npx", ["-y", "@scope/server@1.2", "C:\\my data"], { files }), {
    file: "C:\\Windows\\System32\\cmd.exe",
    args: [
      "/d",
      "/e:on",
      "/v:off",
      "/s",
      "/c",
      '""C:\\Program Files\\nodejs\\npx.CMD" -y @scope/server@1.2 "C:\\my data""',
    ],
    raw: true,
  });
});

Deno.test("[sessions.windows-command] a program is started directly, and Deno quotes its arguments", () => {
  assert.deepEqual(start("uvx", ["a b", '"'], { files: ["D:\\tools\\uvx.exe"] }), {
    file: "D:\\tools\\uvx.EXE",
    args: ["a b", '"'],
    raw: false,
  });
});

const FOUND: readonly [
  what: string,
  command: string,
  options: Parameters<typeof start>[2],
  string,
][] = [
  [
    "folder by folder, in order",
    "x",
    { files: ["D:\\tools\\x.exe", NPX.replace("npx", "x")] },
    "C:\\Program Files\\nodejs\\x.CMD",
  ],
  [
    "in the order of PATHEXT",
    "x",
    { files: ["D:\\tools\\x.cmd", "D:\\tools\\x.exe"] },
    "D:\\tools\\x.EXE",
  ],
  ["with its extension", "X.Cmd", { files: ["D:\\tools\\x.cmd"] }, "D:\\tools\\X.Cmd"],
  ["with a dot that is no extension", "server.v2", {
    files: ["D:\\tools\\server.v2", "D:\\tools\\server.v2.cmd"],
  }, "D:\\tools\\server.v2.CMD"],
  ["without PATHEXT", "x", { files: ["D:\\x.bat"], env: { PATH: "D:\\" } }, "D:\\x.bat"],
  ["by absolute path", "D:/my tools/x", { files: ["D:/my tools/x.cmd"] }, "D:\\my tools\\x.CMD"],
  ["by relative path, in the server's folder", ".\\bin\\x.cmd", {
    files: ["D:\\p\\.\\bin\\x.cmd"],
    cwd: "D:\\p",
  }, "D:\\p\\.\\bin\\x.cmd"],
  ["by relative path, in our folder", "bin/x", { files: ["bin/x.cmd"] }, "bin\\x.CMD"],
];

for (const [what, command, options, expected] of FOUND) {
  Deno.test(`[sessions.windows-command] a command is found ${what}`, () => {
    const line = start(command, [], options);
    const found = line.raw ? readCommand(line.args, ENV).script : line.file;
    assert.equal(found, expected);
    assert.equal(line.raw, /\.(cmd|bat)$/i.test(expected));
  });
}

Deno.test("[sessions.windows-command] a command that is not found is left to Deno, which reports it", () => {
  // The current folder and relative entries of the path are not searched: anyone may write to them.
  const files = ["npx.cmd", "relative\\npx.cmd", "D:\\tools\\npx", "D:\\tools\\npx.js"];
  const expected = { file: "npx", args: ["-y"], raw: false };
  assert.deepEqual(start("npx", ["-y"], { files, cwd: "D:\\p" }), expected);
  assert.deepEqual(start("npx", ["-y"], { files: [NPX], env: {} }), expected);
});

Deno.test("[sessions.windows-command] cmd.exe itself is found without COMSPEC", () => {
  const env = { PATH: "D:\\tools" };
  assert.equal(start("x", [], { files: ["D:\\tools\\x.cmd"], env }).file, "cmd.exe");
});

const HARD = [
  "",
  " ",
  "a b",
  '"',
  '""',
  'say "hi" & calc',
  '" & calc & "',
  "back\\slash",
  "trailing\\",
  "two\\\\",
  'before\\"quote',
  'before\\\\"quote\\',
  "%PATH%",
  "%a b%",
  "%PATH:~0,3%",
  "%PATH:C=D%",
  "100%",
  "%",
  "%%",
  "%cd%",
  "%cd:~,%",
  "^",
  "^^&|<>()!",
  "!PATH!",
  "a&b|c<d>e(f)",
  "a=b;c,d",
  "*.txt",
  "tab\there",
  "ünïcödé 😀",
  "/?",
];

for (const scripts of [1, 2]) {
  Deno.test(`[sessions.windows-quoting] special characters in arguments pass through ${scripts} script(s)`, () => {
    for (const argument of HARD) {
      const args = ["before", argument, "after"];
      assert.deepEqual(readCommand(scriptArgs(args), ENV, scripts), {
        script: "C:\\Program Files\\nodejs\\npx.CMD",
        args,
      });
    }
  });
}

Deno.test("[sessions.windows-quoting] any arguments pass through scripts unchanged", () => {
  const piece = fc.oneof(
    fc.constantFrom(..."\\\"%^&|<>()! \t=;,*?'`~:abc", "PATH", "%PATH%", "%cd:~,%", '\\"', "^%"),
    fc.string({ unit: "binary", maxLength: 3 }).filter((text) => !/[\r\n\0]/.test(text)),
  );
  const argument = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 4 }), fc.nat(3), (args, scripts) => {
      assert.deepEqual(readCommand(scriptArgs(args), ENV, scripts).args, args);
    }),
    { numRuns: 300 },
  );
});

Deno.test("[sessions.windows-quoting] a path with every special character that a file name may have is passed unchanged", () => {
  const file = "D:\\100% of a&b (x^y) %PATH%\\it's!.cmd";
  const { args } = start(file, ["1"], { files: [file] });
  assert.deepEqual(readCommand(args, ENV), { script: file, args: ["1"] });
});

Deno.test("[sessions.windows-quoting] plain arguments are not quoted, because scripts compare them", () => {
  const plain = ["start", "--port=8080", "-y", "@scope/name@1.0.0", "C:\\dir\\file.txt", "a+b#c$"];
  const [first, assigned, ...rest] = plain;
  const line = scriptArgs(plain).at(-1) ?? "";
  assert.ok(line.endsWith(` ${first} "${assigned}" ${rest.join(" ")}"`), line);
});

Deno.test("[sessions.windows-quoting] line breaks and NUL are refused only for scripts", () => {
  for (const argument of ["a\nb", "a\rb", "\0"]) {
    assert.throws(() => scriptArgs([argument]), CommandLineError);
    const program = start("uvx", [argument], { files: ["D:\\tools\\uvx.exe"] });
    assert.deepEqual(program.args, [argument]);
  }
});

Deno.test("[sessions.windows-quoting] the reader of these tests detects wrong quoting", () => {
  const raw = (line: string) => ["/d", "/e:on", "/v:off", "/s", "/c", `"${line}"`];
  assert.throws(() => readCommand(raw('"x.cmd" a & calc'), ENV), Escaped);
  // Correct for only one expansion by cmd.exe.
  assert.throws(() => readCommand(raw('"x.cmd" a^&b'), ENV, 1), Escaped);
  assert.deepEqual(readCommand(raw('"x.cmd" a^&b'), ENV, 0).args, ["a&b"]);
  // A quote escaped for the C runtime leaves the rest unquoted for cmd.exe.
  assert.throws(() => readCommand(raw('"x.cmd" "\\" & calc"'), ENV), Escaped);
  assert.deepEqual(readCommand(raw('"x.cmd" "%a b%"'), ENV).args, ["two words"]);
  assert.deepEqual(readCommand(raw('"x.cmd" %a b% %cd:~,3%'), ENV).args, ["two", "words", "C:\\"]);
  assert.deepEqual(readArguments('a\\"b "c\\\\" "d""e" \\\\x ""'), [
    'a"b',
    "c\\",
    'd"e',
    "\\\\x",
    "",
  ]);
});
