import { type ConfigProblem, getHttpConfig, getStdioConfig } from "../config/mod.ts";
import { formatPath } from "../json.ts";
import {
  HandshakeError,
  ListError,
  ListTimeout,
  remoteFailureBehind,
  StartFailure,
  type StartFailureKind,
} from "../downstream/mod.ts";
import {
  downloadCommandOf,
  findLocalCause,
  type LocalCauseKind,
} from "../downstream/causes/mod.ts";
import { DownstreamError } from "../errors.ts";
import { AnswerTooLong, ChannelClosed } from "../jsonrpc/mod.ts";
import type { Probe } from "./probe.ts";
import { findRemoteCause, type RemoteFindingKind } from "./remote_finding.ts";
import { findStartCause } from "./start_finding.ts";

/** Why a server failed, and how to fix it. */
export interface Finding {
  readonly kind: FindingKind;
  readonly message: string;
  readonly fix: string;
  /** The folders, or the path, where the command was searched. */
  readonly looked?: readonly string[];
}

/** The kinds of failure. */
export type FindingKind =
  | LocalCauseKind
  | RemoteFindingKind
  | StartFailureKind
  | "variable"
  | "login-needed"
  | "newer-revision"
  | "protocol"
  | "stdout-noise"
  | "too-slow"
  | "exited";

/** Options of `findCause`. */
export interface FindingContext {
  /** The warnings about the servers file. */
  readonly warnings: readonly ConfigProblem[];
  /** Whether to follow Windows' rules; default: on Windows. */
  readonly windows?: boolean;
}

/** Determines why a server failed. */
export function findCause(probe: Probe, context: FindingContext): Finding {
  const { config, error, noise } = probe;
  const { name, connection, unavailable } = config;
  const message = messageWithoutServer(error, name);
  if (unavailable !== undefined) return describeUnusableEntry(name, unavailable, context);
  if (error instanceof DownstreamError && error.code === "AUTH_REQUIRED") {
    const command = error.details.command ?? `agent-mcp-gateway auth login ${name}`;
    return { kind: "login-needed", message, fix: `Log in: ${command}` };
  }
  const stdio = getStdioConfig(connection);
  const http = getHttpConfig(connection);
  const causes = listCauses(error);
  const hasCause = (test: (cause: unknown) => boolean): boolean => causes.some(test);
  const startFailure = causes.find((cause) => cause instanceof StartFailure);
  if (startFailure !== undefined && stdio !== undefined) {
    return findStartCause(startFailure, { name, connection: stdio, windows: context.windows });
  }
  const output = (error instanceof DownstreamError ? error.serverOutput : undefined) ?? message;
  const localCause = stdio && findLocalCause(output, {
    name,
    connection: stdio,
    isSandboxed: config.options.sandbox !== undefined,
  });
  if (localCause !== undefined) {
    const { kind, message, fix } = localCause;
    return { kind, message, fix };
  }
  if (hasCause((cause) => cause instanceof HandshakeError && cause.isExcluded)) {
    const key = formatPath(["mcpServers", name, "gateway", "protocol"]);
    return { kind: "protocol", message, fix: `Remove ${key}, or set it to "auto"` };
  }
  if (hasCause((cause) => cause instanceof HandshakeError && cause.isNewer)) {
    const disabled = formatPath(["mcpServers", name, "disabled"]);
    const fix =
      "Use a release of the gateway that speaks this revision; until there is one, use an " +
      `older release of the server, or set ${disabled} to true`;
    return { kind: "newer-revision", message, fix };
  }
  const remoteFailure = remoteFailureBehind(error);
  if (remoteFailure !== undefined && http !== undefined) {
    const remoteFinding = findRemoteCause(remoteFailure, { name, connection: http });
    if (remoteFinding !== undefined) return { message, ...remoteFinding };
  }
  if (
    stdio !== undefined && noise.length > 0 &&
    hasCause((cause) => isInstanceOf(cause, ChannelClosed, DOMException, HandshakeError))
  ) {
    const quote = JSON.stringify(noise[0]?.slice(0, 80));
    return {
      kind: "stdout-noise",
      message: error instanceof DownstreamError && error.quotesInvalidOutput
        ? message
        : `${message}. On stdout, where only MCP messages belong, it wrote ${quote}`,
      fix: "Make sure that the command starts an MCP server over stdio and that it logs to " +
        "stderr; avoid wrappers that print, such as `npm start`",
    };
  }
  if (hasCause((cause) => cause instanceof DOMException && cause.name === "TimeoutError")) {
    const { connectTimeoutMs } = config.options;
    const key = `${formatPath(["mcpServers", name])}.gateway.connect_timeout_ms`;
    if (hasCause((cause) => cause instanceof ListTimeout)) {
      const fix =
        "Look at the server's own log for what delays its answer to tools/list, or report " +
        `this to its authors. If its list takes long, raise ${key} (now ${connectTimeoutMs})`;
      return { kind: "too-slow", message, fix };
    }
    const downloadCommand = downloadCommandOf(connection);
    if (downloadCommand !== undefined) {
      return {
        kind: "too-slow",
        message,
        fix: `Download the package once with this command, then try again: ${downloadCommand}`,
      };
    }
    const alternative = http === undefined
      ? "run its command by hand to see why it does not start"
      : `find out why the server at ${URL.parse(http.url)?.host} accepts connections but ` +
        "does not answer";
    const fix = `Raise ${key} (now ${connectTimeoutMs}), or ${alternative}`;
    return { kind: "too-slow", message, fix };
  }
  if (hasCause((cause) => isInstanceOf(cause, HandshakeError, ListError, AnswerTooLong))) {
    const fix = "Update the server, or report this to its authors: it does not speak " +
      "MCP as the gateway knows it";
    return { kind: "protocol", message, fix };
  }
  if (hasCause((cause) => cause instanceof ChannelClosed)) {
    const fix = stdio !== undefined
      ? "Run its command by hand, in the same folder and with the same variables, and read " +
        "what it prints before it exits"
      : "Look at the server's own log";
    return { kind: "exited", message, fix };
  }
  return {
    kind: "other",
    message,
    fix: "Run this again with GATEWAY_LOG_LEVEL=debug to see everything it prints",
  };
}

