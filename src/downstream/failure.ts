import type { ServerConfig } from "../config/mod.ts";
import { DownstreamError } from "../errors.ts";
import { AnswerTooLong, ChannelClosed, MAX_MESSAGE_BYTES } from "../jsonrpc/mod.ts";
import { StartAbandoned } from "./circuit_breaker.ts";
import { RemoteFailure } from "./remote_failure.ts";
import { ListError } from "./catalog/mod.ts";
import { HandshakeError } from "./revisions/mod.ts";
import { redactExcerpt } from "./secrets.ts";
import { serverCommand } from "./server_command.ts";
import { transportKind } from "./transports/mod.ts";
import { quoteEscaped, shortenText } from "../text.ts";

/** Maximum length of a quoted line, in UTF-16 code units. */
const MAX_LINE_LENGTH = 200;

/** The context of a failure of a server. */
export interface FailureContext {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** The reason to give if the cause is a timeout, as a clause. */
  readonly timeoutReason: string;
  /** Description of invalid data that the server sent during the operation, as a sentence; empty if it sent none. */
  readonly noise: string;
  /** Returns the last output of the server; empty if there was none. */
  readonly readLastOutput: () => Promise<string>;
}

/**
 * Turns a failure of a server into the error for the agent.
 *
 * @param cause The error that was thrown.
 * @param context The server, its output, and the reason for a timeout.
 * @throws The cause itself if it is not a failure of the server.
 */
export async function explainFailure(
  cause: unknown,
  { config, timeoutReason, noise, readLastOutput }: FailureContext,
): Promise<DownstreamError> {
  if (cause instanceof DownstreamError) return cause;
  const server = config.name;
  if (cause instanceof AnswerTooLong) {
    const message = `Server "${server}" answered with more than ` +
      `${MAX_MESSAGE_BYTES / 2 ** 20} MiB, the gateway's limit for one message; ask for less.`;
    return new DownstreamError("SERVER_UNAVAILABLE", server, message, { cause, retryable: false });
  }
  const reason = describeCause(cause, timeoutReason);
  if (reason === undefined) throw cause;
  // The message of a remote failure already contains everything.
  const output = cause instanceof RemoteFailure ? "" : await readLastOutput();
  const explanation = await explainOutput(output, config);
  if (explanation !== undefined) {
    const message = `Server "${server}" is not available: ${explanation}`;
    return new DownstreamError("SERVER_UNAVAILABLE", server, message, {
      cause,
      serverOutput: output,
    });
  }
  const gotNoAnswer = cause instanceof ChannelClosed || cause instanceof DOMException;
  const quotesInvalidOutput = gotNoAnswer && noise !== "";
  const parts = [`${redactExcerpt(reason, config)}.`, quotesInvalidOutput ? noise : "", output];
  const message = `Server "${server}" is not available: ${
    parts.filter((part) => part !== "").join(" ")
  }`;
  return new DownstreamError("SERVER_UNAVAILABLE", server, message, {
    cause,
    quotesInvalidOutput,
  });
}

/** Searches a server's last output for a known cause, and describes it with a quote of its line. */
async function explainOutput(output: string, config: ServerConfig): Promise<string | undefined> {
  if (output === "") return undefined;
  const finding = await transportKind(config.connection).findCause(output, config.name);
  if (finding === undefined) return undefined;
  const line = quoteEscaped(shortenText(finding.line, MAX_LINE_LENGTH));
  return `${redactExcerpt(finding.message, config)}. It wrote ${line}.`;
}

/**
 * Adds the hint to run `doctor` to an error about a server that is not available.
 *
 * @param error The error for the agent; returned unchanged if it has another code, or has a hint already.
 */
export function withDoctorHint(error: Error): Error {
  if (!(error instanceof DownstreamError) || error.code !== "SERVER_UNAVAILABLE") return error;
  if (error.details.hint !== undefined) return error;
  const hint = `Ask the operator of the gateway to run: ${serverCommand("doctor", error.server)}`;
  return error.withDetails({ hint });
}

function describeCause(cause: unknown, timeoutReason: string): string | undefined {
  if (cause instanceof HandshakeError || cause instanceof ListError) return cause.message;
  if (cause instanceof RemoteFailure) return cause.message;
  if (cause instanceof ChannelClosed) return "its connection ended";
  if (cause instanceof StartAbandoned) return "its session was closed while it started";
  if (cause instanceof DOMException && cause.name === "TimeoutError") return timeoutReason;
  return undefined;
}
