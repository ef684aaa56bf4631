import type { ConnectionConfig } from "./connection_config.ts";

/** The configuration of one downstream server. */
export interface ServerConfig {
  /** The key under `mcpServers`. */
  readonly name: string;
  /** The description for agents. */
  readonly description?: string;
  /** The part that `list_servers` may show: as written, variables unexpanded, without secrets. */
  readonly publicInfo: PublicServerInfo;
  /** The connection, with variables expanded. Must not be used if `unavailable` is set. */
  readonly connection: ConnectionConfig;
  /**
   * Why every call fails with `SERVER_UNAVAILABLE`, such as `variable "X" is not set
   * (mcpServers.pg.env.X)`.
   */
  readonly unavailable?: string;
  /** The `gateway` block, defaults filled in. */
  readonly options: ServerOptions;
  /**
   * Patterns of the tools that clients see directly, beside the gateway's own tools; absent if there are none. The
   * connection to the server does not depend on them.
   */
  readonly directTools?: readonly string[];
  /**
   * Values of all variables that the entry names. They may be secrets, so they must not appear in
   * logs and messages.
   */
  readonly secrets: readonly string[];
  /** Equal for entries that connect and behave alike, within one process. Reveals no secret. */
  readonly fingerprint: string;
}

/** The public part of a server's entry: no args, env, headers, userinfo, query or fragment. */
export interface PublicServerInfo {
  /** `stdio` for a command, `http` for a url of any kind, `memory` for a server in this process. */
  readonly transport: "stdio" | "http" | "memory";
  /** The command as written in the file. */
  readonly command?: string;
  /** The url as written in the file, without userinfo, query and fragment. */
  readonly url?: string;
}

/** Which callers share one downstream session. */
export type Isolation = "shared" | "session" | "agent" | "call";

/** A kind of server request that may be forwarded to the client. */
export type ForwardedRequest = "elicitation" | "roots" | "sampling";

/**
 * The MCP revisions that a server may speak: any (`auto`), those that begin with `initialize` (`legacy`), or those without
 * sessions (`modern`).
 */
export type ProtocolChoice = "auto" | "legacy" | "modern";

/** The `gateway` block of an entry, defaults filled in. */
export interface ServerOptions {
  /** Which callers share one session; default `agent`. */
  readonly isolation: Isolation;
  /** Milliseconds after which an unused session is closed; 0: immediately; default 300000. */
  readonly idleTimeoutMs: number;
  /** Milliseconds a start may take; default 30000. */
  readonly connectTimeoutMs: number;
  /** Milliseconds a call may take without progress; default 60000. */
  readonly callTimeoutMs: number;
  /** Milliseconds a call may take in total; default 600000. */
  readonly maxCallMs: number;
  /** Maximum number of active calls per session, at least 1; default 64. */
  readonly maxConcurrency: number;
  /** Tokens of a tool's result, at least 200; a larger one is cut. Default: no limit. */
  readonly maxResultTokens?: number;
  /** The server requests that are forwarded to the client; default elicitation and roots. */
  readonly forward: readonly ForwardedRequest[];
  /** The MCP revisions that the server may speak; default `auto`. */
  readonly protocol?: ProtocolChoice;
  /** Names of further variables of the gateway to pass to the process. */
  readonly inheritEnv: readonly string[];
  /** Whether the program that `npx` or `uvx` would run is started without it, where that is possible; default: yes. */
  readonly directStart?: boolean;
  /** The program whose sandbox confines the server's process; default: none. */
  readonly sandbox?: "bwrap";
  /** Absolute paths of files and folders that the sandbox hides; default: none. */
  readonly privatePaths?: readonly string[];
  /** Whether that sandbox has the network; default: no. */
  readonly sandboxNetwork?: boolean;
  /** OAuth settings of a remote server. */
  readonly oauth?: OAuthOptions;
}

/** OAuth settings of one remote server. */
export interface OAuthOptions {
  /** Id of a client registered by hand; default: the gateway registers one. */
  readonly clientId?: string;
  /** Secret of that client. */
  readonly clientSecret?: string;
  /** The only authorization server to use; default: the first one that the server names. */
  readonly issuer?: string;
  /** Scopes to request. */
  readonly scopes?: readonly string[];
  /** Port of the loopback redirect, 1 to 65535; default: any free one. */
  readonly redirectPort?: number;
  /** The OAuth grant that obtains tokens; default `authorization_code`. */
  readonly grant: "authorization_code" | "client_credentials";
}
