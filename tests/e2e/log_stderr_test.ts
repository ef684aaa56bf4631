import assert from "node:assert/strict";
import { join } from "node:path";
import { misbehavingServer, startGateway } from "./gateway.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { DEFAULT_AUDIT_LOG, Setup, type SetupOptions } from "./setup.ts";
import { isInstalled } from "../installed.ts";
import { waitUntil } from "./wait.ts";

const API_KEY = `sk-${"a1b2".repeat(8)}`;
const VARIABLE_VALUE = "a-value-of-a-variable";

/** Runs a gateway whose server prints secrets to stderr; returns the gateway's log. */
async function logPrintedSecrets(format: string): Promise<string> {
  await using gateway = await startGateway({
    servers: { odd: { ...misbehavingServer(), env: { MINE: "${MINE}" } } },
    env: { MINE: VARIABLE_VALUE, GATEWAY_LOG_LEVEL: "debug", GATEWAY_LOG_FORMAT: format },
  });
  const say = `the key is ${API_KEY}, the value ${VARIABLE_VALUE}`;
  await gateway.callGatewayTool("execute_tool", { server: "odd", tool: "crash", args: { say } });
  await waitUntil(
    "the log has the server's output",
    () => gateway.program.stderr.includes("the key is"),
  );
  await gateway.end();
  return gateway.program.stderr;
}

Deno.test("[log.redacted] secrets that a server prints are not logged, as text or JSON", async () => {
  for (const log of await Promise.all(["text", "json"].map(logPrintedSecrets))) {
    assert.equal(log.includes(API_KEY), false);
    assert.equal(log.includes(VARIABLE_VALUE), false);
    assert.match(log, /the key is \[redacted\],? the value \[redacted\]/);
  }
});

Deno.test("[log.redacted] invalid messages are logged without the answers of people and the arguments of agents", async () => {
  await using gateway = await startGateway({ env: { GATEWAY_LOG_LEVEL: "debug" } });
  const secret = "my-own-pin";
  const content = { action: "accept", content: { pin: secret } };
  const invalidMessages = [
    { jsonrpc: "2.0", id: 99, result: content },
    { id: 98, result: content, jsonrpc: "2.0" },
    { jsonrpc: "1.0", id: 97, method: "tools/call", params: content },
    { jsonrpc: "2.0", id: 96, error: { code: 1, message: secret } },
  ];
  for (const message of invalidMessages) await gateway.client.sendLine(JSON.stringify(message));
  const log = await waitUntil("all messages are logged", () => {
    const { stderr } = gateway.program;
    const loggedCount = stderr.split("Skipped what a client sent").length - 1;
    return loggedCount >= invalidMessages.length && stderr;
  });
  assert.ok(!log.includes(secret), log);
  assert.match(log, /An answer to no request length=\d+/);
});

Deno.test("[log.client-noise] garbage of a client is logged 20 times in 10 seconds, with its length and without its text", async () => {
  await using gateway = await startGateway();
  for (let number = 0; number < 1000; number++) {
    await gateway.client.sendLine(`{"diary": 'my secret ${number}`);
  }
  const stderr = await waitUntil("the log stops", () => {
    const text = gateway.program.stderr;
    return /More such lines are skipped silently/.test(text) && text;
  });
  const lines = stderr.split("\n").filter((line) => line.includes("Skipped what a client sent"));
  assert.equal(lines.length, 20);
  assert.match(lines[0] ?? "", /The message is not JSON.* length=2\d$/);
  await gateway.callGatewayToolForJson("list_servers");
  assert.ok(!gateway.program.stderr.includes("my secret"));
});

