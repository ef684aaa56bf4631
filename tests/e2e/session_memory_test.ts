import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { FakeHttpServer, sendJson } from "../downstream/remote/fake_http_server.ts";
import { measureMemory } from "./fault_cycles.ts";
import { cannotPreload, MEMORY_MODULE, startPreloaded } from "./fault_preload.ts";
import { MB } from "./peak_memory.ts";

Deno.test({
  name:
    "[memory.descriptions] the sessions of five servers, each of which describes itself with 300,000 objects and 100 kB of instructions, take less than 50 MB",
  ignore: cannotPreload || Deno.build.os === "windows",
  fn: async () => {
    const result = {
      protocolVersion: "2025-11-25",
      capabilities: { tools: {}, experimental: { x: Array(300_000).fill({}) } },
      serverInfo: { name: "x", version: "1" },
      instructions: "x".repeat(100_000),
    };
    await using server = await FakeHttpServer.start(({ message: { id, method } }, response) => {
      if (method !== "initialize") return false;
      server.sessionIds.add("session");
      response.setHeader("mcp-session-id", "session");
      return sendJson(response, { jsonrpc: "2.0", id, result });
    });
    const names = Array.from({ length: 5 }, (_, number) => `remote${number}`);
    await using gateway = await startPreloaded(MEMORY_MODULE, {
      servers: Object.fromEntries(names.map((name) => [name, { url: server.url }])),
      env: {
        GATEWAY_AGENT: "tester",
        GATEWAY_INIT_STRATEGY: "lazy",
        DENO_V8_FLAGS: "--expose-gc",
      },
    });
    for (const name of names) {
      assert.equal(await gateway.callServerToolForText(name, "echo"), "called echo");
    }
    const { used } = await measureMemory(gateway, 1);
    assert.ok(used < 50 * MB, `${used} bytes`);
  },
});

Deno.test({
  name:
    "[memory.login-responses] a login response of which 10,000 bytes have arrived, each in a segment of its own, takes less than 50 MB",
  ignore: cannotPreload || Deno.build.os === "windows",
  fn: async () => {
    const sent = Promise.withResolvers<Socket>();
    const sendBytes = async (socket: Socket): Promise<void> => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
      for (let count = 0; count < 10_000; count++) {
        socket.write(" ");
        const sentAt = performance.now();
        // With shorter pauses, the gateway would read several bytes at once; timers take a millisecond.
        while (performance.now() - sentAt < 0.2) {
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      sent.resolve(socket);
    };
    const server = createServer({ noDelay: true }, (socket) => {
      socket.on("error", () => {});
      socket.once("data", (bytes) => {
        if (String(bytes).startsWith("GET")) return void sendBytes(socket);
        socket.end("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const origin = `http://127.0.0.1:${port}`;
    const oauth = {
      grant: "client_credentials",
      client_id: "gateway",
      client_secret: "secret-123456",
      issuer: origin,
    };
    await using gateway = await startPreloaded(MEMORY_MODULE, {
      servers: { remote: { url: `${origin}/mcp`, gateway: { oauth } } },
      env: {
        GATEWAY_AGENT: "tester",
        GATEWAY_INIT_STRATEGY: "lazy",
        DENO_V8_FLAGS: "--expose-gc",
      },
    });
    const refusal = gateway.expectRefusal("execute_tool", { server: "remote", tool: "echo" });
    const socket = await sent.promise;
    const { used } = await measureMemory(gateway, 1);
    socket.destroy();
    assert.equal((await refusal).code, "SERVER_UNAVAILABLE");
    server.close();
    assert.ok(used < 50 * MB, `${used} bytes`);
  },
});
