import assert from "node:assert/strict";
import { join } from "node:path";
import { misbehavingServer, startGateway } from "./gateway.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { denoDir } from "./setup.ts";

type Variables = Record<string, string>;

/** Safe variables: every server gets them if the gateway has them. */
const SAFE_VARIABLES: Variables = {
  USER: "someone",
  LOGNAME: "someone",
  SHELL: "/bin/sh",
  LANG: "C.UTF-8",
  LC_TIME: "C",
  TZ: "UTC",
  TERM: "dumb",
  XDG_DATA_HOME: "/tmp/data",
  NO_PROXY: "localhost",
  https_proxy: "http://user:canary@127.0.0.1:9",
  REQUESTS_CA_BUNDLE: "/tmp/none.pem",
  npm_config_fund: "false",
};

/** Names of other safe variables that the machine may have, `GATEWAY_DEPTH`, which prevents loops, and the mark. */
const OTHER_SAFE_NAMES =
  /^(PATH|HOME|TMPDIR|GATEWAY_DEPTH|GATEWAY_PROCESS_MARK|npm_config_\w+|\w+_proxy|\w*(CERT|_CA)\w*)$/i;

const UNSAFE_VARIABLES: Variables = {
  AWS_SECRET_ACCESS_KEY: "canary",
  GITHUB_TOKEN: "canary",
  GATEWAY_DEBUG: "true",
  DENO_AUTH_TOKENS: "canary",
  NODE_OPTIONS: "--max-old-space-size=4096",
  npm_config__auth: "canary",
  WANTED: "passed on",
};

Deno.test("the environment of a server", async (t) => {
  const templates = [
    "${PLAIN}",
    "${env:PLAIN}",
    "${EMPTY:-default}",
    "${NOT_SET_HERE:-a ${PLAIN} b}",
    "${userHome}/x",
    "${workspaceFolder}/x",
    "$${PLAIN} $PLAIN",
  ];
  await using gateway = await startGateway({
    servers: {
      plain: misbehavingServer(),
      own: {
        ...misbehavingServer(),
        env: {
          TERM: "mine",
          ...Object.fromEntries(templates.map((text, index) => [`V${index}`, text])),
        },
        gateway: { inherit_env: ["WANTED", "NOT_SET_HERE"] },
      },
      "${PLAIN}": {
        command: "${DENO}",
        args: misbehavingServer().args.map((text) => `${text}\${EMPTY}`),
      },
      elsewhere: { ...misbehavingServer(), cwd: "${workspaceFolder}/sub" },
    },
    args: ["--agent", "tester", "--init-strategy", "lazy"],
    env: {
      ...SAFE_VARIABLES,
      ...UNSAFE_VARIABLES,
      PLAIN: "plain value",
      EMPTY: "",
      DENO: Deno.execPath(),
    },
  });
  const { home, workingFolder: folder } = gateway.setup;
  const readEnvironment = async (server: string): Promise<Variables> => {
    return JSON.parse(await gateway.callServerToolForText(server, "env"));
  };

  await t.step(
    "[servers.safe-environment] a server gets the safe variables, and no others",
    async () => {
      const variables = await readEnvironment("plain");
      for (const [name, value] of Object.entries(SAFE_VARIABLES)) {
        assert.equal(variables[name], value.replace("user:canary@", ""), name);
      }
      assert.equal(variables.HOME, home);
      assert.equal(variables.PATH, gateway.setup.env.PATH);
      for (const name of Object.keys(UNSAFE_VARIABLES)) {
        assert.equal(variables[name], undefined, name);
      }
      const unexpectedNames = Object.keys(variables).filter((name) => {
        return !Object.hasOwn(SAFE_VARIABLES, name) && !OTHER_SAFE_NAMES.test(name);
      });
      assert.deepEqual(unexpectedNames, []);
    },
  );

  await t.step(
    "[servers.inherit-env] a server also gets the variables that inherit_env names",
    async () => {
      const variables = await readEnvironment("own");
      assert.equal(variables.WANTED, "passed on");
      assert.equal(variables.GITHUB_TOKEN, undefined);
      assert.equal(Object.hasOwn(variables, "NOT_SET_HERE"), false);
    },
  );

  await t.step(
    "[servers.expansion] variables of the entry are expanded, and override inherited ones",
    async () => {
      const variables = await readEnvironment("own");
      assert.equal(variables.TERM, "mine");
      assert.deepEqual(templates.map((_, index) => variables[`V${index}`]), [
        "plain value",
        "plain value",
        "default",
        "a plain value b",
        `${home}/x`,
        `${folder}/x`,
        "${PLAIN} $PLAIN",
      ]);
    },
  );

  await t.step(
    "[servers.expansion] variables are expanded in command and arguments, not in names",
    async () => {
      assert.equal(await gateway.callServerToolForText("${PLAIN}", "count"), "1");
    },
  );

  await t.step(
    "[servers.cwd] a server runs in cwd, or in the gateway's working folder",
    async () => {
      Deno.mkdirSync(join(folder, "sub"));
      assert.equal(await gateway.callServerToolForText("elsewhere", "cwd"), join(folder, "sub"));
      assert.equal(await gateway.callServerToolForText("plain", "cwd"), folder);
    },
  );
});

