import assert from "node:assert/strict";
import { join } from "node:path";
import { ensureServers, serverEntry } from "../../scripts/test_servers.ts";
import {
  CONNECTION_CHUNKS,
  MIN_AVERAGE_BYTES,
  REQUEST_CHUNKS,
} from "../../src/gateway/http/chunk_limit.ts";
import { HTTP_LIMITS } from "../../src/gateway/http/limits.ts";
import { waitForListeningUrl } from "../e2e/gateway.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "../e2e/gateway_command.ts";
import { Program } from "../e2e/program.ts";
import { INFO_LOG_ENV, Setup } from "../e2e/setup.ts";
import { waitUntil } from "../e2e/wait.ts";
import { isInstalled } from "../installed.ts";
import { type Block, Page } from "./page.ts";

const PAGE = new Page("docs/http.md");

/** Origin of the gateway in the commands of the page. */
const ORIGIN = "http://127.0.0.1:8080";

/** Runs the scripts of the page, and returns the output of each. */
async function runScripts(
  texts: readonly string[],
  { folder, env }: { readonly folder: string; readonly env: Record<string, string> },
): Promise<string[]> {
  const separator = "-- next --";
  // All scripts run in one shell, because they use variables of earlier ones.
  const script = texts.map((text) => `${text}\necho; echo '${separator}'\n`).join("");
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-euc", script],
    cwd: folder,
    env,
    clearEnv: true,
    stdin: "null",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).split(`${separator}\n`).slice(0, -1);
}

/**
 * Checks that a script printed the JSON or text block that follows it on the page, or nothing if there is
 * no such block.
 */
function checkOutput(output: string, nextBlock: Block | undefined, script: string): void {
  if (nextBlock?.language === "json") {
    assert.deepEqual(JSON.parse(output), JSON.parse(nextBlock.text), script);
  } else {
    const expected = nextBlock?.language === "text" ? nextBlock.text.trim() : "";
    assert.equal(output.trim(), expected, script);
  }
}

Deno.test({
  name: "[docs.http] the commands on docs/http.md print what the page shows",
  ignore: Deno.build.os === "windows" || !isInstalled("curl"),
  async fn() {
    await ensureServers();
    const [rules = ""] = PAGE.texts("json");
    const [tokenScript = "", startScript = "", ...laterScripts] = PAGE.texts("sh");
    const memory = { command: "node", args: [serverEntry("memory")] };
    const setup = new Setup({ rules: JSON.parse(rules), servers: { memory } });
    const [command, ...words] = await gatewayCommandLine(GATEWAY_COMMAND);
    const programPath = setup.writeFile(
      "bin/agent-mcp-gateway",
      `#!/bin/sh\nexec ${[command, ...words].map((word) => `'${word}'`).join(" ")} "$@"\n`,
    );
    Deno.chmodSync(programPath, 0o755);
    const env = {
      ...setup.env,
      ...INFO_LOG_ENV,
      GATEWAY_METRICS_TOKEN: "token-of-the-metrics",
      PATH: `${join(programPath, "..")}:${setup.env.PATH}`,
    };
    const [tokenOutput = ""] = await runScripts([`${tokenScript}\necho "$TOKEN"`], {
      folder: setup.workingFolder,
      env,
    });
    const TOKEN = tokenOutput.trim();
    assert.match(TOKEN, /^\S{20,}$/);

    const [name = "", ...args] = startScript.trim().split(" ");
    assert.equal(name, "agent-mcp-gateway");
    const argsWithAnyPort = args.map((word) => word === "8080" ? "0" : word);
    const program = new Program({
      command: programPath,
      args: argsWithAnyPort,
      cwd: setup.workingFolder,
      env,
    });
    try {
      const { origin } = new URL(await waitForListeningUrl(program));
      await waitUntil("the gateway is ready", async () => {
        const response = await fetch(`${origin}/ready`);
        await response.text();
        return response.ok;
      });
      const texts = laterScripts.map((text) => text.replaceAll(ORIGIN, origin));
      const outputs = await runScripts(texts, {
        folder: setup.workingFolder,
        env: { ...env, TOKEN },
      });
      for (const [index, pageScript] of laterScripts.entries()) {
        const blockIndex = PAGE.blocks.findIndex(({ text }) => text === pageScript);
        checkOutput(outputs[index] ?? "", PAGE.blocks[blockIndex + 1], pageScript);
      }
      assert.ok(laterScripts.length > 5);
      program.sendSignal("SIGTERM");
      assert.equal((await program.waitForEnd()).code, 0, program.stderr);
      assert.equal(program.stderr.includes(TOKEN), false);
    } finally {
      program.sendSignal("SIGKILL");
      await program.waitForEnd();
      // If the test failed, the program was killed, and its servers end a little later.
      await setup.close(5000);
    }
  },
});

Deno.test("[docs.http] the limits on the page are those in the code", () => {
  const [table = ""] = /^\| what +\| how much[^]*?\n\n/m.exec(PAGE.text) ?? [];
  const rows = new Map(
    table.split("\n").map((row) => row.split("|").map((cell) => cell.trim()))
      .map(([, subject = "", limit = ""]) => [subject, limit]),
  );
  const kib = (bytes: number) => `${bytes / 1024} KiB`;
  const mib = (bytes: number) => `${bytes / 1024 ** 2} MiB`;
  const s = (ms: number) => `${ms / 1000} s`;
  const { headerBytes, headersMs, bodyBytes, requestMs, firstBodyBytes, queuedBytes } = HTTP_LIMITS;
  assert.deepEqual([...rows].slice(2, -1), [
    ["connections", `${HTTP_LIMITS.connections}, or half of the open files`],
    ["headers of a request", `${kib(headerBytes)} in ${s(headersMs)}`],
    [
      "a message",
      `${mib(bodyBytes)} in ${s(requestMs)}; the first of a session ${mib(firstBodyBytes)}`,
    ],
    [
      "chunks of a body",
      `${CONNECTION_CHUNKS} of a connection and ${REQUEST_CHUNKS} of each request`,
    ],
    ["idle connection", s(HTTP_LIMITS.keepAliveMs)],
    [
      "waiting for a client that reads slowly",
      `${queuedBytes / 1024 ** 2} MiB, or nothing read for ${s(HTTP_LIMITS.stalledMs)}`,
    ],
  ]);
  assert.ok(PAGE.text.includes(`with each ${MIN_AVERAGE_BYTES} bytes that arrive in chunks`));
});
