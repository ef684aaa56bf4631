import assert from "node:assert/strict";
import { describeFileChoices, locateFiles } from "../../src/config/mod.ts";
import { checkFiles, createEnvironment } from "./check_files.ts";
import { createPipe, TempFolder } from "./temp_folder.ts";
import { checkConfiguration } from "../../src/config/mod.ts";

const home = "/home/someone";
const cwd = "/project";
const userServers = `${home}/.config/agent-mcp-gateway/.mcp.json`;
const userRules = `${home}/.config/agent-mcp-gateway/.mcp-gateway-rules.json`;
const inWorkingFolder = "/project/.mcp.json";
const inConfig = "/project/config/.mcp.json";

function locate(present: string[], flags: { mcpConfig?: string; rules?: string } = {}) {
  const exists = (path: string) => present.includes(path);
  const files = locateFiles(flags, { home, cwd, exists });
  return { ...files, notes: describeFileChoices(files, exists) };
}

Deno.test("[config.search-order] files are searched at the given path, in the user's folder, in the working folder and in config/", () => {
  const paths = [userServers, inWorkingFolder, inConfig];
  assert.equal(locate(paths, { mcpConfig: "x.json" }).mcpConfig.path, "/project/x.json");
  assert.equal(locate(paths, { mcpConfig: "/etc/x.json" }).mcpConfig.path, "/etc/x.json");
  assert.equal(locate(paths).mcpConfig.path, userServers);
  assert.equal(locate([inWorkingFolder, inConfig]).mcpConfig.path, inWorkingFolder);
  assert.equal(locate([inConfig]).mcpConfig.path, inConfig);
  assert.equal(locate([]).mcpConfig.origin, "missing");
});

Deno.test("[config.search-order] if the user's folder has one file, the working folder is not searched for the other", () => {
  const rulesHere = "/project/.mcp-gateway-rules.json";
  for (const [present, missing] of [[userRules, "mcpConfig"], [userServers, "rules"]] as const) {
    const files = locate([present, inWorkingFolder, rulesHere]);
    assert.equal(files[missing].origin, "missing");
    assert.deepEqual(files[missing].searchedPaths, [
      missing === "rules" ? userRules : userServers,
    ]);
  }
  const { mcpConfig, rules } = locate([inWorkingFolder, rulesHere]);
  assert.deepEqual([mcpConfig.origin, rules.origin], ["working-folder", "working-folder"]);
});

Deno.test("[config.search-order] without a home folder only the working folder is searched", () => {
  const files = locateFiles({}, { home: undefined, cwd, exists: () => true });
  assert.equal(files.mcpConfig.path, inWorkingFolder);
});

Deno.test("[config.announced] ignored files and files in the working folder are logged", () => {
  assert.deepEqual(locate([userServers, userRules]).notes, []);
  assert.deepEqual(locate([userServers, inWorkingFolder, userRules]).notes, [
    `ignoring ${inWorkingFolder}, because ${userServers} is used`,
  ]);
  assert.deepEqual(locate([inWorkingFolder, inConfig]).notes, [
    `using ${inWorkingFolder}, found in the working folder`,
    `ignoring ${inConfig}, because ${inWorkingFolder} is used`,
  ]);
  assert.deepEqual(
    locate([inWorkingFolder], { mcpConfig: inWorkingFolder, rules: "r.json" }).notes,
    [],
  );
});

Deno.test("[config.search-order] if the working folder is the user's folder, no file is ignored", () => {
  const cwd = `${home}/.config/agent-mcp-gateway`;
  const exists = (path: string) => path === userServers;
  const files = locateFiles({}, { home, cwd, exists });
  assert.equal(files.mcpConfig.origin, "home");
  assert.deepEqual(describeFileChoices(files, exists), []);
});

