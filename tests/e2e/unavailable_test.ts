import assert from "node:assert/strict";
import {
  executeToolParams,
  misbehavingServer,
  readRefusal,
  type Refusal,
  type RunningGateway,
  startGateway,
} from "./gateway.ts";
import { waitUntil } from "./wait.ts";

const SHORT_CONNECT_TIMEOUT = { connect_timeout_ms: 1000 };

/** Servers that cannot be used, and the expected message for each. */
const UNAVAILABLE: Readonly<Record<string, { entry: object; expected: RegExp }>> = {
  "no-program": {
    entry: { command: "no-such-program-here" },
    expected: /its command "no-such-program-here" was not found/,
  },
  "no-folder": {
    entry: { ...misbehavingServer(), cwd: "/no/such/folder" },
    expected: /its working folder \("cwd"\) does not exist/,
  },
  dies: {
    entry: misbehavingServer("--exit=3"),
    expected: /It exited with code 3\..*I cannot live like this/s,
  },
  silent: {
    entry: { ...misbehavingServer("--hold=initialize"), gateway: SHORT_CONNECT_TIMEOUT },
    expected: /did not answer within 1000 ms/,
  },
  "lists-nothing": {
    entry: { ...misbehavingServer("--hold=tools/list"), gateway: SHORT_CONNECT_TIMEOUT },
    expected: /it answered initialize, but listed no tools within 1000 ms/,
  },
  future: {
    entry: misbehavingServer("--revision=2099-01-01"),
    expected: /it speaks only MCP revision 2099-01-01/,
  },
  "no-module": {
    // The message quotes only the line that begins with "Error:".
    entry: {
      command: "sh",
      args: ["-c", 'printf "one\\nError: Cannot find module %s\\n  code: 1\\n" "\'/x/y.js\'" >&2'],
    },
    expected:
      /^Server "no-module" is not available: sh did not find \/x\/y\.js\. It wrote "Error: Cannot find module '\/x\/y\.js'"\.$/,
  },
  unset: {
    entry: { ...misbehavingServer(), env: { KEY: "${NOT_SET_HERE}" } },
    expected: /variable "NOT_SET_HERE" is not set \(mcpServers\.unset\.env\.KEY\)/,
  },
};

Deno.test("a server that cannot be used is reported with its reason", async (t) => {
  const entries = Object.entries(UNAVAILABLE).map(([name, { entry }]) => [name, entry]);
  await using gateway = await startGateway({
    servers: { ...Object.fromEntries(entries), odd: misbehavingServer() },
  });

  await t.step("[servers.harms-no-other] other servers answer immediately", async () => {
    let isRefused = false;
    const call = { server: "silent", tool: "echo", args: {} };
    const refusedCall = gateway.expectRefusal("execute_tool", call).finally(() => isRefused = true);
    assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
    assert.equal(isRefused, false);
    await refusedCall;
  });

  const title = "[errors.unavailable] [servers.unset-variable] [servers.connect-timeout] " +
    "the refusal names the server and the reason";
  await t.step(title, async () => {
    const refusals = await Promise.all(
      Object.keys(UNAVAILABLE).map((server) => {
        return gateway.expectRefusal("execute_tool", { server, tool: "echo", args: {} });
      }),
    );
    for (const [index, [server, { expected }]] of Object.entries(UNAVAILABLE).entries()) {
      const { code, message, hint } = refusals[index] as Refusal;
      assert.equal(code, "SERVER_UNAVAILABLE", server);
      assert.equal(
        hint,
        `Ask the operator of the gateway to run: agent-mcp-gateway doctor ${server}`,
      );
      assert.ok(message.startsWith(`Server "${server}" is not available: `), message);
      assert.match(message, expected);
    }
  });

  await t.step("[errors.unavailable] get_server_tools refuses with the same message", async () => {
    for (const server of ["no-program", "unset"]) {
      const { code, message } = await gateway.expectRefusal("get_server_tools", { server });
      assert.equal(code, "SERVER_UNAVAILABLE");
      assert.match(message, UNAVAILABLE[server]?.expected ?? /$^/);
    }
  });

  await t.step("[errors.no-insides] the message shows the home folder as ~", async () => {
    const call = { server: "dies", tool: "echo", args: {} };
    const { message } = await gateway.expectRefusal("execute_tool", call);
    assert.match(message, /said ~\/odd/);
    assert.equal(message.includes(gateway.setup.home), false);
  });

  await t.step("[servers.harms-no-other] another server keeps its process", async () => {
    assert.equal(await gateway.callServerToolForText("odd", "count"), "2");
  });
});

