import assert from "node:assert/strict";
import { findLocalCause } from "../../src/downstream/causes/mod.ts";
import { Shell } from "./shell.ts";

/** Finds the cause of a failed start in the output of a command line. */
function findCause(commandLine: string, output: string) {
  const [command = "", ...args] = commandLine.split(" ");
  return findLocalCause(output, {
    name: "one",
    connection: { kind: "stdio", command, args, env: {} },
  });
}

/** Real output of npm 11, uv, Node.js 20 and Python 3.11, cut to the lines that matter. */
const CASES: readonly [
  commandLine: string,
  output: string,
  kind: string,
  message: RegExp,
  fix: RegExp,
][] = [
  [
    "npx -y no-such-pkg",
    "npm error code E404\nnpm error 404 Not Found - GET https://registry.example/no-such-pkg",
    "package-not-found",
    /no package no-such-pkg in the npm registry/,
    /name in mcpServers\.one\.args/,
  ],
  [
    "npx -y @scope/server@99.9",
    "npm error code ETARGET\nnpm error notarget No matching version found for @scope/server@99.9.",
    "package-not-found",
    /no version @scope\/server@99\.9 /,
    /npm view @scope\/server versions$/,
  ],
  [
    "/usr/bin/npx -y lodash",
    "npm error could not determine executable to run",
    "no-executable",
    /package lodash has no program/,
    /"--package=PACKAGE", "PROGRAM"/,
  ],
  [
    "npx -y --package=cowsay no-such-bin",
    "sh: 1: no-such-bin: not found",
    "no-executable",
    /no program "no-such-bin"/,
    /"--package=PACKAGE"/,
  ],
  [
    "npx.cmd --package=one two",
    "npm error code EAI_AGAIN\nnpm error errno EAI_AGAIN",
    "registry-unreachable",
    /^npx could not download one: .*EAI_AGAIN/,
    /HTTPS_PROXY .*npm_config_registry/,
  ],
  [
    "npx -y a-server",
    "npm warn EBADENGINE Unsupported engine {\nnpm warn EBADENGINE   package: 'a-server@1.0.0',\n" +
    "npm warn EBADENGINE   required: { node: '>=22.7.5' },\n" +
    "npm warn EBADENGINE   current: { node: 'v20.20.2', npm: '11.19.1' }\nnpm warn EBADENGINE }\nboom",
    "wrong-runtime",
    /a-server needs Node\.js >=22\.7\.5, but was started with Node\.js v20\.20\.2/,
    /PATH/,
  ],
  [
    "uvx no-such-pkg",
    "error: No solution found when resolving tool dependencies\n  cause: Because no-such-pkg was " +
    "not found in the package registry and you require no-such-pkg, we can conclude",
    "package-not-found",
    /no package no-such-pkg in PyPI/,
    /pypi\.org/,
  ],
  [
    "uvx mcp-server-time@99.99.99",
    "  cause: Because there is no version of mcp-server-time==99.99.99 and you require it",
    "package-not-found",
    /no version mcp-server-time==99\.99\.99 in PyPI/,
    /pypi\.org\/project\/mcp-server-time\//,
  ],
  [
    "uvx six",
    "Installed 1 package in 1ms\nPackage `six` does not provide any executables.",
    "no-executable",
    /package six has no program/,
    /"--from", "PACKAGE", "PROGRAM"/,
  ],
  [
    "uvx pycowsay",
    "error: Failed to fetch: https://pypi.org/simple/pycowsay/\n  cause: client error (Connect)",
    "registry-unreachable",
    /could not download pycowsay: https:\/\/pypi\.org\/simple\/pycowsay\/ did not answer/,
    /UV_DEFAULT_INDEX/,
  ],
  [
    "uvx mcp-server-time",
    "  cause: Because the current Python version (3.9.18) does not satisfy Python>=3.10 and all",
    "wrong-runtime",
    /needs Python >=3\.10, but was started with Python 3\.9\.18/,
    /"--python", "3\.10" at the start of/,
  ],
  [
    "uvx --python 3.99 six",
    "error: No interpreter found for Python 3.99 in managed installations or search path",
    "wrong-runtime",
    /Python 3\.99 is not installed/,
    /uv python list/,
  ],
  [
    "npx -y @x/server@1.2",
    "Error: Cannot find module '~/.npm/_npx/5b2dd62b9d0bddd4/node_modules/zod/index.cjs'\n" +
    "    at Module._resolveFilename\nNode.js v20.20.2",
    "cache-incomplete",
    /^the npm cache of @x\/server@1\.2 is incomplete/,
    /^Delete the folder ~\/\.npm\/_npx\/5b2dd62b9d0bddd4, then run this once: npx -y -p @x\/server@1\.2 -- node --version$/,
  ],
  [
    "npm exec -y -- server",
    "node:internal/modules/cjs/loader:1210\nError: Cannot find module '@x/y'\nRequire stack:\n" +
    "- /tmp/a b/_npx/0a1b/node_modules/server/index.js\n    at Module._resolveFilename",
    "cache-incomplete",
    /cache of server is incomplete/,
    /^Delete the folder \/tmp\/a b\/_npx\/0a1b, then/,
  ],
  [
    "npx.cmd -y server",
    "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'zod' imported from " +
    "C:\\Users\\me\\npm-cache\\_npx\\0a1b\\node_modules\\server\\index.js",
    "cache-incomplete",
    /cache of server is incomplete/,
    /^Delete the folder C:\\Users\\me\\npm-cache\\_npx\\0a1b, then/,
  ],
  [
    "node dist/index.js",
    "Error: Cannot find module '/srv/dist/index.js'\n    at Module._resolveFilename\nNode.js v20.20.2",
    "file-not-found",
    /node did not find \/srv\/dist\/index\.js/,
    /"cwd"/,
  ],
  [
    "python3 server.py",
    "python3: can't open file '/srv/server.py': [Errno 2] No such file or directory",
    "file-not-found",
    /python3 did not find \/srv\/server\.py/,
    /mcpServers\.one\.args/,
  ],
  [
    "python3 -m my_server",
    "/usr/bin/python3: No module named my_server",
    "module-not-found",
    /no module my_server/,
    /mcpServers\.one\.command/,
  ],
];

