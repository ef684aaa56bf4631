import assert from "node:assert/strict";
import { join } from "node:path";
import { permissionFlags } from "../../scripts/permissions.ts";
import { healthUrl } from "../../scripts/image_health.ts";
import { listeningUrl } from "../e2e/gateway.ts";
import { ROOT } from "../e2e/gateway_command.ts";
import { Program } from "../e2e/program.ts";
import { machineEnvironment } from "../e2e/setup.ts";
import { readContext, readDockerfile, readEnv, readWords } from "./dockerfile.ts";
import { buildImage } from "./image.ts";
import { TempFolder } from "./temp_folder.ts";

const [build, image, ...more] = readDockerfile(Deno.readTextFileSync(join(ROOT, "Dockerfile")));
const CONTEXT = readContext(Deno.readTextFileSync(join(ROOT, ".dockerignore")));
const DEPLOYMENT = Deno.readTextFileSync(join(ROOT, "docs/deployment.md"));

/** Size of `debian:trixie-slim` in Docker's list of official images, in bytes. */
const BASE_BYTES = 78_640_000;

/** Maximum size of the image in bytes. */
const MOST_BYTES = 200_000_000;

function valuesOf(name: string): string[] {
  return (image?.instructions ?? []).filter((one) => one.name === name).map(({ text }) => text);
}

Deno.test("[deploy.image] two stages: the build tools are left behind, and the user is not root", () => {
  assert.deepEqual(more, []);
  assert.equal(build?.name, "build");
  assert.match(build.base, /^node:\d+-trixie-slim$/);
  assert.equal(image?.base, "debian:trixie-slim");
  assert.match(valuesOf("USER").at(-1) ?? "", /^[1-9]\d*:[1-9]\d*$/);
  assert.deepEqual(valuesOf("STOPSIGNAL"), ["SIGTERM"]);
  const { GATEWAY_PORT, ...env } = readEnv(image);
  assert.deepEqual(valuesOf("EXPOSE"), [GATEWAY_PORT]);
  assert.equal(env.GATEWAY_MCP_CONFIG, "/config/.mcp.json");
  assert.equal(env.GATEWAY_RULES, "/config/.mcp-gateway-rules.json");
  assert.deepEqual([env.GATEWAY_TRANSPORT, env.GATEWAY_HOST], ["http", "0.0.0.0"]);
  assert.equal(env.GATEWAY_AUDIT_LOG?.startsWith(`${env.HOME}/`), true);
});

Deno.test("[deploy.image] it has the version of Deno that the tests use", () => {
  const text = build?.instructions.map(({ text }) => text).join("\n") ?? "";
  const ci = Deno.readTextFileSync(join(ROOT, ".ci/run"));
  const [, version] = /\bdeno@(\d+\.\d+\.\d+)/.exec(text) ?? [];
  assert.equal(version, /\bdeno@(\d+\.\d+\.\d+)/.exec(ci)?.[1]);
});

Deno.test("[deploy.image] the build sees only the files that the image needs", () => {
  const copied = build?.instructions.filter(({ name }) => name === "COPY")
    .flatMap(({ text }) => text.split(" ").slice(0, -1));
  assert.deepEqual(copied?.sort(), CONTEXT.sort());
});

Deno.test("[deploy.image] the health check uses the address of the listener", () => {
  const ask = (env: Record<string, string>) => healthUrl((name) => env[name]);
  assert.equal(ask({}), "http://127.0.0.1:8080/health");
  assert.equal(ask({ GATEWAY_HOST: "0.0.0.0", GATEWAY_PORT: "1" }), "http://127.0.0.1:1/health");
  assert.equal(ask({ GATEWAY_HOST: "::" }), "http://[::1]:8080/health");
  assert.equal(ask({ GATEWAY_HOST: "10.1.2.3" }), "http://10.1.2.3:8080/health");
  assert.equal(ask({ GATEWAY_HOST: "fd00::1" }), "http://[fd00::1]:8080/health");
  assert.equal(ask({ GATEWAY_TLS_CERT: "/c" }), "https://127.0.0.1:8080/health");
});

Deno.test({
  name: "[deploy.image] its steps, executed in a clean folder, build a gateway",
  ignore: Deno.build.os === "windows",
  async fn(t) {
    assert.ok(build && image);
    using folder = new TempFolder();
    const { root, bin, PATH } = await buildImage(folder.path);
    const command = Deno.readTextFileSync(join(bin, "agent-mcp-gateway"));
    assert.equal(command.includes(` ${permissionFlags().join(" ")} `), true, command);
    assert.match(command, /^#!\/bin\/sh\nexec deno run /);

    const moved = Object.entries(readEnv(image)).map(([name, value]) => [name, root.move(value)]);
    const env = { ...machineEnvironment(), PATH, ...Object.fromEntries(moved) };
    const cwd = root.path(valuesOf("WORKDIR").at(-1) ?? "");
    const health = readWords(valuesOf("HEALTHCHECK")[0] ?? "").map((word) => root.move(word));
    const check = (port: string) => {
      const [command = "", ...args] = health;
      return new Deno.Command(command, {
        args,
        cwd,
        clearEnv: true,
        env: { ...env, GATEWAY_PORT: port },
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).output();
    };

    await t.step("it serves the files in /config, is healthy, and ends on SIGTERM", async () => {
      const hash = "0".repeat(64);
      folder.write({
        "config/.mcp.json": JSON.stringify({ mcpServers: {} }),
        "config/.mcp-gateway-rules.json": JSON.stringify({
          agents: { a: { token_sha256: [hash] } },
        }),
      });
      const [init, reaps, end, command = "", ...args] = readWords(valuesOf("ENTRYPOINT")[0] ?? "");
      // The step that installs it from Debian is skipped, so it is left out here.
      assert.deepEqual([init, reaps, end], ["tini", "-s", "--"]);
      const program = new Program({
        command: join(bin, command),
        args,
        cwd,
        env: { ...env, GATEWAY_PORT: "0" },
      });
      try {
        const url = await listeningUrl(program);
        const { port } = new URL(url);
        const response = await fetch(`http://127.0.0.1:${port}/health`);
        assert.deepEqual([response.status, await response.text()], [200, '{"status":"ok"}']);
        assert.deepEqual((await check(port)).code, 0);
        program.signal("SIGTERM");
        assert.equal((await program.ended()).code, 0, program.stderr);
        const { code, stderr } = await check(port);
        assert.equal(code, 1);
        assert.match(new TextDecoder().decode(stderr), /is not healthy/);
      } finally {
        program.signal("SIGKILL");
        await program.ended();
      }
      // The home folder of the image is /data.
      assert.match(program.stderr, /written to: ~\/audit\.jsonl$/m);
      assert.deepEqual(program.lines, []);
    });

    await t.step("the total size is below 200 MB and matches the page", () => {
      const files = ["agent-mcp-gateway.js", "image_health.ts"].map((name) => {
        return root.path(`/opt/agent-mcp-gateway/${name}`);
      });
      const sizes = [Deno.execPath(), ...files].map((path) => Deno.statSync(path).size);
      const total = sizes.reduce((sum, size) => sum + size, BASE_BYTES);
      assert.ok(total < MOST_BYTES, `${total}`);
      // Executables of other platforms have other sizes.
      if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") return;
      const [, said] = /estimated size is (\d+) MB/.exec(DEPLOYMENT) ?? [];
      assert.ok(Math.abs(Number(said) - total / 1e6) < 3, `${said} MB, added up: ${total}`);
    });
  },
});