/** Describes an entry that cannot be used, for example because a variable is not set. */
function describeUnusableEntry(
  name: string,
  unavailable: string,
  { warnings }: FindingContext,
): Finding {
  const entry = formatPath(["mcpServers", name]);
  const positions = warnings.filter(({ path }) => {
    return path.startsWith(`${entry}.`) || path.startsWith(`${entry}[`);
  }).map(({ file, line, column }) => `${file}:${line}:${column}`);
  const matches = unavailable.matchAll(/variable "([^"]+)" is not set/g);
  const variables = [...new Set([...matches].map(([, variable]) => variable))];
  const message = positions.length === 0
    ? unavailable
    : `${unavailable}, at ${positions.join(", ")}`;
  const fix = variables.length === 0
    ? "Correct the entry"
    : `Set ${variables.join(", ")} where the gateway runs (for a desktop client: in "env" of the ` +
      `gateway's entry), or write a default: \${${variables[0]}:-value}`;
  return { kind: "variable", message, fix };
}

/** The message of an error, without the name of the server. */
function messageWithoutServer(error: unknown, name: string): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(`Server "${name}" is not available: `, "").replace(/\.$/, "");
}

function listCauses(error: unknown): unknown[] {
  const causes: unknown[] = [];
  for (let cause = error; cause instanceof Error && causes.length < 10; cause = cause.cause) {
    causes.push(cause);
  }
  return causes;
}

// deno-lint-ignore no-explicit-any -- a class with any constructor parameters
type ErrorClass = abstract new (...args: any[]) => unknown;

function isInstanceOf(cause: unknown, ...classes: ErrorClass[]): boolean {
  return classes.some((errorClass) => cause instanceof errorClass);
}
