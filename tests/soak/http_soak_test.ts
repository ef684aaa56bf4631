import assert from "node:assert/strict";
import { callFromManyClients } from "../e2e/http_crowd.ts";
import { cannotPreload, MEMORY_MODULE, withPreload } from "../e2e/fault_preload.ts";
import { startGateway, waitForListeningUrl } from "../e2e/gateway.ts";
import { GATEWAY_COMMAND, gatewayCommandLine } from "../e2e/gateway_command.ts";
import { Program } from "../e2e/program.ts";
import { INFO_LOG_ENV, Setup } from "../e2e/setup.ts";
import { waitUntil, withTimeout } from "../e2e/wait.ts";

function print(figures: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${figures}\n`));
}

Deno.test("[http.crowd] 200 clients at once, 20,000 calls, no error, no wrong answer", async () => {
  print(await callFromManyClients({ clients: 200, callsPerClient: 100 }));
});

Deno.test("[http.connections] 10,000 half-open connections, and it keeps serving", async () => {
  await using gateway = await startGateway({ transport: "http" });
  const { hostname, port } = new URL(gateway.url);
  const open: Deno.TcpConn[] = [];
  const first = new TextEncoder().encode("POST /mcp HT");
  // In rounds, because this process has a limit of open files, too.
  for (let round = 0; round < 10; round++) {
    const some = await Promise.all(Array.from({ length: 1000 }, async () => {
      const connection = await Deno.connect({ hostname, port: Number(port) });
      await connection.write(first).catch(() => {});
      return connection;
    }));
    open.push(...some);
  }
  const buffer = new Uint8Array(1000);
  const ends = open.map(async (connection) => {
    try {
      while (await connection.read(buffer) !== null);
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    }
  });
  await withTimeout("all are ended by the gateway", Promise.all(ends), 60_000);
  for (const connection of open) connection.close();
  assert.equal(
    (await fetch(new URL("/health", gateway.url)).then((answer) => answer.text())).length,
    15,
  );
  assert.equal((await gateway.callGatewayToolForJson<unknown[]>("list_servers")).length, 0);
});

/** Memory in use by the gateway after a garbage collection, in bytes. */
async function held(program: Program, count: number): Promise<number> {
  program.sendSignal("SIGUSR2");
  return await waitUntil("the gateway prints its memory", () => {
    const line = program.stderr.split("\n").find((text) => text.startsWith(`{"memory":${count},`));
    return line === undefined ? undefined : (JSON.parse(line) as { held: number }).held;
  });
}

Deno.test({
  name: "[http.abandoned] 1,000 sessions opened and abandoned, and their memory is freed",
  ignore: cannotPreload || Deno.build.os === "windows",
  async fn() {
    const setup = new Setup({
      env: {
        ...INFO_LOG_ENV,
        GATEWAY_AGENT: "tester",
        GATEWAY_SESSION_IDLE_S: "1",
        DENO_V8_FLAGS: "--expose-gc,--max-semi-space-size=2",
      },
    });
    const [command = "", ...args] = withPreload(MEMORY_MODULE)(
      await gatewayCommandLine(GATEWAY_COMMAND),
    );
    const http = ["--transport", "http", "--port", "0"];
    const program = new Program({
      command,
      args: [...args, ...http],
      cwd: setup.workingFolder,
      env: setup.env,
    });
    try {
      const url = await waitForListeningUrl(program);
      const body = JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "initialize",
        params: {
          protocolVersion: "2025-11-25",
          capabilities: {},
          clientInfo: { name: "x", version: "1" },
        },
      });
      const open = async () => {
        const headers = { "content-type": "application/json" };
        const response = await fetch(url, { method: "POST", headers, body });
        await response.text();
        return response.status;
      };
      const sizes: number[] = [];
      for (let round = 1; round <= 5; round++) {
        for (let number = 0; number < 1000; number++) {
          await waitUntil("there is room", async () => await open() === 200);
        }
        sizes.push(await held(program, round));
      }
      print(
        `held after each 1,000 sessions, in MB: ${
          sizes.map((size) => (size / 1e6).toFixed(1)).join(" ")
        }`,
      );
      assert.ok((sizes.at(-1) ?? 0) - (sizes[1] ?? 0) < 2_000_000, "it does not grow");
      program.sendSignal("SIGTERM");
      assert.equal((await program.waitForEnd()).code, 0);
    } finally {
      program.sendSignal("SIGKILL");
      await setup.close();
    }
  },
});
