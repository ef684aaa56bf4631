import assert from "node:assert/strict";
import { programOf } from "../../src/config/server_program.ts";
import { findClearTextSecrets } from "../../src/cli/init/clear_text_secrets.ts";
import type { JsonRecord } from "../../src/cli/init/import_entry.ts";
import { InitFixture } from "./init_fixture.ts";

const API_KEY = `sk-${"a1B2".repeat(8)}`;

const ENTRIES: readonly (readonly [entry: JsonRecord, paths: readonly string[]])[] = [
  [{ command: "x", args: [`--api-key=${API_KEY}`] }, ["args[0]"]],
  [{ command: "x", args: ["--api-key=short"] }, ["args[0]"]],
  [{ command: "x", args: ["-v", "--api-key", "short"] }, ["args[2]"]],
  [{ command: "docker", args: ["run", "-e", "API_KEY=short", "image"] }, ["args[2]"]],
  [{ command: "x", args: ["--header", "Authorization: Bearer abcdefgh"] }, ["args[1]"]],
  [{ command: "x", args: [API_KEY] }, ["args[0]"]],
  [{ command: "x", args: ["https://example.com/mcp?api_key=abc"] }, ["args[0]"]],
  [{ command: "x", args: ["postgres://me:word@host/db"] }, ["args[0]"]],
  [{ command: "x", env: { API_TOKEN: "t", PLAIN: API_KEY, MODE: "dev" } }, [
    "env.API_TOKEN",
    "env.PLAIN",
  ]],
  [{ url: "https://example.com/mcp", headers: { "X-Api-Key": "k" } }, ["headers.X-Api-Key"]],
  [{ url: "https://example.com/mcp?token=abc" }, ["url"]],
  [{ url: "https://x", gateway: { oauth: { client_secret: "s" } } }, [
    "gateway.oauth.client_secret",
  ]],
  [{ command: "x", args: ["--api-key=${KEY}", "--token", "${TOKEN}"] }, []],
  [{ command: "x", args: ["--token-file", "-y", "--port=80", "key"] }, []],
  [{ command: "x", args: ["-y", "@scope/token-server"], env: { API_KEY: "", MODE: "token" } }, []],
  [{ command: "x", args: ["--token"] }, []],
];

for (const [entry, paths] of ENTRIES) {
  const entryText = JSON.stringify(entry).replaceAll(API_KEY, "sk-…");
  Deno.test(`[init.secrets] the secrets of ${entryText}: ${paths.join(", ") || "none"}`, () => {
    assert.deepEqual(findClearTextSecrets(entry), paths);
  });
}

Deno.test("[init.secrets] positions of secrets are reported, never their values", async () => {
  using fixture = new InitFixture({
    ".cursor/mcp.json": {
      mcpServers: { one: { command: "npx", args: ["-y", "p", "--key", API_KEY] } },
    },
  });
  const { stdout, stderr } = await fixture.run({ yes: true });
  assert.match(stderr, /holds secrets in clear text \(one: args\[3\]\)/);
  assert.ok(!(stdout + stderr).includes(API_KEY));
});

const PROGRAMS: readonly (readonly [entry: JsonRecord, name: string])[] = [
  [{ command: "npx", args: ["-y", "@x/server@1.2.3", "--key", "k"] }, "@x/server"],
  [{ command: "npx.cmd", args: ["--yes", "server"] }, "server"],
  [{ command: "cmd", args: ["/c", "npx", "-y", "server"] }, "server"],
  [{ command: "npx", args: ["-p", "@x/pack", "program"] }, "@x/pack"],
  [{ command: "/usr/bin/uvx", args: ["--from", "git-server==1", "run-it"] }, "git-server"],
  [{ command: "uv", args: ["tool", "run", "server"] }, "server"],
  [{ command: "bunx", args: ["server@latest"] }, "server"],
  [{ command: "docker", args: ["run", "-i", "--rm", "-e", "A=b", "ghcr.io/x/y:1"] }, "ghcr.io/x/y"],
  [{ command: "node", args: ["/a/node_modules/@x/y/dist/index.js"] }, "@x/y"],
  [{ command: "node", args: ["/home/me/my-server/dist/index.js"] }, "my-server"],
  [{ command: "uv", args: ["--directory", "/home/me/thing", "run", "server.py"] }, "server.py"],
  [{ command: "python3", args: ["-m", "my_server"] }, "my_server"],
  [{ command: "deno", args: ["run", "-A", "npm:@x/server@1"] }, "@x/server"],
  [{ command: "env", args: ["A=b", "npx", "-y", "server"] }, "server"],
  [{ command: "/opt/tools/my-server", args: ["serve"] }, "my-server"],
  [{ command: "npm", args: ["exec", "-y", "--", "@x/server@2", "--flag"] }, "@x/server"],
  [{ command: "npm", args: ["--silent", "x", "--package=@x/pack@1", "program"] }, "@x/pack"],
  [{ command: "pnpm", args: ["--package=@x/pack", "dlx", "program"] }, "@x/pack"],
  [{ command: "uvx", args: ["-p", "3.12", "server"] }, "server"],
  [{ command: "uv", args: ["--offline", "tool", "run", "--from=pack==1", "program"] }, "pack"],
  [{ command: "pipx", args: ["run", "--spec", "pack", "program"] }, "pack"],
  [{ command: "docker", args: ["run", "-p", "80:80", "--memory", "1g", "x/y"] }, "x/y"],
  [{ command: "npx" }, "npx"],
  [{ url: "https://me:pw@example.com/mcp/?key=k" }, "example.com/mcp"],
  [{ url: `https://example.com/s/${"k".repeat(30)}/mcp` }, "example.com/s/…/mcp"],
];

for (const [entry, name] of PROGRAMS) {
  Deno.test(`[init.describe] ${name} names the program of the entry ${JSON.stringify(entry)}`, () => {
    assert.equal(programOf(entry).name, name);
  });
}
