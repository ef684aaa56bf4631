/**
 * The tests do not build the image, which would need a container engine. They check the Dockerfile as text,
 * and run its build step in a folder with only the files that it copies. The end-to-end tests run the command
 * of the image.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { healthUrl } from "../../scripts/image_health.ts";
import { startGateway } from "../e2e/gateway.ts";
import { ROOT } from "../e2e/gateway_command.ts";
import { denoDir, machineEnvironment } from "../e2e/setup.ts";
import { readContext, readDockerfile, readEnv, readWords } from "./dockerfile.ts";
import { TempFolder } from "./temp_folder.ts";

const [buildStage, imageStage, ...otherStages] = readDockerfile(
  Deno.readTextFileSync(join(ROOT, "Dockerfile")),
);
const CONTEXT = readContext(Deno.readTextFileSync(join(ROOT, ".dockerignore"))).sort();

/** Size of `debian:trixie-slim` in Docker's list of official images, in bytes. */
const BASE_BYTES = 78_640_000;

/** Maximum size of the image in bytes. */
const MAX_BYTES = 200_000_000;

/** Returns the arguments of all instructions with a name in the last stage. */
function argumentsOf(name: string): string[] {
  return (imageStage?.instructions ?? []).filter((one) => one.name === name).map(({ text }) =>
    text
  );
}

Deno.test("[deploy.image] the image has a slim base, a user that is not root, and the gateway's settings and entry point", () => {
  assert.deepEqual(otherStages, []);
  assert.equal(buildStage?.name, "build");
  assert.match(buildStage.base, /^node:\d+-trixie-slim$/);
  assert.equal(imageStage?.base, "debian:trixie-slim");
  assert.match(argumentsOf("USER").at(-1) ?? "", /^[1-9]\d*:[1-9]\d*$/);
  assert.deepEqual(argumentsOf("STOPSIGNAL"), ["SIGTERM"]);
  assert.deepEqual(readWords(argumentsOf("ENTRYPOINT")[0] ?? ""), [
    "tini",
    "-s",
    "--",
    "agent-mcp-gateway",
  ]);
  const { GATEWAY_PORT, ...env } = readEnv(imageStage);
  assert.deepEqual(argumentsOf("EXPOSE"), [GATEWAY_PORT]);
  assert.equal(env.GATEWAY_MCP_CONFIG, "/config/.mcp.json");
  assert.equal(env.GATEWAY_RULES, "/config/.mcp-gateway-rules.json");
  assert.deepEqual([env.GATEWAY_TRANSPORT, env.GATEWAY_HOST], ["http", "0.0.0.0"]);
  assert.equal(env.GATEWAY_AUDIT_LOG?.startsWith(`${env.HOME}/`), true);
});

Deno.test("[deploy.image] the image has the version of Deno that the tests use", () => {
  const text = buildStage?.instructions.map(({ text }) => text).join("\n") ?? "";
  const ci = Deno.readTextFileSync(join(ROOT, ".ci/run"));
  const [, version] = /\bdeno@(\d+\.\d+\.\d+)/.exec(text) ?? [];
  assert.equal(version, /\bdeno@(\d+\.\d+\.\d+)/.exec(ci)?.[1]);
});

Deno.test("[deploy.image] the files that the build copies are enough for the bundle, and the image has the documented size", async () => {
  const copiedPaths = buildStage?.instructions.filter(({ name }) => name === "COPY")
    .flatMap(({ text }) => text.split(" ").slice(0, -1)) ?? [];
  assert.deepEqual(copiedPaths.toSorted(), CONTEXT);
  using folder = new TempFolder();
  for (const path of copiedPaths) copyTree(join(ROOT, path), join(folder.path, path));
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "bundle"],
    cwd: folder.path,
    clearEnv: true,
    env: { ...machineEnvironment(), HOME: folder.path, DENO_DIR: denoDir() },
    stdin: "null",
    stdout: "null",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const files = ["dist/agent-mcp-gateway.js", "scripts/image_health.ts"].map((name) => {
    return join(folder.path, name);
  });
  const sizes = [Deno.execPath(), ...files].map((path) => Deno.statSync(path).size);
  const total = sizes.reduce((sum, size) => sum + size, BASE_BYTES);
  assert.ok(total < MAX_BYTES, `${total}`);
  // Executables of other platforms have other sizes.
  if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") return;
  const page = Deno.readTextFileSync(join(ROOT, "docs/deployment.md"));
  const [, size] = /estimated size is (\d+) MB/.exec(page) ?? [];
  assert.ok(Math.abs(Number(size) - total / 1e6) < 3, `${size} MB, added up: ${total}`);
});

function copyTree(from: string, to: string): void {
  if (!Deno.statSync(from).isDirectory) {
    Deno.mkdirSync(join(to, ".."), { recursive: true });
    return Deno.copyFileSync(from, to);
  }
  for (const { name } of Deno.readDirSync(from)) copyTree(join(from, name), join(to, name));
}

Deno.test("[deploy.image] the health check uses the address of the listener", () => {
  const urlFor = (env: Record<string, string>) => healthUrl((name) => env[name]);
  assert.equal(urlFor({}), "http://127.0.0.1:8080/health");
  assert.equal(urlFor({ GATEWAY_HOST: "0.0.0.0", GATEWAY_PORT: "1" }), "http://127.0.0.1:1/health");
  assert.equal(urlFor({ GATEWAY_HOST: "::" }), "http://[::1]:8080/health");
  assert.equal(urlFor({ GATEWAY_HOST: "10.1.2.3" }), "http://10.1.2.3:8080/health");
  assert.equal(urlFor({ GATEWAY_HOST: "fd00::1" }), "http://[fd00::1]:8080/health");
  assert.equal(urlFor({ GATEWAY_TLS_CERT: "/c" }), "https://127.0.0.1:8080/health");
});

Deno.test({
  name:
    "[deploy.image] the health check passes while the gateway serves, and fails when it has ended",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using gateway = await startGateway({ command: "image", transport: "http" });
    const { port } = new URL(gateway.url);
    const check = async (): Promise<number> => {
      const [, ...words] = readWords(argumentsOf("HEALTHCHECK")[0] ?? "");
      const args = words.map((word) => word.replace("/opt/agent-mcp-gateway", `${ROOT}scripts`));
      const env = { GATEWAY_PORT: port };
      const child = new Deno.Command(Deno.execPath(), { args, env, stdin: "null", stderr: "null" });
      return (await child.output()).code;
    };
    assert.equal(await check(), 0);
    await gateway.end();
    assert.equal(await check(), 1);
  },
});
