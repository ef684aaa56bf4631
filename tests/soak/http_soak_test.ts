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

Deno.test("[http.crowd] each of 200 concurrent clients gets its own answers to 100 calls", async () => {
  print(await callFromManyClients({ clients: 200, callsPerClient: 100 }));
});

Deno.test("[http.connections] the gateway closes 10,000 connections with incomplete requests, and keeps serving", async () => {
  await using gateway = await startGateway({ transport: "http" });
  const { hostname, port } = new URL(gateway.url);
  const connections: Deno.TcpConn[] = [];
  const incompleteRequest = new TextEncoder().encode("POST /mcp HT");

  for (let round = 0; round < 10; round++) {
    const newConnections = await Promise.all(Array.from({ length: 1000 }, async () => {
      const connection = await Deno.connect({ hostname, port: Number(port) });
      await connection.write(incompleteRequest).catch(() => {});
      return connection;
    }));
    connections.push(...newConnections);
  }
  const buffer = new Uint8Array(1000);
  const ends = connections.map(async (connection) => {
    try {
      while (await connection.read(buffer) !== null);
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    }
  });
  await withTimeout("the gateway closes all connections", Promise.all(ends), 60_000);
  for (const connection of connections) connection.close();
  assert.equal(
    await (await fetch(new URL("/health", gateway.url))).text(),
    '{"status":"ok"}',
  );
  assert.equal((await gateway.callGatewayToolForJson<unknown[]>("list_servers")).length, 0);
});

/**
 * Measures the memory that the gateway uses after a garbage collection, in bytes.
 *
 * @param measurement Number of the measurement, from 1.
 */
async function measureUsedMemory(program: Program, measurement: number): Promise<number> {
  program.sendSignal("SIGUSR2");
  return await waitUntil("the gateway prints its memory", () => {
    const prefix = `{"memory":${measurement},`;
    const line = program.stderr.split("\n").find((text) => text.startsWith(prefix));
    return line === undefined ? undefined : (JSON.parse(line) as { used: number }).used;
  });
}

Deno.test({
  name: "[http.abandoned] the memory of abandoned sessions is freed",
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
    const httpArgs = ["--transport", "http", "--port", "0"];
    const program = new Program({
      command,
      args: [...args, ...httpArgs],
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
      const openSession = async () => {
        const headers = { "content-type": "application/json" };
        const response = await fetch(url, { method: "POST", headers, body });
        await response.text();
        return response.status;
      };
      const usedBytes: number[] = [];
      for (let round = 1; round <= 5; round++) {
        for (let number = 0; number < 1000; number++) {
          await waitUntil("a session is opened", async () => await openSession() === 200);
        }
        usedBytes.push(await measureUsedMemory(program, round));
      }
      print(
        `used after each 1,000 sessions, in MB: ${
          usedBytes.map((size) => (size / 1e6).toFixed(1)).join(" ")
        }`,
      );
      // Not every garbage collection frees all that it could.
      const growth = Math.min(...usedBytes.slice(-2)) - Math.min(...usedBytes.slice(0, 2));
      assert.ok(growth < 2_000_000, `The memory grew by ${growth} bytes`);
      program.sendSignal("SIGTERM");
      assert.equal((await program.waitForEnd()).code, 0);
    } finally {
      program.sendSignal("SIGKILL");
      await setup.close();
    }
  },
});
