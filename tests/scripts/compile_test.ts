import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { compile, compileArguments, executableName } from "../../scripts/compile.ts";
import { permissionFlags } from "../../scripts/permissions.ts";
import { checksums, releaseName, TARGETS } from "../../scripts/release.ts";
import { gatewayCommandLine } from "../e2e/gateway_command.ts";
import { Setup } from "../e2e/setup.ts";
import { TempFolder } from "./temp_folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

Deno.test("[compile.command] the executable is built without settings, lock file and type check", () => {
  assert.deepEqual(
    compileArguments({ output: "dist/x", permissions: ["--no-prompt", "--allow-read"] }),
    [
      "compile",
      "--quiet",
      "--no-config",
      "--no-lock",
      "--no-check",
      "--output",
      "dist/x",
      "--v8-flags=--heap-growing-percent=100",
      "--no-prompt",
      "--allow-read",
      "dist/agent-mcp-gateway.js",
    ],
  );
  const words = compileArguments({ output: "y", permissions: [], target: "x86_64-apple-darwin" });
  assert.equal(words[words.indexOf("--target") + 1], "x86_64-apple-darwin");
});

Deno.test("[compile.permissions] executables have the permissions of start, without FFI and import", () => {
  const flags = permissionFlags("start");
  assert.ok(flags.includes("--no-prompt"));
  for (const flag of flags) {
    assert.match(flag, /^--(no-prompt|allow-(read|write|env|net|run|sys))(=|$)/);
  }
  for (const script of ["compile", "release", "npm"] as const) {
    const text = Deno.readTextFileSync(join(ROOT, "scripts", `${script}.ts`));
    assert.match(text, /permissionFlags\(\)/, script);
    assert.ok(config.tasks[script].command.endsWith(`scripts/${script}.ts`));
  }
});

/** Runs the script of the compile task with the base runtime at a path, and without permission for the network. */
async function runCompile(runtimePath: string): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "-R", "-W=dist", "-E", "--allow-run", "scripts/compile.ts"],
    cwd: ROOT,
    env: { DENORT_BIN: runtimePath },
    stdin: "null",
    stdout: "null",
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

Deno.test("[compile.no-runtime] without the base runtime, the message says what is missing, where it is found, and what runs without it", async () => {
  using folder = new TempFolder();
  const { code, stderr } = await runCompile(join(folder.path, "none"));
  assert.equal(code, 1);
  for (
    const part of [
      "Nothing was compiled",
      `denort ${Deno.version.deno} for ${Deno.build.target}`,
      `denort-${Deno.build.target}.zip`,
      "DENORT_BIN names",
      "dl.deno.land",
      `deno run ${permissionFlags().join(" ")} dist/agent-mcp-gateway.js`,
    ]
  ) assert.ok(stderr.includes(part), part);
  assert.doesNotMatch(stderr, /Stack backtrace|^\s+at /m);
});

Deno.test("[compile.no-runtime] an executable that does not run the gateway is refused, and an earlier file is kept", async () => {
  using folder = new TempFolder();
  await gatewayCommandLine("bundle");
  const output = join(folder.path, executableName("gateway"));
  Deno.writeTextFileSync(output, "earlier file");
  // The full Deno is accepted as a runtime, but the result is Deno itself.
  const originalRuntime = Deno.env.get("DENORT_BIN");
  Deno.env.set("DENORT_BIN", Deno.execPath());
  try {
    const cwd = Deno.cwd();
    Deno.chdir(ROOT);
    await assert.rejects(
      compile({ output, permissions: ["--no-prompt", "--allow-read=/a b"] }),
      /does not run the gateway[^]*Nothing was compiled[^]*deno run --no-prompt '--allow-read=\/a b' dist/,
    ).finally(() => Deno.chdir(cwd));
  } finally {
    if (originalRuntime === undefined) Deno.env.delete("DENORT_BIN");
    else Deno.env.set("DENORT_BIN", originalRuntime);
  }
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), [
    executableName("gateway"),
  ]);
  assert.equal(Deno.readTextFileSync(output), "earlier file");
});

Deno.test("[compile.release] a release has executables for five platforms", () => {
  assert.deepEqual(TARGETS.map(releaseName), [
    "agent-mcp-gateway-x86_64-unknown-linux-gnu",
    "agent-mcp-gateway-aarch64-unknown-linux-gnu",
    "agent-mcp-gateway-x86_64-apple-darwin",
    "agent-mcp-gateway-aarch64-apple-darwin",
    "agent-mcp-gateway-x86_64-pc-windows-msvc.exe",
  ]);
});

Deno.test("[compile.release] checksums have the format of sha256sum", async () => {
  using folder = new TempFolder();
  folder.write({ one: "abc", two: "" });
  assert.equal(
    await checksums(folder.path, ["one", "two"]),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  one\n" +
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  two\n",
  );
});

Deno.test("[compile.locked] compile --locked prints the permissions that the configuration needs", async () => {
  const setup = new Setup({ servers: { one: { command: "npx" } } });
  try {
    const words = ["--locked", "--mcp-config", `${setup.workingFolder}/.mcp.json`];
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", "-R", "-W=dist", "-E", "--allow-run", "scripts/compile.ts"],
        ...["--", ...words, "--rules", `${setup.workingFolder}/.mcp-gateway-rules.json`],
      ],
      cwd: ROOT,
      env: { ...setup.env, DENORT_BIN: join(setup.workingFolder, "none") },
      stdin: "null",
      stderr: "null",
    }).output();
    const output = new TextDecoder().decode(stdout);
    assert.equal(code, 1);
    const allowed = Deno.build.os === "windows" ? "--allow-run" : "--allow-run=kill,npx,sh";
    assert.ok(output.split("\n").includes(allowed), output);
    assert.ok(output.includes(setup.workingFolder));
  } finally {
    await setup.close();
  }
});
