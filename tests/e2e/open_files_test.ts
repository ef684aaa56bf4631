import assert from "node:assert/strict";
import { RawConnection } from "../gateway/http/raw_http.ts";
import { misbehavingServer } from "./gateway.ts";
import { environmentWithoutDeno, GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { HttpClient } from "./http_client.ts";
import { Setup } from "./setup.ts";
import { waitUntil } from "./wait.ts";

Deno.test({
  name:
    "[http.connections-limit] clients' connections take at most half of the open files, so that servers are started and new clients are answered",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const setup = new Setup({
      servers: { odd: misbehavingServer() },
      env: environmentWithoutDeno(GATEWAY_COMMAND),
    });
    const args = [
      "--agent",
      "tester",
      "--transport",
      "http",
      "--port",
      "0",
      "--init-strategy",
      "lazy",
    ];
    const child = new Deno.Command("sh", {
      args: [
        "-c",
        'ulimit -n 256; exec "$0" "$@"',
        ...await gatewayCommandLine(GATEWAY_COMMAND),
        ...args,
      ],
      cwd: setup.workingFolder,
      env: setup.env,
      clearEnv: true,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    let stderr = "";
    const stderrRead = child.stderr.pipeThrough(new TextDecoderStream()).pipeTo(
      new WritableStream({ write: (text) => void (stderr += text) }),
    );
    let url = "";
    await waitUntil("the gateway listens", () => {
      url = /http:\/\/[\d.]+:\d+\/mcp/.exec(stderr)?.[0] ?? "";
      return url !== "";
    });
    assert.match(stderr, /At most 128 connections instead of 4096/);
    const port = Number(new URL(url).port);
    const connections: RawConnection[] = [];
    for (let count = 0; count < 300; count++) {
      const connection = await RawConnection.open(port);
      connections.push(connection);
      await connection.send(`GET /health HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
      assert.ok(await connection.readUntil((text) => text.includes("200 OK")));
    }
    const client = new HttpClient({ url });
    assert.equal(await client.openSession(), 200);
    const call = { server: "odd", tool: "count" };
    assert.equal(await client.callGatewayToolForOutcome("execute_tool", call), "ok");
    for (const connection of connections) connection[Symbol.dispose]();
    child.kill("SIGTERM");
    await child.status;
    await stderrRead;
    await setup.close(5000);
  },
});
