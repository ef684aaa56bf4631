import assert from "node:assert/strict";
import { join } from "node:path";
import {
  NpxFixture,
  type PrintedStart,
  SPEC,
  type StartOptions,
  writePackage,
} from "./npx_fixture.ts";

const ignore = Deno.build.os === "windows";

const FOLDER = "node_modules/@tests/printing-server";

/** Variables in which a direct start may differ: those of the shell, and those that only some versions of npm set. */
const FREE_VARIABLES = [
  ...["_", "SHLVL", "OLDPWD", "npm_config_allow_scripts", "npm_config_global_ignore_file"],
  ...["npm_lifecycle_script"],
];

function withoutFreeVariables({ env, pid: _, ...rest }: PrintedStart) {
  const variables = Object.entries(env).filter(([name]) => !FREE_VARIABLES.includes(name));
  return { ...rest, env: Object.fromEntries(variables) };
}

/** Entries that are started directly: the arguments, the folder with its files, and the variables. */
const DIRECT: Readonly<
  Record<string, StartOptions & { args?: string[]; files?: Record<string, string> }>
> = {
  "without a flag": { args: [SPEC, "a"] },
  "with --yes": { args: ["--yes", SPEC, "-y", "--", "--package", "x"] },
  "with odd arguments": {
    args: ["-y", SPEC, "", "it's", "a\nb", "b\\c", '"q"', "ü*", "$HOME", "~"],
  },
  "with variables of npm": {
    env: { npm_config_yes: "false", npm_config_user_agent: "npm/9 x", npm_config_fund: "false" },
  },
  "with an editor and a proxy": { env: { VISUAL: "nano", NO_PROXY: "example.com", LANG: "C" } },
  "with settings of the user": {
    files: {
      "home/.npmrc": "; mine\nfund = false\naudit=true\nprefix=~/global\ncafile=${HOME}/ca.pem\n" +
        "//localhost:1/:_authToken=${MISSING}\n@other:registry=https://other.example/\n",
      "home/global/etc/npmrc": "# all\nfetch-retries=5\nyes=false\n",
    },
  },
  "in a folder of a project": {
    cwd: "project/src/deep",
    files: {
      "project/src/deep/file": "",
      "project/package.json": '{"private": true}',
      "project/.npmrc": "save-exact=true\nupdate-notifier=false\n",
      "project/node_modules/.package-lock.json": '{"packages": {"node_modules/other": {}}}',
    },
  },
};

Deno.test({
  name: "[servers.direct-start] a program is started directly as npx starts it",
  ignore,
  async fn(test) {
    await using fixture = await NpxFixture.install();
    for (
      const [name, { args = ["-y", SPEC, "a"], files = {}, ...options }] of Object.entries(DIRECT)
    ) {
      await test.step(name, async () => {
        for (const [path, text] of Object.entries(files)) await fixture.write(path, text);
        const launched = withoutFreeVariables(await fixture.launch(args, options));
        const direct = withoutFreeVariables(await fixture.runDirectly(args, options));
        assert.deepEqual(direct, launched);
        assert.equal(direct.marker, "registry");
        await fixture.reset();
      });
    }
  },
});

/** Changes after which npx itself has to decide. */
const LAUNCHED: Readonly<
  Record<
    string,
    StartOptions & { args?: string[]; change?: (fixture: NpxFixture) => Promise<unknown> }
  >
