import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { LineChannel } from "../../src/jsonrpc/mod.ts";
import { readPermissionFlags } from "../../scripts/permissions.ts";
import { INFO_LOG_ENV } from "../e2e/setup.ts";
import { TempFolder } from "./temp_folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Copies the files that `deno task dev` needs, so that a source file can be changed. */
async function copyProject(folder: string): Promise<void> {
  for (const name of ["deno.json", "deno.lock"]) {
    await Deno.copyFile(join(ROOT, name), join(folder, name));
  }
  for (const name of ["src", "scripts", "config"]) {
    await copyFolder(join(ROOT, name), join(folder, name));
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(join(from, name), join(to, name));
    else await Deno.copyFile(join(from, name), join(to, name));
  }
}

Deno.test("dev restarts the gateway when a source file changes, and the client stays connected", async () => {
  using folder = new TempFolder();
  folder.write({
    ".mcp.json": '{"mcpServers": {"one": {"command": "true"}}}',
    ".mcp-gateway-rules.json": '{"agents": {"a": {"allow": {"servers": ["one"]}}}}',
  });
  await copyProject(folder.path);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...readPermissionFlags(config.tasks.dev.command), "scripts/dev.ts"],
    cwd: folder.path,
    env: {
      HOME: folder.path,
      GATEWAY_TRUST: "1",
      DENO_DIR: Deno.env.get("DENO_DIR") ?? defaultDenoDir(),
      GATEWAY_INIT_STRATEGY: "lazy",
      ...INFO_LOG_ENV,
      NO_COLOR: "1",
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const channel = new LineChannel(child.stdout, child.stdin);
  const pending = new Map<number, (text: string) => void>();
  channel.open({
    message: (text) => pending.get(JSON.parse(text).id)?.(text),
    dropped: () => {},
    closed: () => {},
  });
  const request = (id: number, method: string, params: unknown): Promise<string> => {
    const answer = new Promise<string>((resolve) => pending.set(id, resolve));
    channel.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    return answer;
  };
  const listServers = (id: number): Promise<string> =>
    request(id, "tools/call", { name: "list_servers", arguments: { agent_id: "a" } });

  const { promise: restarted, resolve } = Promise.withResolvers<void>();
  const log = (async () => {
    let text = "";
    for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.includes("restarting") && text.split("Gateway is ready").length > 2) resolve();
    }
    return text;
  })();

  const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: {} };
  assert.match(await request(1, "initialize", params), /"id":1,.*"protocolVersion":"2025-06-18"/);
  channel.send('{"jsonrpc":"2.0","method":"notifications/initialized"}');
  assert.match(await listServers(2), /"id":2,.*one/);

  const main = join(folder.path, "src", "main.ts");
  await Deno.writeTextFile(main, `${await Deno.readTextFile(main)}\n// changed\n`);
  await restarted;
  assert.match(await listServers(3), /"id":3,.*one/);

  await channel.close();
  assert.equal((await child.status).code, 0);
  assert.match(await log, /A source file changed: restarting/);
});

/** Returns Deno's default cache folder. The one in the gateway's HOME, a temporary folder, is empty. */
function defaultDenoDir(): string {
  const home = Deno.env.get("HOME") ?? "";
  if (Deno.build.os === "darwin") return join(home, "Library", "Caches", "deno");
  if (Deno.build.os === "windows") return join(Deno.env.get("LOCALAPPDATA") ?? home, "deno");
  return join(Deno.env.get("XDG_CACHE_HOME") ?? join(home, ".cache"), "deno");
}
