import assert from "node:assert/strict";
import { parse } from "yaml";
import { permissionFlags, readPermissionFlags } from "../../scripts/permissions.ts";
import { releaseName, TARGETS } from "../../scripts/release.ts";

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly needs?: string;
  readonly permissions?: unknown;
  readonly env?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly unknown[]>> };
  readonly steps: readonly Step[];
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

const FOLDER = new URL("../../.github/workflows/", import.meta.url);

function readWorkflow(name: string): Workflow {
  const text = Deno.readTextFileSync(new URL(name, FOLDER));
  return parse(text, { strict: true, uniqueKeys: true }) as Workflow;
}

const fileNames = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).sort();

Deno.test("workflows: actions have a major version, Deno has the version of .ci/run, and jobs only read by default", () => {
  assert.deepEqual(fileNames, ["release.yml", "test.yml"]);
  const denoVersion = /deno@(\S+)/.exec(Deno.readTextFileSync(new URL("../../.ci/run", FOLDER)))
    ?.[1];
  for (const name of fileNames) {
    const { permissions, jobs } = readWorkflow(name);
    assert.deepEqual(permissions, { contents: "read" }, name);
    for (const step of Object.values(jobs).flatMap((job) => job.steps)) {
      if (step.uses === undefined) continue;
      assert.match(step.uses, /^(actions|denoland)\/[\w-]+@v\d+$/);
      if (!step.uses.startsWith("denoland/")) continue;
      assert.equal(step.with?.["deno-version"], denoVersion);
    }
  }
});

Deno.test("workflows: test runs the tests on Linux, macOS and Windows", () => {
  const { on, jobs } = readWorkflow("test.yml");
  assert.deepEqual(Object.keys(on), ["push", "pull_request"]);
  assert.deepEqual(jobs["test"]?.strategy?.matrix, {
    os: ["ubuntu-latest", "macos-latest", "windows-latest"],
  });
  assert.equal(jobs["test"]?.steps.at(-1)?.run, "deno task test");
});

Deno.test("[compile.release] a tag builds, tests each executable, and only then releases", () => {
  const { on, jobs } = readWorkflow("release.yml");
  assert.deepEqual(on, { push: { tags: ["v*"] } });
  const { build, e2e, publish } = jobs;
  assert.ok(build?.steps.some(({ run }) => run === "deno task release"));
  assert.equal(e2e?.needs, "build");
  assert.equal(publish?.needs, "e2e");
  assert.deepEqual(publish?.permissions, { contents: "write" });
  assert.ok(publish?.steps.some(({ run }) => run === "sha256sum --check SHA256SUMS"));

  const platforms = (e2e?.strategy?.matrix["include"] ?? []) as readonly Record<string, string>[];
  assert.deepEqual(platforms.map(({ target }) => target), TARGETS);
  for (const { target = "", extension = "" } of platforms) {
    const command: string | undefined = e2e?.env?.["GATEWAY_COMMAND"]
      ?.replace("${{ matrix.target }}", target).replace("${{ matrix.extension }}", extension);
    assert.equal(command, `\${{ github.workspace }}/dist/release/${releaseName(target)}`);
  }
  const testCommand = e2e?.steps.at(-1)?.run ?? "";
  assert.match(testCommand, /^deno test .* tests\/e2e$/);
  assert.deepEqual(readPermissionFlags(testCommand), permissionFlags("soak"));
});
