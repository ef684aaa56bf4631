import assert from "node:assert/strict";
import { type Fields, misbehavingServer, readSingleText, startGateway } from "./gateway.ts";
import { HttpTransport } from "./http_transport.ts";
import { RawClient } from "./raw_client.ts";

/** Number of clients and of their calls. */
export interface LoadOptions {
  readonly clients: number;
  readonly callsPerClient: number;
}

/** Connects a client, makes its calls one after the other, and returns their latencies in ms. */
async function callRepeatedly(url: string, name: string, callCount: number): Promise<number[]> {
  const transport = new HttpTransport({ url });
  const client = new RawClient(transport);
  const latenciesMs: number[] = [];
  try {
    await client.initialize();
    for (let number = 0; number < callCount; number++) {
      const args: Fields = { text: `${name}, call ${number}` };
      const params = { name: "execute_tool", arguments: { server: "odd", tool: "echo", args } };
      const startedMs = performance.now();
      const { result } = await client.request("tools/call", params);
      latenciesMs.push(performance.now() - startedMs);
      assert.deepEqual(JSON.parse(readSingleText(result)).params.arguments, args);
    }
    // The client has received only the answers to its own requests.
    assert.equal(client.receivedMessages.length, callCount + 1);
    assert.deepEqual(new Set(transport.statuses), new Set([200, 202]));
    return latenciesMs;
  } finally {
    await transport.close();
  }
}

/**
 * Connects many clients over HTTP that call a tool at the same time, and checks that each client gets
 * exactly the answers to its own calls.
 *
 * @returns Throughput and latencies, for people to read.
 */
export async function callFromManyClients(
  { clients, callsPerClient }: LoadOptions,
): Promise<string> {
  await using gateway = await startGateway({
    transport: "http",
    servers: { odd: { ...misbehavingServer(), gateway: { isolation: "shared" } } },
    initialize: false,
  });
  const startedMs = performance.now();
  const latenciesByClient = await Promise.all(Array.from({ length: clients }, (_, number) => {
    return callRepeatedly(gateway.url, `client ${number}`, callsPerClient);
  }));
  const seconds = (performance.now() - startedMs) / 1000;
  const latenciesMs = latenciesByClient.flat().toSorted((a, b) => a - b);
  const quantileMs = (share: number) => {
    return latenciesMs[Math.floor(latenciesMs.length * share)]?.toFixed(1);
  };
  assert.equal(latenciesMs.length, clients * callsPerClient);
  assert.equal(gateway.readAuditLog().length, clients * callsPerClient);
  const sessions = new Set(gateway.readAuditLog().map(({ session }) => session));
  assert.equal(sessions.size, clients);
  const callsPerSecond = (latenciesMs.length / seconds).toFixed(0);
  return `${clients} clients, ${latenciesMs.length} calls: ${callsPerSecond}/s, ` +
    `p50 ${quantileMs(0.5)} ms, p99 ${quantileMs(0.99)} ms`;
}