> = {
  "no version": { args: ["-y", "@tests/printing-server"] },
  "a range": { args: ["-y", "@tests/printing-server@^1.2.3"] },
  "a tag": { args: ["-y", "@tests/printing-server@latest"] },
  "another version": { args: ["-y", "@tests/printing-server@1.2.4"] },
  "an unknown flag": { args: ["-y", "--prefer-online", SPEC] },
  "a flag with the package": { args: ["-y", "--package", SPEC, "printing-server"] },
  "a relative npx": { command: "./npx" },
  "a variable of npm that is not known": { env: { npm_config_script_shell: "/bin/bash" } },
  "a workspace": { env: { NPM_CONFIG_WORKSPACE: "a" } },
  "a variable twice": { env: { NPM_CONFIG_REGISTRY: "https://registry.example/" } },
  "a relative cache": { env: { npm_config_cache: "cache" } },
  "another cache": { env: { npm_config_cache: "/nonexistent/cache" } },
  "another prefix": { env: { PREFIX: "/opt" } },
  "no home folder": { env: { HOME: "" } },
  "a relative folder in PATH": { env: { PATH: `bin:${Deno.env.get("PATH")}` } },
  "a setting that is not known": {
    change: (fixture) => fixture.write("home/.npmrc", "fund=false\nmin-release-age=7\n"),
  },
  "a setting of the project": {
    change: async (fixture) => {
      await fixture.write("work/package.json", "{}");
      await fixture.write("work/.npmrc", "script-shell=/bin/bash\n");
    },
  },
  "a section in the settings": {
    change: (fixture) => fixture.write("home/.npmrc", "[a]\nfund=false\n"),
  },
  "an unset variable in the settings": {
    change: (fixture) => fixture.write("home/.npmrc", "cache=${NO_SUCH_VARIABLE}/x\n"),
  },
  "workspaces above the folder": {
    cwd: "work/part",
    change: async (fixture) => {
      await fixture.write("work/part/package.json", "{}");
      await fixture.write("work/package.json", '{"workspaces": ["part"]}');
    },
  },
  "a project with the name of the package": {
    change: (fixture) => fixture.write("work/package.json", '{"name": "@tests/printing-server"}'),
  },
  "a project with a program of that name": {
    change: (fixture) => fixture.write("work/package.json", `{"bin": {"${SPEC}": "evil.js"}}`),
  },
  "a local program of that name": {
    change: (fixture) => fixture.write(`work/node_modules/.bin/${SPEC}`, "#!/bin/sh\n"),
  },
  "a project that is not JSON": { change: (fixture) => fixture.write("work/package.json", "{") },
  "packages of another package manager": {
    change: (fixture) => fixture.write("work/node_modules/other/package.json", "{}"),
  },
  "a package within a local package": {
    change: (fixture) =>
      fixture.write(
        "work/node_modules/.package-lock.json",
        `{"packages": {"node_modules/a/${FOLDER}": {}}}`,
      ),
  },
  "an installation under way": {
    change: (fixture) => Deno.mkdir(join(fixture.installed, "concurrency.lock")),
  },
  "an interrupted installation": {
    change: (fixture) => Deno.remove(join(fixture.installed, "node_modules/.package-lock.json")),
  },
  "other packages beside it": {
    change: (fixture) =>
      writeInstalled(fixture, ["@tests/printing-server", "other"], { packages: [SPEC] }),
  },
  "other packages that were asked for": {
    change: (fixture) =>
      writeInstalled(fixture, ["@tests/printing-server"], { packages: [SPEC, "other@1.0.0"] }),
  },
  "a package of another version": {
    change: (fixture) => edit(fixture, "package.json", "1.2.3", "1.2.2"),
  },
  "a program outside the package": {
    change: (fixture) => edit(fixture, "package.json", "dist/program.js", "../../../evil.js"),
  },
  "a link out of the cache": {
    change: async (fixture) => {
      await writePackage(join(fixture.root, "evil"), "evil");
      await Deno.remove(join(fixture.installed, FOLDER, "dist"), { recursive: true });
      await Deno.symlink(
        join(fixture.root, "evil/dist"),
        join(fixture.installed, FOLDER, "dist"),
      );
    },
  },
  "another program behind the name": {
    change: async (fixture) => {
      const link = join(fixture.installed, "node_modules/.bin/printing-server");
      await Deno.remove(link);
      await Deno.symlink("../@tests/printing-server/dist/other.js", link);
    },
  },
  "a program for another interpreter": {
    change: (fixture) => edit(fixture, "dist/program.js", "env node", "env sh"),
  },
  "several programs, none with the name of the package": {
    change: (fixture) => edit(fixture, "package.json", '"printing-server"', '"a-program"'),
  },
  "a program that others can write": {
    change: (fixture) => Deno.chmod(join(fixture.installed, FOLDER, "dist/program.js"), 0o757),
  },
  "a folder that others can write": {
    change: (fixture) => Deno.chmod(join(fixture.installed, FOLDER, "dist"), 0o777),
  },
  "a cache that others can write": { change: (fixture) => Deno.chmod(fixture.cache, 0o777) },
};

