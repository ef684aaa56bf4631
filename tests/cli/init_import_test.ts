import assert from "node:assert/strict";
import { parse } from "jsonc-parser";
import { InitFixture, removeDescriptions } from "./init_fixture.ts";

/** Imports a client's file with `init --yes`; returns the servers, the rules and the output. */
async function importFile(
  name: string,
  content: unknown,
): Promise<{ servers: Record<string, unknown>; rules: { agents: unknown }; stderr: string }> {
  using fixture = new InitFixture({ [name]: content });
  const { code, stderr } = await fixture.run({ yes: true });
  assert.equal(code, 0, stderr);
  const servers = parse(Deno.readTextFileSync(fixture.gatewayPath(".mcp.json"))).mcpServers;
  return {
    servers: removeDescriptions(servers),
    rules: parse(Deno.readTextFileSync(fixture.gatewayPath(".mcp-gateway-rules.json"))),
    stderr,
  };
}

Deno.test("[init.import] comments, trailing commas, and values that are not strings are accepted", async () => {
  const { servers } = await importFile(
    ".cursor/mcp.json",
    `\uFEFF// mine\r\n{ "mcpServers": { /* one */ "a": {\r\n` +
      `"command": "x", "args": ["-p", 80,], "env": {"PORT": 80, "ON": true, "NO": null},` +
      ` "autoApprove": ["y"], "type": "odd" }, }, }`,
  );
  assert.deepEqual(servers, {
    a: { command: "x", args: ["-p", "80"], env: { PORT: "80", ON: "true" }, autoApprove: ["y"] },
  });
});

Deno.test("[init.import] Claude Code's servers of the user and of projects are imported", async () => {
  const { servers, stderr } = await importFile(".claude.json", {
    numStartups: 3,
    mcpServers: {
      web: {
        type: "http",
        url: "https://example.com/mcp",
        oauth: { clientId: "c", callbackPort: 9 },
      },
    },
    projects: {
      "/p/one": { allowedTools: [], mcpServers: { near: { command: "./run", args: [] } } },
      "/p/two": { mcpServers: { other: { command: "npx", args: ["other"] } } },
    },
  });
  assert.deepEqual(servers, {
    web: {
      type: "http",
      url: "https://example.com/mcp",
      gateway: { oauth: { client_id: "c", redirect_port: 9 } },
    },
    near: { command: "./run", args: [], cwd: "/p/one" },
    other: { command: "npx", args: ["other"] },
  });
  assert.match(stderr, /^near: runs in \/p\/one, because/m);
});

Deno.test("[init.import] VS Code's inputs become variables", async () => {
  const { servers, stderr } = await importFile(".config/Code/User/mcp.json", {
    inputs: [{ id: "github-token", type: "promptString" }],
    servers: {
      github: {
        type: "http",
        url: "https://example.com/mcp",
        headers: { Authorization: "Bearer ${input:github-token}" },
      },
      odd: { command: "x", args: ["a${/}b", "${config:editor.font}"], envFile: "${userHome}/.env" },
    },
  });
  assert.deepEqual(servers.github, {
    type: "http",
    url: "https://example.com/mcp",
    headers: { Authorization: "Bearer ${GITHUB_TOKEN}" },
  });
  assert.match(
    stderr,
    /^github: asked for the input "github-token": set the variable GITHUB_TOKEN/m,
  );
  assert.match(stderr, /server "github" is not available: variable "GITHUB_TOKEN" is not set/);
  assert.match(stderr, /^odd: reads variables from \$\{userHome\}\/\.env/m);
  assert.match(stderr, /^odd: uses \$\{config:editor\.font\}, which only its client knows/m);
});

Deno.test("[init.import] Windsurf's serverUrl and disabled tools are translated", async () => {
  const { servers, rules } = await importFile(".codeium/windsurf/mcp_config.json", {
    mcpServers: { far: { serverUrl: "https://example.com/sse", disabledTools: ["rm"] } },
  });
  assert.deepEqual(servers, { far: { url: "https://example.com/sse" } });
  assert.deepEqual(rules.agents, {
    developer: { allow: { servers: ["far"] }, deny: { tools: { far: ["rm"] } } },
  });
});

Deno.test("[init.import] Cursor's OAuth settings are translated", async () => {
  const auth = { CLIENT_ID: "c", CLIENT_SECRET: "${env:S}", scopes: ["read"] };
  const { servers } = await importFile(".cursor/mcp.json", {
    mcpServers: { far: { url: "https://example.com/mcp", auth } },
  });
  const oauth = { client_id: "c", client_secret: "${env:S}", scopes: ["read"] };
  assert.deepEqual(servers.far, { url: "https://example.com/mcp", gateway: { oauth } });
});

