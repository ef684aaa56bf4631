import type { ServerConfig } from "../config/mod.ts";
import { DownstreamError } from "../errors.ts";
import { AnswerTooLong, ChannelClosed } from "../jsonrpc/mod.ts";
import { CatalogError } from "./catalog.ts";
import { StartAbandoned } from "./circuit_breaker.ts";
import { HandshakeError } from "./handshake.ts";
import { RemoteFailure } from "./remote_failure.ts";
import { redactExcerpt } from "./secrets.ts";
import { serverCommand } from "./server_command.ts";
import { shortenText } from "../text.ts";

/** How much of a decisive line is quoted, in UTF-16 code units. */
const MAX_LINE = 200;

/** What is known when something with a server went wrong. */
export interface FailureContext {
  /** The server's entry. */
  readonly config: ServerConfig;
  /** What it means that the time ran out. */
  readonly timedOut: string;
  /** What it sent meanwhile that was no use, as a sentence; empty where it did not. */
  readonly noise: string;
  /** What the server last said; empty where it said nothing. */
  readonly lastWords: () => Promise<string>;
}

/**
 * Turns what went wrong with a server into what the agent is told.
 *
 * @param cause What was thrown.
 * @param context What is known besides.
 * @throws The cause itself where it is no failure of the server.
 */
export async function explainFailure(
  cause: unknown,
  { config, timedOut, noise, lastWords }: FailureContext,
): Promise<DownstreamError> {
  if (cause instanceof DownstreamError) return cause;
  const server = config.name;
  if (cause instanceof AnswerTooLong) {
    const message = `Server "${server}" answered with ${cause.bytes} bytes, which is more than ` +
      "the gateway takes; ask for less.";
    return new DownstreamError("SERVER_UNAVAILABLE", server, message, { cause });
  }
  const why = reasonOf(cause, timedOut);
  if (why === undefined) throw cause;
  // What is known of a remote server's failure is all that there is to say.
  const words = cause instanceof RemoteFailure ? "" : await lastWords();
  const known = await explainWords(words, config);
  if (known !== undefined) {
    const message = `Server "${server}" is not available: ${known}`;
    return new DownstreamError("SERVER_UNAVAILABLE", server, message, { cause, said: words });
  }
  const isUnanswered = cause instanceof ChannelClosed || cause instanceof DOMException;
  const quotesNoise = isUnanswered && noise !== "";
  const parts = [`${redactExcerpt(why, config)}.`, quotesNoise ? noise : "", words];
  const message = `Server "${server}" is not available: ${
    parts.filter((part) => part !== "").join(" ")
  }`;
  return new DownstreamError("SERVER_UNAVAILABLE", server, message, { cause, quotesNoise });
}

/** The cause that a local server's last words tell, and the line that tells it. */
async function explainWords(words: string, config: ServerConfig): Promise<string | undefined> {
  const { connect, name } = config;
  if (words === "" || connect.kind !== "stdio") return undefined;
  const { findLocalCause } = await import("./causes/mod.ts");
  const found = findLocalCause(name, connect, words);
  if (found === undefined) return undefined;
  const line = JSON.stringify(shortenText(found.line, MAX_LINE));
  return `${redactExcerpt(found.message, config)}. It wrote ${line}.`;
}

/**
 * Adds to a failed start who can find its cause, and how.
 *
 * @param error What the agent is told; as it is where that has a hint.
 */
export function withDoctorHint(error: Error): Error {
  if (!(error instanceof DownstreamError) || error.code !== "SERVER_UNAVAILABLE") return error;
  const { code, server, message, details, cause, said, quotesNoise } = error;
  if (details.hint !== undefined) return error;
  const hint = `Ask the operator of the gateway to run: ${serverCommand("doctor", server)}`;
  return new DownstreamError(code, server, message, { ...details, hint, cause, said, quotesNoise });
}

/**
 * The failure of a call whose result is no object: no client could take it.
 *
 * @param server The server's name.
 * @param value What came in place of a result.
 */
export function noResult(server: string, value: unknown): DownstreamError {
  const what = value === null ? "null" : Array.isArray(value) ? "an array" : `a ${typeof value}`;
  const message =
    `Server "${server}" answered the call with ${what} instead of a result. The tool ` +
    "may have done its work; report this to the authors of the server.";
  return new DownstreamError("SERVER_UNAVAILABLE", server, message);
}

function reasonOf(cause: unknown, timedOut: string): string | undefined {
  if (cause instanceof HandshakeError || cause instanceof CatalogError) return cause.message;
  if (cause instanceof RemoteFailure) return cause.message;
  if (cause instanceof ChannelClosed) return "its connection ended";
  if (cause instanceof StartAbandoned) return "its session was closed while it started";
  if (cause instanceof DOMException && cause.name === "TimeoutError") return timedOut;
  return undefined;
}
