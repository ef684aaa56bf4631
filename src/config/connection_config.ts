import type { Channel } from "../jsonrpc/mod.ts";

/** The connection to a server. */
export type ConnectionConfig = StdioConfig | HttpConfig | MemoryConfig;

/** A process to start. */
export interface StdioConfig {
  /** Connects over standard input and output. */
  readonly kind: "stdio";
  /** Program name or path; never empty. */
  readonly command: string;
  /** Arguments of the program. */
  readonly args: readonly string[];
  /** The entry's own variables; `createChildEnvironment` adds the others. */
  readonly env: Readonly<Record<string, string>>;
  /** Working folder as written; default: the gateway's own. */
  readonly cwd?: string;
}

/** An address to call: `auto` tries streamable HTTP first and falls back to SSE. */
export interface HttpConfig {
  /** Streamable HTTP, the older SSE, or whichever the server supports. */
  readonly kind: "http" | "sse" | "auto";
  /** An `http:` or `https:` address. */
  readonly url: string;
  /** Headers of every request, names as written. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A server in this process, for tests and programs that embed the gateway; it cannot appear in a servers file. */
export interface MemoryConfig {
  /** Connects within the process. */
  readonly kind: "memory";
  /** Serves a new connection; receives the server's end of it. */
  readonly serve: (channel: Channel) => void;
}

/** Returns the process to start, if the server is a process. */
export function getStdioConfig(connection: ConnectionConfig): StdioConfig | undefined {
  return connection.kind === "stdio" ? connection : undefined;
}

/** Returns the address to call, if the server is remote. */
export function getHttpConfig(connection: ConnectionConfig): HttpConfig | undefined {
  return "url" in connection ? connection : undefined;
}

/** Returns the values that no message may contain: variables of a process, headers of a request. */
export function listConnectionSecrets(connection: ConnectionConfig): string[] {
  switch (connection.kind) {
    case "stdio":
      return Object.values(connection.env);
    case "http":
    case "sse":
    case "auto":
      return Object.values(connection.headers);
    case "memory":
      return [];
  }
}