Deno.test("[init.self] the gateway itself is left out, however it is started", async () => {
  const { servers, stderr } = await importFile(".cursor/mcp.json", {
    mcpServers: {
      "agent-mcp-gateway": { command: "uv", args: ["run", "python", "main.py"] },
      second: { command: "npx", args: ["-y", "agent-mcp-gateway"] },
      third: { command: "/opt/agent-mcp-gateway" },
      fourth: {
        command: "/usr/bin/node",
        args: ["/usr/lib/node_modules/agent-mcp-gateway/launcher.cjs", "--agent", "free"],
      },
      fifth: { command: "deno", args: ["task", "start"], cwd: "/clones/agent-mcp-gateway" },
      sixth: { command: "docker", args: ["run", "-i", "agent-mcp-gateway", "--agent", "free"] },
      real: { command: "x" },
    },
  });
  assert.deepEqual(servers, { real: { command: "x" } });
  // The client already has an entry of the gateway, so none has to be pasted.
  assert.match(stderr, /Next:/);
  assert.doesNotMatch(stderr, /Paste/);
  for (const name of ["agent-mcp-gateway", "second", "third", "fourth", "fifth", "sixth"]) {
    assert.match(stderr, new RegExp(`left out "${name}", which is the gateway itself`));
  }
});

Deno.test("[own.reserved-name] a server with the name of the gateway's own server is imported under another one", async () => {
  const { servers, stderr } = await importFile(".cursor/mcp.json", {
    mcpServers: { gateway: { command: "other-gateway" }, real: { command: "x" } },
  });
  assert.deepEqual(servers, {
    "gateway-cursor": { command: "other-gateway" },
    real: { command: "x" },
  });
  assert.match(
    stderr,
    /"gateway" is imported as "gateway-cursor", because the gateway's own server has that name/,
  );
});

Deno.test("[init.damaged] a damaged file is reported with its position, and the others are imported", async () => {
  using fixture = new InitFixture({
    ".claude.json": '{\n  "mcpServers": {\n    "a": {"command": "x",,}\n  }\n}\n',
    ".cursor/mcp.json": {
      mcpServers: {
        both: { command: "x", url: "https://example.com" },
        no: 1,
        good: { command: "g" },
      },
    },
    ".codeium/windsurf/mcp_config.json": "",
    ".config/Code/User/mcp.json/folder": "",
  });
  const { code, stderr } = await fixture.run({ yes: true });
  assert.equal(code, 0);
  assert.match(stderr, /^~\/\.claude\.json:3:26: expected a key in double quotes$/m);
  assert.match(stderr, /^~\/\.cursor\/mcp\.json:1:16: mcpServers\.both: left out: both `command`/m);
  assert.match(
    stderr,
    /^~\/\.cursor\/mcp\.json:1:\d+: mcpServers\.no: left out: expected an object/m,
  );
  assert.match(stderr, /^~\/\.config\/Code\/User\/mcp\.json: this is a folder/m);
  assert.doesNotMatch(stderr, /windsurf/);
  assert.deepEqual(
    removeDescriptions(parse(fixture.read(".config/agent-mcp-gateway/.mcp.json")).mcpServers),
    { good: { command: "g" } },
  );
});

Deno.test("[init.collisions] equal entries are merged, and different entries get distinct names", async () => {
  using fixture = new InitFixture({
    ".claude.json": {
      mcpServers: {
        same: { type: "stdio", command: "x", args: [], env: {} },
        differs: { command: "one" },
      },
      projects: {
        "/p/shop": { mcpServers: { differs: { command: "two" }, same: { command: "x" } } },
        "/q/shop": { mcpServers: { differs: { command: "three" } } },
      },
    },
    ".cursor/mcp.json": { mcpServers: { same: { command: "x" }, differs: { command: "four" } } },
  });
  const { stderr } = await fixture.run({ yes: true });
  assert.match(
    stderr,
    /^~\/\.cursor\/mcp\.json: "differs" is imported as "differs-cursor", because another server has that name$/m,
  );
  assert.doesNotMatch(stderr, /"same"/);
  const readServers = () => parse(fixture.read(".config/agent-mcp-gateway/.mcp.json")).mcpServers;
  assert.deepEqual(removeDescriptions(readServers()), {
    same: { type: "stdio", command: "x", args: [], env: {} },
    differs: { command: "one" },
    "differs-cursor": { command: "four" },
    "differs-shop": { command: "two" },
    "differs-shop-2": { command: "three" },
  });
  // Each of these servers is configured now, whatever its name.
  const secondRun = await fixture.run({ yes: true });
  assert.match(secondRun.stderr, /^Nothing has changed$/m);
  assert.doesNotMatch(secondRun.stderr, /"differs"/);
});

Deno.test("[init.stranger] files of the working folder are imported only if --from names them", async () => {
  using fixture = new InitFixture({
    "../work/.mcp.json": { mcpServers: { near: { command: "x" } } },
    "../work/.cursor/mcp.json": { mcpServers: { also: { command: "y" } } },
  });
  const readServers = () =>
    removeDescriptions(parse(fixture.read(".config/agent-mcp-gateway/.mcp.json")).mcpServers);
  const withoutFrom = await fixture.run({ yes: true });
  assert.equal(withoutFrom.code, 0);
  assert.match(
    withoutFrom.stderr,
    /\.mcp\.json: skipped "near".*add --from claude-code to import it/,
  );
  assert.deepEqual(readServers(), {});
  const fromClient = await fixture.run({ yes: true, from: "cursor" });
  assert.equal(fromClient.code, 0, fromClient.stderr);
  assert.deepEqual(readServers(), { also: { command: "y" } });
  const fromPath = await fixture.run({ yes: true, from: "../work/.mcp.json" });
  assert.equal(fromPath.code, 0, fromPath.stderr);
  assert.deepEqual(Object.keys(readServers()), ["also", "near"]);
});
