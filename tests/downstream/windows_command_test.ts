/**
 * Tests of the start of commands on Windows: the search for the file, and the exact command line. On
 * Windows itself, a real script receives the arguments through `cmd.exe`.
 */
import assert from "node:assert/strict";
import {
  CommandLineError,
  createWindowsCommand,
} from "../../src/downstream/transports/windows_command.ts";

const ENV = {
  Path: 'C:\\Windows\\System32;"C:\\Program Files\\nodejs";relative;D:\\tools\\',
  PATHEXT: ".COM;.EXE;.BAT;.CMD;.VBS;.JS",
  ComSpec: "C:\\Windows\\System32\\cmd.exe",
  "a b": "two words",
};

/** Returns the command line of a command in a file system with these files. */
function resolveCommand(
  command: string,
  args: readonly string[],
  { files, cwd, env = ENV }: {
    files: readonly string[];
    cwd?: string;
    env?: Readonly<Record<string, string>>;
  },
) {
  const exists = (path: string) => files.some((file) => file.toLowerCase() === path.toLowerCase());
  return createWindowsCommand({ command, args }, {
    env,
    exists,
    ...(cwd === undefined ? {} : { cwd }),
  });
}

const NPX = "C:\\Program Files\\nodejs\\npx.cmd";

/** Returns the arguments with which cmd.exe starts a script. */
function scriptArgs(args: readonly string[]): readonly string[] {
  return resolveCommand("npx", args, { files: [NPX] }).args;
}

Deno.test("[sessions.windows-command] npx is found as npx.cmd and started through cmd.exe", () => {
  const files = ["C:\\Program Files\\nodejs\\npx", NPX];
  assert.deepEqual(resolveCommand("npx", ["-y", "@scope/server@1.2", "C:\\my data"], { files }), {
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
  assert.deepEqual(resolveCommand("uvx", ["a b", '"'], { files: ["D:\\tools\\uvx.exe"] }), {
    file: "D:\\tools\\uvx.EXE",
    args: ["a b", '"'],
    raw: false,
  });
});

const FOUND_COMMANDS: readonly [
  condition: string,
  command: string,
  options: Parameters<typeof resolveCommand>[2],
  expected: string,
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
  ["by relative path, in the current folder", "bin/x", { files: ["bin/x.cmd"] }, "bin\\x.CMD"],
];

for (const [condition, command, options, expected] of FOUND_COMMANDS) {
  Deno.test(`[sessions.windows-command] a command is found ${condition}`, () => {
    const line = resolveCommand(command, [], options);
    const [, script] = /^""([^"]*)"/.exec(line.args.at(-1) ?? "") ?? [];
    assert.equal(line.raw ? script : line.file, expected);
    assert.equal(line.raw, /\.(cmd|bat)$/i.test(expected));
  });
}

Deno.test("[sessions.windows-command] a command that is not found is passed to Deno, which reports it", () => {
  // The current folder and relative entries of the path are not searched: anyone may write to them.
  const files = ["npx.cmd", "relative\\npx.cmd", "D:\\tools\\npx", "D:\\tools\\npx.js"];
  const expected = { file: "npx", args: ["-y"], raw: false };
  assert.deepEqual(resolveCommand("npx", ["-y"], { files, cwd: "D:\\p" }), expected);
  assert.deepEqual(resolveCommand("npx", ["-y"], { files: [NPX], env: {} }), expected);
});

Deno.test("[sessions.windows-command] cmd.exe itself is found without COMSPEC", () => {
  const env = { PATH: "D:\\tools" };
  assert.equal(resolveCommand("x", [], { files: ["D:\\tools\\x.cmd"], env }).file, "cmd.exe");
});

/** Arguments, and their form on the command line of a script. */
const QUOTED_ARGUMENTS: readonly (readonly [argument: string, quoted: string])[] = [
  // Plain arguments are not quoted, for scripts that compare them.
  ["start", "start"],
  ["-y", "-y"],
  ["@scope/name@1.0.0", "@scope/name@1.0.0"],
  ["C:\\dir\\file.txt", "C:\\dir\\file.txt"],
  ["", '""'],
  ["a b", '"a b"'],
  ["--port=8080", '"--port=8080"'],
  ["a&b|c<d>e(f)^", '"a&b|c<d>e(f)^"'],
  ["!PATH!", '"!PATH!"'],
  ["/?", '"/?"'],
  ["ünïcödé 😀", '"ünïcödé 😀"'],
  // Quotes are doubled, and so are backslashes before a quote or at the end.
  ['say "hi" & calc', '"say ""hi"" & calc"'],
  ["back\\slash x", '"back\\slash x"'],
  ["trailing\\", '"trailing\\\\"'],
  ['before\\"quote', '"before\\\\""quote"'],
  // After each %, an expression that expands to nothing keeps what follows from naming a variable.
  ["100%", '"100%%cd:~,%"'],
  ["%PATH%", '"%%cd:~,%PATH%%cd:~,%"'],
];

for (const [argument, quoted] of QUOTED_ARGUMENTS) {
  Deno.test(`[sessions.windows-quoting] ${JSON.stringify(argument)} for a script`, () => {
    const line = `""C:\\Program Files\\nodejs\\npx.CMD" before ${quoted} after"`;
    assert.equal(scriptArgs(["before", argument, "after"]).at(-1), line);
  });
}

Deno.test("[sessions.windows-quoting] line breaks and NUL are refused only for scripts", () => {
  for (const argument of ["a\nb", "a\rb", "\0"]) {
    assert.throws(() => scriptArgs([argument]), CommandLineError);
    const program = resolveCommand("uvx", [argument], { files: ["D:\\tools\\uvx.exe"] });
    assert.deepEqual(program.args, [argument]);
  }
});

Deno.test({
  name: "[sessions.windows-quoting] a script on Windows gets every argument unchanged",
  ignore: Deno.build.os !== "windows",
  fn: async () => {
    const folder = Deno.makeTempDirSync();
    try {
      const script = `${folder}\\show.cmd`;
      const show = `${folder}\\show.js`;
      Deno.writeTextFileSync(show, "console.log(JSON.stringify(Deno.args));");
      Deno.writeTextFileSync(script, `@"${Deno.execPath()}" run --quiet "${show}" %*\r\n`);
      const args = QUOTED_ARGUMENTS.map(([argument]) => argument);
      const line = createWindowsCommand({ command: script, args }, {
        env: Deno.env.toObject(),
        exists: (path) => path.toLowerCase() === script.toLowerCase(),
      });
      const { stdout } = await new Deno.Command(line.file, {
        args: [...line.args],
        windowsRawArguments: line.raw,
        stdin: "null",
      }).output();
      assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), args);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});
