import { checkConfiguration, FileWatch } from "../config/mod.ts";
import { Gateway } from "../gateway/mod.ts";
import { createMemoryChannels, JsonText, Peer, type Reply } from "../jsonrpc/mod.ts";
import { standardOutputLines, standardStream } from "../line_queue.ts";
import { REVISIONS } from "../revisions.ts";
import { loadTracer } from "../trace.ts";
import { auditFallback } from "./audit_path.ts";
import type { Output } from "./command.ts";
import { type Interrupts, withInterrupts } from "./interrupts.ts";
import type { OpenedConfiguration } from "./open_configuration.ts";
import { escapeControls } from "../text.ts";
import { VERSION } from "./version.ts";

/** Calls a tool of the gateway. */
export type CallGateway = (name: string, args: JsonText) => Promise<Reply>;

/** Grace periods of the gateway after the answer. */
const DONE = { callsMs: 0, gracePeriods: { inputMs: 500, terminateMs: 1000 } };

/**
 * Runs a gateway within this process and talks to it as a client does, so that a command takes the
 * path of every other call: identity, rules, server, audit. Prints progress and the servers' log
 * messages.
 *
 * @param use Talks to the gateway, which ends when it returns.
 * @throws {Interrupted} A signal came before the gateway had ended.
 */
export async function withGateway<T>(
  { opened, stderr }: { readonly opened: OpenedConfiguration; readonly stderr: Output },
  use: (call: CallGateway) => Promise<T>,
): Promise<T> {
  return await withInterrupts((interrupts) => runGateway({ opened, stderr, interrupts }, use));
}

async function runGateway<T>(
  { opened, stderr, interrupts }: {
    readonly opened: OpenedConfiguration;
    readonly stderr: Output;
    readonly interrupts: Interrupts;
  },
  use: (call: CallGateway) => Promise<T>,
): Promise<T> {
  const { settings, configuration, files, log } = opened;
  // Standard output is for the command's answer.
  const isOnOutput = standardStream(settings.auditLog) === standardOutputLines;
  const auditLog = isOnOutput ? "/dev/stderr" : settings.auditLog;
  const gateway = new Gateway({
    // Only the servers that are asked are started; what is open to a client is open to a shell.
    settings: { ...settings, auditLog, initStrategy: "lazy", transport: "stdio" },
    configuration,
    auditFallback: auditFallback(),
    version: VERSION,
    tracer: await loadTracer(Deno.env.get("OTEL_DENO") === "true", VERSION),
    // A command is over before a change of the files would matter.
    reload: {
      files,
      watch: new FileWatch([]),
      checkFiles: () => checkConfiguration(files, { env: Deno.env, cwd: Deno.cwd() }),
    },
    log,
  });
  interrupts.onSecond = () => gateway.kill();
  const [ours, theirs] = createMemoryChannels();
  gateway.connect(theirs, { onClosed: () => {} });
  const peer = new Peer(ours, {
    request: (request) => request.failUnknownMethod(),
    notification: (method, params) => {
      if (method === "notifications/message") stderr.write(`${messageText(params)}\n`);
    },
    noise: (description) => log.warn(description),
    closed: () => {},
  });
  const { signal } = interrupts;
  try {
    await peer.request("initialize", {
      protocolVersion: REVISIONS[0],
      capabilities: {},
      clientInfo: { name: "agent-mcp-gateway", version: VERSION },
    }, { signal });
    peer.notify("notifications/initialized");
    return await use((name, args) => {
      const params = (id: number) => {
        const meta = JSON.stringify({ progressToken: id });
        // Text, so that the arguments stay as they were written.
        return new JsonText(`{"name":"${name}","arguments":${args.json},"_meta":${meta}}`);
      };
      return peer.request("tools/call", params, {
        signal,
        onProgress: (params) => stderr.write(`${progressText(params)}\n`),
      });
    });
  } finally {
    await gateway.end(DONE);
    await ours.close();
  }
}

function progressText({ progress, total, message }: Readonly<Record<string, unknown>>): string {
  const of = typeof total === "number" ? `/${total}` : "";
  return escapeControls(
    `progress: ${progress}${of} ${typeof message === "string" ? message : ""}`.trim(),
  );
}

function messageText(params: unknown): string {
  const { level, logger, data } = params as Readonly<Record<string, unknown>>;
  const said = typeof data === "string" ? data : JSON.stringify(data);
  return escapeControls(`${level} ${logger ?? ""}: ${said}`);
}
