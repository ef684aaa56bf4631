/** How one downstream server is reached and treated. */
export interface ServerConfig {
  /** The key under `mcpServers`. */
  readonly name: string;
  /** What agents read about it. */
  readonly description?: string;
  /** What `list_servers` may show: as written, variables unexpanded, without secrets. */
  readonly shown: ShownServer;
  /** How to connect, variables expanded. Not to be used while `unavailable` is set. */
  readonly connect: Connect;
  /** Why every use answers `SERVER_UNAVAILABLE`, such as `variable "X" is not set (mcpServers.pg.env.X)`. */
  readonly unavailable?: string;
  /** The `gateway` block, defaults filled in. */
  readonly options: ServerOptions;
  /**
   * Values of the variables that the entry names, wherever in it. People keep secrets in variables,
   * so these must not appear in what is written.
   */
  readonly secrets: readonly string[];
  /** Equal within one process for entries that connect and behave alike, and for no others; tells no secret. */
  readonly fingerprint: string;
}

/** The public face of a server: no args, env, headers, userinfo, query or fragment. */
export interface ShownServer {
  /** `stdio` for a command, `http` for a url of any kind. */
  readonly transport: "stdio" | "http";
  /** The command as written in the file. */
  readonly command?: string;
  /** The url as written in the file, without userinfo, query and fragment. */
  readonly url?: string;
}

/** How a server is reached. */
export type Connect = ConnectStdio | ConnectHttp;

/** A process to start. */
export interface ConnectStdio {
  /** Over standard input and output. */
  readonly kind: "stdio";
  /** Program name or path; never empty. */
  readonly command: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** The entry's own variables; see `childEnvironment` for all a process gets. */
  readonly env: Readonly<Record<string, string>>;
  /** Working folder as written; the gateway's own where absent. */
  readonly cwd?: string;
}

/** An address to call: `auto` tries streamable HTTP first and falls back to SSE. */
export interface ConnectHttp {
  /** Streamable HTTP, the older SSE, or whichever the server speaks. */
  readonly kind: "http" | "sse" | "auto";
  /** An `http:` or `https:` address. */
  readonly url: string;
  /** Headers of every request, names as written. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Which callers share one downstream session. */
export type Isolation = "shared" | "session" | "agent" | "call";

/** A kind of request of a server that may reach the client. */
export type Forwarded = "elicitation" | "roots" | "sampling";

/** The `gateway` block of an entry, defaults filled in. */
export interface ServerOptions {
  /** Which callers share one session; default `agent`. */
  readonly isolation: Isolation;
  /** An unused session is closed after this many milliseconds; 0 closes at once; default 300000. */
  readonly idleTimeoutMs: number;
  /** Milliseconds a start may take; default 30000. */
  readonly connectTimeoutMs: number;
  /** Milliseconds a call may take without progress; default 60000. */
  readonly callTimeoutMs: number;
  /** Milliseconds after which every call ends; default 600000. */
  readonly maxCallMs: number;
  /** Calls in flight per session, at least 1; default 64. */
  readonly maxConcurrency: number;
  /** Which requests of the server reach the client; default elicitation and roots. */
  readonly forward: readonly Forwarded[];
  /** Names of further variables of the gateway that the process gets. */
  readonly inheritEnv: readonly string[];
  /** The OAuth client to use instead of a registered one. */
  readonly oauth?: OAuthOptions;
}

/** OAuth settings of one remote server. */
export interface OAuthOptions {
  /** A client registered by hand. */
  readonly clientId?: string;
  /** Its secret. */
  readonly clientSecret?: string;
  /** Scopes to ask for. */
  readonly scopes?: readonly string[];
  /** Port of the loopback redirect, 1 to 65535; any free one where absent. */
  readonly redirectPort?: number;
  /** How tokens are obtained; default `authorization_code`. */
  readonly grant: "authorization_code" | "client_credentials";
}