Deno.test("[cli.doctor-local] the output of a command that fails to start a server shows the cause and a fix", () => {
  for (const [commandLine, output, kind, message, fix] of CASES) {
    const cause = findCause(commandLine, output);
    assert.equal(cause?.kind, kind, output);
    assert.match(cause.message, message);
    assert.match(cause.fix, fix);
  }
});

Deno.test("[cli.doctor-local] a server's own failures are not reported as failures of its launcher", () => {
  for (
    const [commandLine, output] of [
      ["npx -y a-server", "Error: connect ECONNREFUSED 127.0.0.1:5432"],
      ["node server.js", "npm error code E404"],
      ["./server", "Failed to fetch: https://example.com/config"],
      ["uvx a-server", "ERROR: 404 Not Found"],
    ] as const
  ) {
    assert.equal(findCause(commandLine, output), undefined, output);
  }
});

const hasNpx = await new Deno.Command("npx", { args: ["--version"], stdin: "null" }).output()
  .then(({ success }) => success, () => false);

Deno.test({
  name:
    "[cli.doctor-local] a download by npx that fails is reported as a missing package or an unreachable registry",
  ignore: !hasNpx || Deno.build.os === "windows",
  fn: async () => {
    await using registry = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => {
        return Response.json({ error: "Not found" }, { status: 404 });
      },
    );
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    closed.close();
    await using shell = new Shell({ servers: {} });
    const server = (port: number, connect_timeout_ms: number) => ({
      command: "npx",
      args: ["-y", "no-such-server"],
      env: {
        npm_config_registry: `http://127.0.0.1:${port}/`,
        npm_config_cache: `${shell.setup.workingFolder}/cache-${port}`,
      },
      gateway: { connect_timeout_ms },
    });
    const longTimeoutMs = 600_000;
    shell.setup.writeFile(".mcp.json", {
      mcpServers: {
        missing: server(registry.addr.port, longTimeoutMs),
        refused: server(closed.addr.port, longTimeoutMs),
        silent: server(silent.addr.port, 6_000),
      },
    });
    const { code, stdout } = await shell.run(["doctor", "--json"]);
    assert.equal(code, 1);
    const errors = JSON.parse(stdout).servers.map((
      { server, error }: { server: string; error: { kind: string; message: string; fix: string } },
    ) => [server, error.kind, /no-such-server/.test(error.message), error.fix.length > 0]);
    assert.deepEqual(errors, [
      ["missing", "package-not-found", true, true],
      ["refused", "registry-unreachable", true, true],
      ["silent", "registry-unreachable", true, true],
    ]);
  },
});

Deno.test("[cli.doctor-local] for a server in a sandbox, the fix of a missing file is to write its path in full", () => {
  const stderr = "Error: Cannot find module '/tmp/dist/index.js'\n    at Module._resolveFilename";
  const connection = { kind: "stdio", command: "node", args: ["dist/index.js"], env: {} } as const;
  const cause = findLocalCause(stderr, { name: "files", connection, isSandboxed: true });
  assert.match(
    cause?.fix ?? "",
    /write it in full: the sandbox shows only absolute paths of the entry/,
  );
});