Deno.test("[config.search-order] a folder on the disk is not a file", () => {
  using folder = new TempFolder();
  folder.write(".mcp.json/x", "");
  const inConfig = folder.write("config/.mcp.json", {});
  const files = locateFiles({}, { home: `${folder.path}/nobody`, cwd: folder.path });
  assert.equal(files.mcpConfig.path, inConfig);
  assert.equal(files.rules.origin, "missing");
});

Deno.test("[config.missing-explained] the message about missing files lists the folders and says how to create the files", async () => {
  using folder = new TempFolder();
  const files = locateFiles({}, { home: `${folder.path}/home`, cwd: folder.path });
  const { errors } = await checkConfiguration(files, {
    env: createEnvironment({}),
    cwd: folder.path,
  });
  assert.deepEqual(errors.map(({ file }) => file), [".mcp.json", ".mcp-gateway-rules.json"]);
  // Only the last message says what to do.
  assert.deepEqual(errors.map(({ message }) => message), [
    "not found",
    "not found; run agent-mcp-gateway init, which writes both files, or name them with " +
    `--mcp-config and --rules; looked in ${folder.path}/home/.config/agent-mcp-gateway, ` +
    `${folder.path}, ${folder.path}/config`,
  ]);
  const mcpConfig = folder.write("servers.json", { mcpServers: {} });
  const withoutRules = await checkConfiguration(
    locateFiles({ mcpConfig }, { home: `${folder.path}/home`, cwd: folder.path }),
    { env: createEnvironment({}), cwd: folder.path },
  );
  assert.match(
    withoutRules.errors[0]?.message ?? "",
    /^not found; run .* or name it with --rules; looked/,
  );
});

Deno.test("[config.unreadable-explained] folders, other encodings and huge files are reported", async () => {
  const checkContent = async (content: Uint8Array | string) =>
    (await checkFiles(content)).errors.map(({ message }) => message);
  assert.deepEqual(await checkContent(new Uint8Array([0xff, 0xfe, 0x7b, 0])), [
    "the file is UTF-16: save it as UTF-8 (named by --mcp-config or GATEWAY_MCP_CONFIG)",
  ]);
  assert.match(
    (await checkContent(new Uint8Array([0x7b, 0xc3, 0x28, 0x7d])))[0] ?? "",
    /not UTF-8 text/,
  );
  assert.match((await checkContent(" ".repeat(16 * 1024 * 1024 + 1)))[0] ?? "", /too large/);
  assert.match((await checkContent(" ".repeat(1024)))[0] ?? "", /the file is empty/);
  using folder = new TempFolder();
  const files = locateFiles({ mcpConfig: folder.path, rules: "/nowhere/r.json" }, { home, cwd });
  const { errors } = await checkConfiguration(files, { env: createEnvironment({}), cwd });
  assert.match(errors[0]?.message ?? "", /this is a folder/);
  assert.match(errors[1]?.message ?? "", /no such file \(named by --rules or GATEWAY_RULES\)/);
});

Deno.test({
  name: "[config.unreadable-explained] a pipe and an endless device are reported",
  ignore: Deno.build.os === "windows",
  async fn() {
    using folder = new TempFolder();
    const pipe = createPipe(`${folder.path}/pipe`);
    const files = locateFiles({ mcpConfig: pipe, rules: "/dev/zero" }, { home, cwd });
    const { errors } = await checkConfiguration(files, { env: createEnvironment({}), cwd });
    assert.equal(errors.length, 2);
    for (const { message } of errors) assert.match(message, /^this is a pipe or a device: /);
  },
});

Deno.test({
  name: "[config.unreadable-explained] a file that Deno may not read is reported",
  permissions: { read: false },
  async fn() {
    const files = locateFiles({ mcpConfig: "/a", rules: "/b" }, { home, cwd });
    const { errors } = await checkConfiguration(files, { env: createEnvironment({}), cwd });
    assert.match(errors[0]?.message ?? "", /^Deno was not allowed to read the file/);
  },
});
