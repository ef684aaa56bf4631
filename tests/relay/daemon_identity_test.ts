import assert from "node:assert/strict";
import { type Environment, readSettings, type SettingFlags } from "../../src/config/startup/mod.ts";
import { identifyDaemon } from "../../src/relay/daemon_identity.ts";

Deno.test("[shared.separate] the agent of a client is in the daemon's environment and its key only if a file names its variable", async () => {
  const home = Deno.makeTempDirSync();
  try {
    const folder = `${home}/.config/agent-mcp-gateway`;
    Deno.mkdirSync(folder, { recursive: true });
    const identify = async (agent: string) => {
      const values: Record<string, string> = {
        HOME: home,
        USERPROFILE: home,
        GATEWAY_AGENT: agent,
      };
      const env: Environment = { get: (name) => values[name], toObject: () => values };
      return await identifyDaemon({ flags: {}, settings: readSettings({}, env), env, cwd: home });
    };
    Deno.writeTextFileSync(`${folder}/.mcp.json`, "{}");
    const [alice, bob] = [await identify("alice"), await identify("bob")];
    assert.equal(alice.key, bob.key);
    assert.equal(alice.env["GATEWAY_AGENT"], undefined);
    Deno.writeTextFileSync(`${folder}/.mcp.json`, '{"x": "${GATEWAY_AGENT}"}');
    const [namedAlice, namedBob] = [await identify("alice"), await identify("bob")];
    assert.notEqual(namedAlice.key, namedBob.key);
    assert.equal(namedAlice.env["GATEWAY_AGENT"], "alice");
  } finally {
    Deno.removeSync(home, { recursive: true });
  }
});

Deno.test("[shared.separate] a path that the search finds as well is no difference, and another path is one", async () => {
  const home = Deno.makeTempDirSync();
  try {
    const folder = `${home}/.config/agent-mcp-gateway`;
    Deno.mkdirSync(folder, { recursive: true });
    for (const name of [".mcp.json", ".mcp-gateway-rules.json", "other.json"]) {
      Deno.writeTextFileSync(`${folder}/${name}`, "{}");
    }
    const values: Record<string, string> = { HOME: home, USERPROFILE: home };
    const env: Environment = { get: (name) => values[name], toObject: () => values };
    const keyOf = async (flags: SettingFlags): Promise<string> => {
      const settings = readSettings(flags, env);
      return (await identifyDaemon({ flags, settings, env, cwd: home })).key;
    };
    const found = await keyOf({});
    const mcpConfig = `${folder}/.mcp.json`;
    const rules = `${folder}/.mcp-gateway-rules.json`;
    assert.equal(await keyOf({ mcpConfig }), found);
    assert.equal(await keyOf({ mcpConfig, rules }), found);
    assert.equal(await keyOf({ mcpConfig: ".config/agent-mcp-gateway/.mcp.json" }), found);
    assert.notEqual(await keyOf({ mcpConfig, rules: `${folder}/other.json` }), found);
  } finally {
    Deno.removeSync(home, { recursive: true });
  }
});
