import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { FakeHttpServer } from "../downstream/remote/fake_http_server.ts";
import { startGateway } from "./gateway.ts";

const TLS = new URL("../fixtures/tls/", import.meta.url);

/** Starts a proxy that connects every request to one local port, and records the requested targets. */
async function startRecordingProxy(
  port: number,
): Promise<AsyncDisposable & { url: string; requestedTargets: string[] }> {
  const requestedTargets: string[] = [];
  const sockets = new Set<Socket>();
  const proxy = createServer();
  proxy.on("connect", (request: IncomingMessage, socket: Socket) => {
    requestedTargets.push(`CONNECT ${request.url}`);
    const target = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      target.pipe(socket).pipe(target);
    });
    for (const connection of [socket, target]) {
      sockets.add(connection);
      connection.on("error", () => {});
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", () => resolve()));
  return {
    url: `http://127.0.0.1:${(proxy.address() as { port: number }).port}`,
    requestedTargets,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      proxy.closeAllConnections();
      await new Promise<void>((resolve) => proxy.close(() => resolve()));
    },
  };
}

Deno.test("[remote.proxy] the gateway uses HTTPS_PROXY, except for hosts in NO_PROXY", async () => {
  const pem = Deno.readTextFileSync(new URL("localhost.pem", TLS));
  const keyStart = pem.indexOf("-----BEGIN PRIVATE KEY");
  const tls = createTlsServer({ cert: pem.slice(0, keyStart), key: pem.slice(keyStart) });
  await using proxiedServer = await FakeHttpServer.start(() => {}, tls);
  await using directServer = await FakeHttpServer.start();
  await using proxy = await startRecordingProxy(proxiedServer.port);
  await using gateway = await startGateway({
    servers: {
      proxied: { url: "https://remote.example/mcp", type: "http" },
      direct: { url: directServer.url, type: "http" },
    },
    env: {
      // No program listens on this port.
      HTTP_PROXY: "http://127.0.0.1:9",
      HTTPS_PROXY: proxy.url,
      NO_PROXY: "127.0.0.1",
      // Otherwise Deno itself would ask for its newest version through the proxy.
      DENO_NO_UPDATE_CHECK: "1",
      NODE_EXTRA_CA_CERTS: fileURLToPath(new URL("authority.pem", TLS)),
    },
  });
  assert.equal(await gateway.callServerToolForText("proxied", "echo"), "called echo");
  assert.equal(await gateway.callServerToolForText("direct", "echo"), "called echo");
  assert.ok(proxy.requestedTargets.length > 0);
  assert.deepEqual(new Set(proxy.requestedTargets), new Set(["CONNECT remote.example:443"]));
});