const SECRETS = {
  configured: "canary-own-4f81aa",
  inherited: "canary-inherited-93d0",
  multiLine: "-----BEGIN KEY-----\ncanary-line-one-77\ncanary-line-two-88\n-----END KEY-----",
};

/** Makes the server `odd` print a text to stderr and crash; returns the message of the refusal, without `> ` before quoted lines. */
async function crashServer(gateway: RunningGateway, stderrText: string): Promise<string> {
  const answer = await gateway.callServerTool("odd", "crash", { say: stderrText });
  const { code, message } = readRefusal(answer);
  assert.equal(code, "SERVER_UNAVAILABLE");
  const [firstLine, ...quotedLines] = message.split("\n");
  assert.ok(quotedLines.every((line) => line.startsWith("> ")), message);
  return [firstLine, ...quotedLines.map((line) => line.slice(2))].join("\n");
}

Deno.test("a server that crashes during a call", async (t) => {
  await using gateway = await startGateway({
    servers: {
      odd: {
        ...misbehavingServer(),
        env: { CONFIGURED: SECRETS.configured, MULTI_LINE: SECRETS.multiLine },
        gateway: { inherit_env: ["INHERITED"] },
      },
    },
    env: { INHERITED: SECRETS.inherited },
    args: ["--agent", "tester", "--log-level", "debug"],
  });

  await t.step(
    "[errors.crashed] every call in progress fails, and the next call reconnects",
    async () => {
      assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
      const heldCall = gateway.client.request("tools/call", executeToolParams("odd", "wait"));
      await waitUntil(
        "the server holds the call",
        async () => await gateway.callServerToolForText("odd", "waiting") === "1",
      );
      assert.match(await crashServer(gateway, "farewell"), /It exited with code 7\..*\nfarewell$/);
      const refusal = readRefusal((await heldCall).result);
      assert.equal(refusal.code, "SERVER_UNAVAILABLE");
      assert.equal(await gateway.callServerToolForText("odd", "count"), "1");
    },
  );

  await t.step("[errors.stderr-quoted] at most the last 20 lines are quoted", async () => {
    const lines = Array.from({ length: 50 }, (_, number) => `line ${number}`);
    const message = await crashServer(gateway, lines.join("\n"));
    assert.ok(message.endsWith(lines.slice(-20).join("\n")), message);
    assert.equal(message.includes("line 29\n"), false);
  });

  await t.step("[errors.stderr-quoted] at most 2 KB are quoted, in any script", async () => {
    for (const letter of ["x", "é", "名", "😀"]) {
      const countBytes = (text: string) => new TextEncoder().encode(text).length;
      const message = await crashServer(gateway, `${letter.repeat(3000 / countBytes(letter))}!`);
      const quoted = message.split("\n").slice(1).join("\n");
      const bytes = countBytes(quoted);
      assert.ok(bytes <= 2048 && bytes > 2040, `${bytes} bytes`);
      assert.match(quoted, /^(.)\1*!$/u);
    }
  });

  await t.step(
    "[errors.no-secrets] texts that look like secrets are removed from the quote",
    async () => {
      const message = await crashServer(
        gateway,
        "token=SECRETTOKEN123 is bad\napi_key: sk-0123456789abcdefgh",
      );
      assert.match(message, /token=\[redacted\] is bad\napi_key: \[redacted\]$/);
    },
  );

  await t.step(
    "[errors.no-secrets] values of variables and the home folder are removed from the quote",
    async () => {
      const { home } = gateway.setup;
      const stderr = [...Object.values(SECRETS), `${home}/x`, `KEY=${SECRETS.configured}!`].join(
        "\n",
      );
      const message = await crashServer(gateway, stderr);
      assert.match(message, /~\/x\nKEY=\[redacted\]!$/);
      // The quote has at most 2 KB. If it begins within a secret, it must not contain the end of the secret.
      const { configured } = SECRETS;
      for (let offset = 1; offset < configured.length; offset += 3) {
        await crashServer(gateway, configured + "x".repeat(2048 - configured.length + offset));
      }
      const answers = gateway.client.receivedMessages.map(({ text }) => text).join("\n");
      for (const text of [answers, gateway.program.stderr]) {
        for (
          const secret of ["y-own-4f81aa", "inherited-93d0", "line-one-77", "line-two-88", home]
        ) {
          assert.deepEqual(text.split("\n").filter((line) => line.includes(secret)), [], secret);
        }
      }
    },
  );
});
