import assert from "node:assert/strict";
import { sha256 } from "../gateway/http/authenticator_fixture.ts";
import { postText, RawConnection, sendRaw } from "../gateway/http/raw_http.ts";
import { misbehavingServer } from "./gateway.ts";
import { environmentWithoutDeno, GATEWAY_COMMAND, gatewayCommandLine } from "./gateway_command.ts";
import { HttpClient } from "./http_client.ts";
import { Setup } from "./setup.ts";
import { waitUntil } from "./wait.ts";

/** The number of connections that a gateway accepts if it may have 256 files open. */
const MAX_CONNECTIONS = 128;

/** A gateway over HTTP that may have 256 files open. */
class LimitedGateway implements AsyncDisposable {
  readonly setup: Setup;
  readonly #child: Deno.ChildProcess;
  readonly #stderrRead: Promise<void>;
  stderr = "";
  url = "";

  private constructor(setup: Setup, child: Deno.ChildProcess) {
    this.setup = setup;
    this.#child = child;
    this.#stderrRead = child.stderr.pipeThrough(new TextDecoderStream()).pipeTo(
      new WritableStream({ write: (text) => void (this.stderr += text) }),
    );
  }

  static async open(
    { args = [], rules }: {
      readonly args?: readonly string[];
      readonly rules?: Readonly<Record<string, unknown>>;
    },
  ): Promise<LimitedGateway> {
    const setup = new Setup({
      servers: { odd: misbehavingServer() },
      env: environmentWithoutDeno(GATEWAY_COMMAND),
      ...(rules === undefined ? {} : { rules }),
    });
    const child = new Deno.Command("sh", {
      args: [
        "-c",
        'ulimit -n 256; exec "$0" "$@"',
        ...await gatewayCommandLine(GATEWAY_COMMAND),
        ...args,
        ...["--transport", "http", "--port", "0", "--init-strategy", "lazy"],
      ],
      cwd: setup.workingFolder,
      env: setup.env,
      clearEnv: true,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const gateway = new LimitedGateway(setup, child);
    await waitUntil("the gateway listens", () => {
      gateway.url = /http:\/\/[\d.]+:\d+\/mcp/.exec(gateway.stderr)?.[0] ?? "";
      return gateway.url !== "";
    });
    return gateway;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
    await this.#stderrRead;
    await this.setup.close(5000);
  }
}

Deno.test({
  name:
    "[http.connections-limit] clients' connections take at most half of the open files, so that servers are started and new clients are answered",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using gateway = await LimitedGateway.open({ args: ["--agent", "tester"] });
    assert.match(gateway.stderr, /At most 128 connections instead of 4096/);
    const { port } = gateway;
    const connections: RawConnection[] = [];
    for (let count = 0; count < 300; count++) {
      const connection = await RawConnection.open(port);
      connections.push(connection);
      await connection.send(`GET /health HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
      assert.ok(await connection.readUntil((text) => text.includes("200 OK")));
    }
    const client = new HttpClient(gateway);
    assert.equal(await client.openSession(), 200);
    const call = { server: "odd", tool: "count" };
    assert.equal(await client.callGatewayToolForOutcome("execute_tool", call), "ok");
    for (const connection of connections) connection[Symbol.dispose]();
  },
});

for (
  const { title, bodyOf, missingBytes } of [
    { title: "bodies do not arrive whole", bodyOf: () => "{", missingBytes: 60_000 },
    {
      title: "calls are not answered",
      bodyOf: (id: number) => callText("execute_tool", { server: "odd", tool: "wait" }, id),
      missingBytes: 0,
    },
  ]
) {
  Deno.test({
    name:
      `[tenants.connections] while an agent opens more connections than the limit, whose ${title}, every call of another agent and every GET /health on a new connection is answered`,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      const allow = { servers: ["odd"] };
      await using gateway = await LimitedGateway.open({
        rules: {
          agents: {
            a: { allow, token_sha256: [sha256("amg_a")] },
            b: { allow, token_sha256: [sha256("amg_b")] },
          },
        },
      });
      const { port } = gateway;
      const [a, b] = [new HttpClient(gateway, "amg_a"), new HttpClient(gateway, "amg_b")];
      assert.equal(await a.openSession(), 200);
      assert.equal(await b.openSession(), 200);
      const call = postText(port, {
        headers: { ...b.headers, connection: "close" },
        body: callText("list_servers", {}),
      });
      const health = `GET /health HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`;
      const statuses: number[] = [];
      const connections: RawConnection[] = [];
      for (let count = 1; count <= 2 * MAX_CONNECTIONS; count++) {
        const connection = await RawConnection.open(port);
        connections.push(connection);
        const attack = postText(port, { headers: a.headers, body: bodyOf(count), missingBytes });
        // The gateway may reset the connection at once.
        await connection.send(attack).catch(() => {});
        if (count % 8 !== 0) continue;
        statuses.push((await sendRaw(port, call)).status, (await sendRaw(port, health)).status);
      }
      for (const connection of connections) connection[Symbol.dispose]();
      assert.deepEqual([...new Set(statuses)], [200], `${statuses}`);
    },
  });
}

function callText(name: string, args: Readonly<Record<string, unknown>>, id = 0): string {
  const params = { name, arguments: args };
  return JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params });
}