Deno.test("[log.no-forgery] [audit.escaped] control characters are escapes in the audit log and in the log as JSON", async () => {
  const marks = "\u007f\u009b\u2028\u2029\u202e\u200b\u{e0041}";
  await using gateway = await startGateway({
    servers: { [`odd${marks}`]: { command: `no-such-program${marks}` } },
    env: { GATEWAY_LOG_FORMAT: "json", GATEWAY_AUDIT_ARGS: "redacted" },
  });
  const name = `odd${marks}`;
  const args = { [marks]: marks };
  await gateway.callGatewayTool("execute_tool", { server: name, tool: marks, args });
  await gateway.callGatewayTool("execute_tool", { agent_id: marks, server: marks, tool: marks });
  const refusedLog = DEFAULT_AUDIT_LOG.replace(".jsonl", ".refused.jsonl");
  const refusals = Deno.readTextFileSync(join(gateway.setup.workingFolder, refusedLog));
  for (const text of [refusals, gateway.program.stderr]) {
    assert.doesNotMatch(text.replaceAll("\n", ""), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  }
  assert.match(refusals, /\\u009b\\u2028\\u2029\\u202e\\u200b\\udb40\\udc41/);
  assert.equal(gateway.readAuditLog()[0]?.server, name);
});

Deno.test("[log.json] each line of the log is one JSON object, also during the start", async () => {
  await using gateway = await startGateway({
    env: { GATEWAY_LOG_FORMAT: "json", GATEWAY_LOG_LEVEL: "debug" },
  });
  await gateway.end();
  const events = gateway.program.stderr.trimEnd().split("\n").map((line) => JSON.parse(line));
  const times = events.map(({ time }) => time);
  assert.deepEqual(times, times.toSorted());
  assert.match(events[0].message, /^Loading MCP server configuration/);
  assert.match(events.at(-1).message, /^Ending: /);
});

Deno.test("[log.colours] without a terminal the log has no colors, even with FORCE_COLOR", async () => {
  await using gateway = await startGateway({
    servers: { gone: { command: "no-such-command" } },
    env: { FORCE_COLOR: "1", CLICOLOR_FORCE: "1" },
  });
  // After `initialize`, the gateway starts the server on its own initiative, and logs that the start failed.
  await waitUntil("the log has a warning", () => gateway.program.stderr.includes("warn: "));
  assert.equal(gateway.program.stderr.includes("\x1b"), false);
});

/** Runs a gateway at a terminal with an empty input; returns its log. Without `servers`, the gateway cannot start. */
async function logAtTerminal(
  env: Record<string, string>,
  servers: SetupOptions["servers"] = false,
): Promise<string> {
  const setup = new Setup({ servers, env: { TERM: "xterm", ...env } });
  try {
    const commandLine = await gatewayCommandLine(GATEWAY_COMMAND);
    const command = commandLine.map((word) => `'${word}'`).join(" ");
    const { stdout } = await new Deno.Command("script", {
      args: ["--quiet", "--return", "--command", `${command} </dev/null >stdout.txt`, "log.txt"],
      cwd: setup.workingFolder,
      env: setup.env,
      clearEnv: true,
      stdin: "null",
    }).output();
    assert.equal(Deno.readTextFileSync(`${setup.workingFolder}/stdout.txt`), "");
    return new TextDecoder().decode(stdout);
  } finally {
    await setup.close();
  }
}

/** Whether the command `script` of util-linux, which provides a terminal, is installed. */
function hasScriptCommand(): boolean {
  return Deno.build.os === "linux" && isInstalled("script");
}

Deno.test({
  name: "[log.colours] at a terminal the log has colors, unless NO_COLOR is set",
  ignore: !hasScriptCommand(),
  fn: async () => {
    const start = "The gateway cannot start:";
    assert.ok((await logAtTerminal({})).includes(`\x1b[31merror: \x1b[0m${start}`));
    const plainLog = await logAtTerminal({ NO_COLOR: "1" });
    assert.ok(plainLog.includes(`error: ${start}`));
    assert.equal(plainLog.includes("\x1b"), false);
  },
});

Deno.test({
  name: "[log.silent] at a terminal, the start is logged by default, but not at level warning",
  ignore: !hasScriptCommand(),
  fn: async () => {
    assert.match(await logAtTerminal({}, {}), /^Gateway is ready/m);
    assert.equal(await logAtTerminal({ GATEWAY_LOG_LEVEL: "warning" }, {}), "");
  },
});
