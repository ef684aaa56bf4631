import assert from "node:assert/strict";
import { delimiter, join } from "node:path";
import { findDirectStart } from "../../src/downstream/direct_start/mod.ts";
import { startGateway } from "../e2e/gateway.ts";

const UV = "uv==0.13.9";
const NAME = "mcp-server-time";
const SPEC = `${NAME}==2026.10.19`;

/** A module that Python loads first: prints how the process was started, if a variable asks for it. */
const PRINTER = `import json, os, sys
if os.environ.get("PRINT_START"):
    start = {"argv": sys.orig_argv, "cwd": os.getcwd(), "env": dict(os.environ)}
    print(json.dumps(start), flush=True)
    os._exit(0)
`;

/** Environment and folder of a command. */
interface UvxOptions {
  readonly command?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** uv in a folder of its own, with an empty cache; it downloads packages from PyPI. */
class Uv implements AsyncDisposable {
  readonly root: string;
  #python = "";

  private constructor(root: string) {
    this.root = root;
  }

  static async install(): Promise<Uv> {
    const uv = new Uv(await Deno.realPath(await Deno.makeTempDir()));
    await Deno.mkdir(join(uv.root, "home"));
    await Deno.mkdir(join(uv.root, "python"));
    await Deno.writeTextFile(join(uv.root, "python/sitecustomize.py"), PRINTER);
    const target = join(uv.root, "uv");
    const { success, stderr } = await new Deno.Command("python3", {
      args: ["-m", "pip", "install", "--quiet", "--target", target, UV],
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    // The python3 of a version manager is a script.
    const { stdout } = await new Deno.Command("python3", {
      args: ["-c", "import sys; print(sys.base_prefix, end='')"],
    }).output();
    uv.#python = new TextDecoder().decode(stdout);
    return uv;
  }

  get cache(): string {
    return join(this.root, "home/.cache/uv");
  }

  /** The environments in the cache. */
  async environments(): Promise<string[]> {
    const root = join(this.cache, "environments-v2");
    const [interpreter] = await Array.fromAsync(Deno.readDir(root));
    const folder = join(root, interpreter?.name ?? "");
    const entries = await Array.fromAsync(Deno.readDir(folder));
    return entries.filter(({ isSymlink }) => isSymlink).map(({ name }) => join(folder, name));
  }

  variables(env: UvxOptions["env"] = {}): Record<string, string> {
    const { PATH = "", SSL_CERT_FILE } = Deno.env.toObject();
    return {
      PATH: [join(this.root, "uv/bin"), join(this.#python, "bin"), PATH].join(delimiter),
      HOME: join(this.root, "home"),
      PYTHONPATH: join(this.root, "python"),
      PRINT_START: "yes",
      ...(SSL_CERT_FILE === undefined ? {} : { SSL_CERT_FILE }),
      ...env,
    };
  }

  async find(args: readonly string[], { command = "uvx", env }: UvxOptions = {}) {
    const connection = { kind: "stdio", command, args, env: {}, cwd: this.root } as const;
    return await findDirectStart(connection, this.variables(env));
  }

  async run(command: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    const { stdout, stderr } = await new Deno.Command(command, {
      args: [...args],
      cwd: this.root,
      env: { ...env },
      clearEnv: true,
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert.notEqual(text, "", new TextDecoder().decode(stderr));
    return JSON.parse(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.root, { recursive: true });
  }
}

/** Runs a command and expects that it succeeds. */
async function succeed(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** Changes after which uvx itself has to decide. */
const LAUNCHED: Readonly<
  Record<string, UvxOptions & { args?: string[]; change?: (uv: Uv) => Promise<unknown> }>
> = {
  "no version": { args: [NAME] },
  "a range": { args: [`${NAME}>=2026.10.19`] },
  "another version": { args: [`${NAME}==2026.10.10`] },
  "an unknown flag": { args: ["--with", "six", SPEC] },
  "a program of another package": { args: ["--from", SPEC, "uvicorn"] },
  "a package that another one needs": { args: ["httpx2==2.16.2"] },
  "a variable of uv": { env: { UV_PYTHON: "3.11" } },
  "an active environment": { env: { VIRTUAL_ENV: "/tmp" } },
  "an index of its own": { env: { UV_DEFAULT_INDEX: "https://example.com/simple" } },
  "another cache": { env: { UV_CACHE_DIR: "/nonexistent/uv" } },
  "settings of the user": {
    change: (uv) => write(uv, "home/.config/uv/uv.toml", "offline = true\n"),
  },
  "an installed tool": { change: (uv) => write(uv, `home/.local/share/uv/tools/${NAME}/x`, "") },
  "a Python that uv has installed": {
    change: (uv) => write(uv, "home/.local/share/uv/python/cpython-3.99.0-linux/bin/python3", ""),
  },
  "an index that was asked days ago": {
    change: async (uv) => {
      const [bucket] = (await Array.fromAsync(Deno.readDir(uv.cache)))
        .filter(({ name }) => name.startsWith("simple-v"));
      const date = new Date(Date.now() - 25 * 60 * 60 * 1000);
      await Deno.utime(join(uv.cache, bucket?.name ?? "", `pypi/${NAME}.rkyv`), date, date);
    },
  },
  "a newer kind of cache": { change: (uv) => Deno.mkdir(join(uv.cache, "environments-v3")) },
  "an environment out of the cache": {
    change: async (uv) => {
      const [link = ""] = await uv.environments();
      await Deno.rename(await Deno.realPath(link), join(uv.root, "evil"));
      await Deno.remove(link);
      await Deno.symlink(join(uv.root, "evil"), link);
    },
  },
  "a changed program": {
    change: async (uv) => {
      const [link = ""] = await uv.environments();
      await Deno.writeTextFile(join(link, "bin", NAME), "#!/bin/sh\necho evil\n");
    },
  },
  "a program that others can write": {
    change: async (uv) => {
      const [link = ""] = await uv.environments();
      await Deno.chmod(join(link, "bin", NAME), 0o777);
    },
  },
  "a cache that others can write": { change: (uv) => Deno.chmod(uv.cache, 0o777) },
  "another Python of the system": {
    change: async (uv) => {
      const [link = ""] = await uv.environments();
      const [lib] = await Array.fromAsync(Deno.readDir(join(link, "lib")));
      await Deno.rename(join(link, "lib", lib?.name ?? ""), join(link, "lib/python3.1"));
    },
  },
};

async function write(uv: Uv, path: string, text: string): Promise<void> {
  const file = join(uv.root, path);
  await Deno.mkdir(join(file, ".."), { recursive: true });
  await Deno.writeTextFile(file, text);
}

Deno.test({
  name: "[servers.direct-start] a program of uvx is started directly as uvx starts it",
  ignore: Deno.build.os === "windows",
  async fn(t) {
    await using uv = await Uv.install();
    const variables = uv.variables();
    const forms = {
      "name and version": [SPEC],
      "version after @": [SPEC.replace("==", "@")],
      "--from": ["--from", SPEC, NAME],
      "--from=": [`--from=${SPEC}`, NAME],
    };
    for (const [name, words] of Object.entries(forms)) {
      await t.step(name, async () => {
        const args = [
          ...words,
          "--local-timezone",
          "Europe/Berlin",
          "",
          "it's",
          "--",
          "a\nb",
          "$x",
        ];
        const launched = await uv.run("uvx", args, variables);
        const direct = await uv.find(args);
        assert.ok(direct, "it is started directly");
        assert.deepEqual(await uv.run(direct.command, direct.args, direct.env), launched);
      });
    }

    await t.step("it serves without uvx", async () => {
      const entry = {
        command: join(uv.root, "uv/bin/uvx"),
        args: [SPEC, "--local-timezone", "Europe/Berlin"],
        env: { ...variables, PRINT_START: "" },
      };
      await using gateway = await startGateway({
        servers: { time: entry },
        env: { GATEWAY_LOG_LEVEL: "debug" },
      });
      const call = { timezone: "Europe/Berlin" };
      const result = await gateway.callServerTool("time", "get_current_time", call);
      assert.equal(result.isError, false);
      assert.match(gateway.program.stderr, /Started without its launcher/);
    });

    const home = join(uv.root, "home");
    const spare = join(uv.root, "spare");
    await succeed("cp", "-Rp", home, spare);
    for (const [name, { args = [SPEC], change, ...options }] of Object.entries(LAUNCHED)) {
      await t.step(`uvx decides: ${name}`, async () => {
        assert.ok(await uv.find([SPEC]), "it is direct before");
        await change?.(uv);
        assert.equal(await uv.find(args, options), undefined);
        if (change === undefined) return;
        await Deno.remove(home, { recursive: true });
        await succeed("cp", "-Rp", spare, home);
      });
    }

    await t.step("uvx decides: another Python comes first", async () => {
      const folder = join(uv.root, "other");
      await write(uv, "other/python3", '#!/bin/sh\nexec /usr/bin/python3 "$@"\n');
      await Deno.chmod(join(folder, "python3"), 0o755);
      const env = { PATH: [folder, variables["PATH"]].join(delimiter) };
      assert.equal(await uv.find([SPEC], { env }), undefined);
    });

    await t.step("uvx decides: another program has its name", async () => {
      const file = join(uv.root, "bin/uvx");
      await write(uv, "bin/uvx", "#!/bin/sh\necho evil\n");
      await Deno.chmod(file, 0o755);
      assert.equal(await uv.find([SPEC], { command: file }), undefined);
      const env = { PATH: [join(uv.root, "bin"), variables["PATH"]].join(delimiter) };
      assert.equal(await uv.find([SPEC], { env }), undefined);
    });

    await t.step(
      "uvx decides between several environments, and whether a flag made one",
      async () => {
        const [link = ""] = await uv.environments();
        await uv.run("uvx", ["--with", "six", SPEC], variables);
        assert.equal(await uv.find([SPEC]), undefined, "there are two");
        await Deno.remove(link);
        assert.equal((await uv.environments()).length, 1);
        assert.equal(await uv.find([SPEC]), undefined, "the other one has a further package");
      },
    );
  },
});
