import assert from "node:assert/strict";
import {
  checkConfiguration,
  FileWatch,
  locateFiles,
  readSettings,
} from "../../../src/config/mod.ts";
import { Gateway } from "../../../src/gateway/mod.ts";
import { type Channel, createMemoryChannels } from "../../../src/jsonrpc/mod.ts";
import { NO_TRACER } from "../../../src/trace.ts";
import { silentLog } from "../../audit/support.ts";
import { environmentOf, TempFolder } from "../../config/support.ts";
import { AgentSession } from "../../e2e/agent_session.ts";
import type { Wire } from "../../e2e/raw_client.ts";
import { OPEN_RULES } from "../../e2e/setup.ts";
import { type Door, SERVERS } from "./door.ts";

/** A channel in this process: the gateway without any transport. */
export const MEMORY: Door = {
  name: "memory",
  deviations: {
    "[protocol.invalid] bytes that are not UTF-8": "a channel in memory carries texts",
    "[protocol.framing] a message that arrives in chunks": "a channel in memory carries messages",
    "[protocol.too-long] a message above 64 MiB is skipped, and answered":
      "a channel in memory has no limit",
  },
  start: async () => {
    const folder = new TempFolder();
    folder.write("mcp.json", { mcpServers: SERVERS });
    folder.write("rules.json", OPEN_RULES);
    const env = environmentOf({ GATEWAY_AUDIT_LOG: `${folder.path}/audit.jsonl` });
    const flags = { mcpConfig: "mcp.json", rules: "rules.json", agent: "tester" };
    const settings = readSettings({ ...flags, initStrategy: "lazy" }, env);
    const cwd = folder.path;
    const files = locateFiles(settings, { home: undefined, cwd });
    const check = () => checkConfiguration(files, { env, cwd });
    const { configuration = assert.fail() } = await check();
    const gateway = new Gateway({
      settings,
      configuration,
      auditFallback: `${cwd}/fallback.jsonl`,
      version: "0",
      tracer: NO_TRACER,
      reload: { files, watch: new FileWatch([]), check },
      log: silentLog(),
    });
    const channels: Channel[] = [];
    return {
      connect: async (client = {}) => {
        const [ours, theirs] = createMemoryChannels();
        channels.push(ours);
        gateway.connect(theirs, { onClosed: () => {} });
        const session = new AgentSession(new MemoryWire(ours));
        if (client !== false) await session.client.initialize(client);
        return session;
      },
      [Symbol.asyncDispose]: async () => {
        await gateway.end({ callsMs: 0, patience: { inputMs: 500, terminateMs: 500 } });
        for (const channel of channels) await channel.close();
        folder[Symbol.dispose]();
      },
    };
  },
};

/** A channel as lines. */
class MemoryWire implements Wire {
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
