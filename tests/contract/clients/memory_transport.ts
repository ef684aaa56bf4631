import assert from "node:assert/strict";
import { type Channel, createMemoryChannels } from "../../../src/jsonrpc/mod.ts";
import { TempFolder } from "../../config/temp_folder.ts";
import { AgentSession } from "../../e2e/agent_session.ts";
import type { LineTransport } from "../../e2e/raw_client.ts";
import { ALLOW_ALL_RULES } from "../../e2e/setup.ts";
import { openGateway } from "../../gateway/in_process.ts";
import { type ClientTransport, NOT_FOUND } from "./transport.ts";

/** A channel in memory: the gateway runs in this process, without a transport. */
export const MEMORY: ClientTransport = {
  name: "memory",
  deviations: {
    "[protocol.invalid] a line that is not UTF-8 is answered with an error":
      "a channel in memory carries text",
    "[protocol.framing] a message that arrives in chunks is read":
      "a channel in memory carries messages",
    "[protocol.too-long] a message above 64 MiB is skipped and answered with an error":
      "a channel in memory has no limit",
  },
  start: async (servers) => {
    const folder = new TempFolder();
    folder.write("mcp.json", { mcpServers: servers });
    folder.write("rules.json", ALLOW_ALL_RULES);
    const { gateway } = await openGateway(folder, { agent: "tester" });
    const channels: Channel[] = [];
    return {
      notFoundCode: NOT_FOUND,
      connect: async (client = {}) => {
        const [clientChannel, gatewayChannel] = createMemoryChannels();
        channels.push(clientChannel);
        gateway.connect(gatewayChannel, { onClosed: () => {} });
        const session = new AgentSession(new MemoryTransport(clientChannel));
        if (client !== false) await session.client.initialize(client);
        return session;
      },
      [Symbol.asyncDispose]: async () => {
        await gateway.end({
          callsMs: 0,
          gracePeriods: { afterInputCloseMs: 500, afterTerminateMs: 500 },
        });
        for (const channel of channels) await channel.close();
        folder[Symbol.dispose]();
      },
    };
  },
};

/** A channel in memory as a transport of lines. */
export class MemoryTransport implements LineTransport {
  readonly lines: string[] = [];
  readonly stderr = "";
  onLine: (line: string) => void = () => {};
  onEnd: () => void = () => {};
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
    channel.open({
      message: (line) => {
        this.lines.push(line);
        this.onLine(line);
      },
      dropped: () => {},
      closed: () => this.onEnd(),
    });
  }

  write(text: string | Uint8Array<ArrayBuffer>): Promise<void> {
    assert.equal(typeof text, "string", "A channel in memory carries texts");
    for (const line of String(text).split("\n")) if (line !== "") this.#channel.send(line);
    return Promise.resolve();
  }
}
