import {
  checkConfiguration,
  FileWatch,
  getApprovalsFolder,
  getResultsFolder,
} from "../config/mod.ts";
import type { CatalogStore } from "../downstream/mod.ts";
import { Gateway } from "../gateway/mod.ts";
import { createMemoryChannels, JsonText, Peer, type Reply } from "../jsonrpc/mod.ts";
import { standardOutputLines, standardStream } from "../line_queue.ts";
import { REVISIONS } from "../revisions.ts";
import { loadTracer } from "../trace.ts";
import { auditFallback } from "./audit_path.ts";
import type { Output } from "./command.ts";
import { type Interrupts, withInterrupts } from "./interrupts.ts";
import { openCatalogs } from "./open_catalogs.ts";
import type { OpenedConfiguration } from "./open_configuration.ts";
import { escapeControls } from "../text.ts";
import { VERSION } from "../version.ts";
import { within } from "../within.ts";

/** Calls a tool of the gateway. */
export type CallGateway = (name: string, args: JsonText) => Promise<Reply>;

/** Grace periods for ending the gateway when the command has its result. */
const END_OPTIONS = {
  callsMs: 0,
  gracePeriods: { afterInputCloseMs: 500, afterTerminateMs: 1000 },
};

/** Maximum time to finish reading the lists to remember after the command has its result, in milliseconds. */
const MAX_READING_MS = 5000;

/** Options of `withGateway`. */
interface InProcessOptions {
  readonly opened: OpenedConfiguration;
  readonly stderr: Output;
  /** Whether the end waits until the lists of the servers that were started are remembered. Default: no. */
  readonly remembers?: boolean;
}

/**
 * Runs a gateway within this process and connects to it as a client, so that a command's calls go
 * through the same steps as all others: identity, rules, server, audit. Prints progress and the
 * servers' log messages.
 *
 * @param use Calls the gateway's tools; when it returns, the gateway ends.
 * @throws {Interrupted} if a signal arrived before the gateway had ended.
 */
export async function withGateway<T>(
  options: InProcessOptions,
  use: (call: CallGateway) => Promise<T>,
): Promise<T> {
  return await withInterrupts((interrupts) => runGateway({ ...options, interrupts }, use));
}

async function runGateway<T>(
  { opened, stderr, remembers = false, interrupts }: InProcessOptions & {
    readonly interrupts: Interrupts;
  },
  use: (call: CallGateway) => Promise<T>,
): Promise<T> {
  const { settings, configuration, files, log } = opened;
  const catalogs = openCatalogs(log);
  // Standard output is for the command's result.
  const logsToStdout = standardStream(settings.auditLog) === standardOutputLines;
  const auditLog = logsToStdout ? "/dev/stderr" : settings.auditLog;
  const gateway = new Gateway({
    // Lazy: only the servers that are called are started. `stdio`: a shell has the same access as a
    // client on standard input and output.
    settings: { ...settings, auditLog, initStrategy: "lazy", transport: "stdio" },
    configuration,
    auditFallback: auditFallback(),
    approvalsFolder: getApprovalsFolder(Deno.env),
    resultsFolder: getResultsFolder(Deno.env),
    catalogs,
    version: VERSION,
    tracer: await loadTracer(Deno.env.get("OTEL_DENO") === "true", VERSION),
    // The files are not watched: a command ends before a change would matter.
    reload: {
      files,
      watch: new FileWatch([]),
      checkFiles: () => checkConfiguration(files, { env: Deno.env, cwd: Deno.cwd(), settings }),
    },
    log,
  });
  interrupts.onFurtherSignal = () => gateway.kill();
  const [clientChannel, gatewayChannel] = createMemoryChannels();
  gateway.connect(gatewayChannel, { onClosed: () => {} });
  const peer = new Peer(clientChannel, {
    request: (request) => request.failUnknownMethod(),
    notification: (method, params) => {
      if (method === "notifications/message") stderr.write(`${logMessageText(params)}\n`);
    },
    unexpected: (description) => log.warn(description),
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
    const result = await use((name, args) => {
      const params = (id: number) => {
        const meta = JSON.stringify({ progressToken: id });
        // JSON text, so that the arguments stay as they were typed.
        return new JsonText(`{"name":"${name}","arguments":${args.json},"_meta":${meta}}`);
      };
      return peer.request("tools/call", params, {
        signal,
        onProgress: (params) => stderr.write(`${progressText(params)}\n`),
      });
    });
    if (remembers && catalogs !== undefined) await finishReading(catalogs, signal);
    return result;
  } finally {
    await gateway.end(END_OPTIONS);
    await clientChannel.close();
  }
}

async function finishReading(catalogs: CatalogStore, signal: AbortSignal): Promise<void> {
  const interruption = new Promise((resolve) => {
    signal.addEventListener("abort", resolve, { once: true });
  });
  await within(Promise.race([catalogs.finishReading(), interruption]), MAX_READING_MS);
}

function progressText({ progress, total, message }: Readonly<Record<string, unknown>>): string {
  const ofTotal = typeof total === "number" ? `/${total}` : "";
  return escapeControls(
    `progress: ${progress}${ofTotal} ${typeof message === "string" ? message : ""}`.trim(),
  );
}

function logMessageText(params: unknown): string {
  const { level, logger, data } = params as Readonly<Record<string, unknown>>;
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return escapeControls(`${level} ${logger ?? ""}: ${text}`);
}