/** Entry of `mcpServers` that starts the gateway under test. */
async function gatewayEntry(): Promise<{ command: string; args: string[] }> {
  const [command, ...args] = await gatewayCommandLine(GATEWAY_COMMAND);
  return { command, args };
}

Deno.test("an entry of the servers file that starts a gateway", async (t) => {
  await t.step(
    "[servers.self-reference] the entry is skipped with a warning if that gateway would read the same files",
    async () => {
      const { command, args } = await gatewayEntry();
      await using gateway = await startGateway({
        servers: { self: { command, args }, odd: misbehavingServer() },
      });
      assert.deepEqual(await gateway.callGatewayToolForJson("list_servers"), [{ name: "odd" }]);
      assert.match(gateway.program.stderr, /^warn: .*mcpServers\.self/m);
    },
  );

  await t.step("[nesting.intended] the entry works if that gateway reads other files", async () => {
    const { command, args } = await gatewayEntry();
    const files = ["--mcp-config", "inner.json", "--rules", "inner-rules.json"];
    await using gateway = await startGateway({
      servers: {
        inner: { command, args: [...args, ...files, "--agent", "a"], env: { DENO_DIR: denoDir() } },
      },
      files: {
        "inner.json": { mcpServers: { odd: misbehavingServer() } },
        "inner-rules.json": { agents: { a: { allow: { servers: ["*"] } } } },
      },
    });
    const call = { server: "odd", tool: "count", args: {} };
    assert.equal(await gateway.callServerToolForText("inner", "execute_tool", call), "1");
  });

  await t.step(
    "[nesting.depth] a call through the entry is refused if three gateways have started one another",
    async () => {
      const { command, args } = await gatewayEntry();
      const nextGateway = (next: string) => ({
        mcpServers: {
          next: {
            command,
            args: [...args, "--mcp-config", next, "--rules", "rules.json", "--agent", "a"],
            env: { DENO_DIR: denoDir() },
          },
        },
      });
      await using gateway = await startGateway({
        servers: nextGateway("b.json").mcpServers,
        files: {
          "rules.json": { agents: { a: { allow: { servers: ["*"] } } } },
          "b.json": nextGateway("c.json"),
          "c.json": nextGateway("b.json"),
        },
      });
      const nestedCall = (depth: number): unknown => {
        const args = depth === 0 ? {} : nestedCall(depth - 1);
        return { server: "next", tool: depth === 0 ? "list_servers" : "execute_tool", args };
      };
      const { code, message } = await gateway.expectRefusal(
        "execute_tool",
        nestedCall(2) as Record<string, unknown>,
      );
      assert.equal(code, "SERVER_UNAVAILABLE");
      assert.match(message, /3 gateways have started one another/);
      assert.ok((await gateway.setup.listProcessIds()).length < 8);
    },
  );
});
