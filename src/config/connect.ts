import type { Channel } from "../jsonrpc/mod.ts";

/** The connection to a server. */
export type Connect = ConnectStdio | ConnectHttp | ConnectMemory;

/** A process to start. */
export interface ConnectStdio {
  /** Connects over standard input and output. */
  readonly kind: "stdio";
  /** Program name or path; never empty. */
  readonly command: string;
  /** Arguments of the program. */
  readonly args: readonly string[];
  /** The entry's own variables; `childEnvironment` adds the others. */
  readonly env: Readonly<Record<string, string>>;
  /** Working folder as written; default: the gateway's own. */
  readonly cwd?: string;
}

/** An address to call: `auto` tries streamable HTTP first and falls back to SSE. */
export interface ConnectHttp {
  /** Streamable HTTP, the older SSE, or whichever the server supports. */
  readonly kind: "http" | "sse" | "auto";
  /** An `http:` or `https:` address. */
  readonly url: string;
  /** Headers of every request, names as written. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A server in this process, for tests and programs that embed the gateway; no file names one. */
export interface ConnectMemory {
  /** Connects within the process. */
  readonly kind: "memory";
  /** Serves a new connection; receives the server's end of it. */
  readonly serve: (channel: Channel) => void;
}

/** Returns the process to start, if the server is one. */
export function processOf(connect: Connect): ConnectStdio | undefined {
  return connect.kind === "stdio" ? connect : undefined;
}

/** Returns the address to call, if the server is remote. */
export function addressOf(connect: Connect): ConnectHttp | undefined {
  return "url" in connect ? connect : undefined;
}

/** Returns the values that no message may contain: variables of a process, headers of a request. */
export function secretsIn(connect: Connect): string[] {
  switch (connect.kind) {
    case "stdio":
      return Object.values(connect.env);
    case "http":
    case "sse":
    case "auto":
      return Object.values(connect.headers);
    case "memory":
      return [];
  }
}