/** Writes the file in which npx says what it has installed. */
async function writeInstalled(fixture: NpxFixture, names: string[], _npx?: unknown): Promise<void> {
  const dependencies = Object.fromEntries(names.map((name) => [name, "^1.2.3"]));
  const text = JSON.stringify({ dependencies, _npx });
  await Deno.writeTextFile(join(fixture.installed, "package.json"), text);
}

Deno.test({
  name: "[servers.direct-start] a package that npm 10 has installed is started directly",
  ignore,
  async fn() {
    await using fixture = await NpxFixture.install();
    await writeInstalled(fixture, ["@tests/printing-server"]);
    assert.notEqual(await fixture.find(["-y", SPEC]), undefined);
  },
});

async function edit(fixture: NpxFixture, path: string, text: string, by: string): Promise<void> {
  const file = join(fixture.installed, FOLDER, path);
  const content = await Deno.readTextFile(file);
  assert.ok(content.includes(text), `${path} contains ${text}`);
  await Deno.writeTextFile(file, content.replace(text, by));
}

Deno.test({
  name: "[servers.direct-start-doubt] npx decides whenever the program is not certain",
  ignore,
  async fn(test) {
    await using fixture = await NpxFixture.install();
    for (const [name, { args = ["-y", SPEC], change, ...options }] of Object.entries(LAUNCHED)) {
      await test.step(name, async () => {
        assert.notEqual(await fixture.find(["-y", SPEC]), undefined, "it is direct before");
        await Deno.mkdir(join(fixture.root, options.cwd ?? "work"), { recursive: true });
        await change?.(fixture);
        assert.equal(await fixture.find(args, options), undefined);
        await fixture.reset();
      });
    }
  },
});

Deno.test({
  name:
    "[servers.direct-start-doubt] npx runs the package of the project or its global one, and is started for it",
  ignore,
  async fn() {
    await using fixture = await NpxFixture.install();
    await fixture.write(
      "work/package.json",
      '{"dependencies": {"@tests/printing-server": "1.2.3"}}',
    );
    await writePackage(join(fixture.root, "work", FOLDER), "project");
    const bin = join(fixture.root, "work/node_modules/.bin");
    await Deno.mkdir(bin);
    await Deno.symlink("../@tests/printing-server/dist/program.js", join(bin, "printing-server"));
    assert.equal((await fixture.launch(["-y", SPEC])).marker, "project");
    assert.equal(await fixture.find(["-y", SPEC]), undefined);

    const global = join(fixture.root, "global");
    const options = { cwd: "home", env: { npm_config_prefix: global } };
    await writePackage(join(global, "lib", FOLDER), "global");
    await Deno.mkdir(join(global, "bin"));
    await Deno.symlink(
      "../lib/node_modules/@tests/printing-server/dist/program.js",
      join(global, "bin/printing-server"),
    );
    assert.equal((await fixture.launch(["-y", SPEC], options)).marker, "global");
    assert.equal(await fixture.find(["-y", SPEC], options), undefined);
  },
});

Deno.test({
  name: "[servers.direct-start-doubt] another program with the name npx is run itself",
  ignore,
  async fn() {
    await using fixture = await NpxFixture.install();
    const bin = join(fixture.root, "bin");
    await fixture.write("bin/npx", "#!/bin/sh\necho evil\n");
    await Deno.chmod(join(bin, "npx"), 0o755);
    const path = `${bin}:${Deno.env.get("PATH")}`;
    assert.equal(await fixture.find(["-y", SPEC], { env: { PATH: path } }), undefined);
    assert.equal(await fixture.find(["-y", SPEC], { command: join(bin, "npx") }), undefined);
    const node = join(bin, "node");
    await Deno.remove(join(bin, "npx"));
    assert.notEqual(await fixture.find(["-y", SPEC], { env: { PATH: path } }), undefined);
    await Deno.writeTextFile(node, "#!/bin/sh\nexec /usr/bin/env node\n", { mode: 0o755 });
    assert.equal(await fixture.find(["-y", SPEC], { env: { PATH: path } }), undefined);
  },
});
