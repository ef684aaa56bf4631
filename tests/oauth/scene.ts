import { join } from "node:path";
import type { OAuthOptions, ServerConfig } from "../../src/config/mod.ts";
import {
  type Authorization,
  createServerAuth,
  type PendingOperation,
  PendingOperations,
  type ServerAuth,
} from "../../src/downstream/mod.ts";
import { DownstreamError } from "../../src/errors.ts";
import { createLog } from "../../src/log.ts";
import { FakeClient } from "../contract/fake_client.ts";
import { AuthorizationServer } from "../fixtures/oauth/authorization_server.ts";
import { ProtectedServer } from "../fixtures/oauth/protected_server.ts";

/** Deviations of a scene from the default. */
export interface SceneOptions {
  readonly oauth?: Partial<OAuthOptions>;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Whether there is a browser, and a person who uses it; `blind` opens links that no one looks at.
   * Default: `person`.
   */
  readonly browser?: "person" | "blind" | "none";
  readonly isInteractive?: boolean;
  readonly waitMs?: number;
  readonly loginMs?: number;
}

/** A protected server, its authorization server, and gateways that log in to it. */
export class OAuthScene implements AsyncDisposable {
  readonly service = new AuthorizationServer();
  readonly server = new ProtectedServer(this.service);
  readonly folder: string = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "oauth_" }));
  /** Folder of the token store. */
  readonly store: string = join(this.folder, "config", "oauth");
  /** Lines of the log, at level debug. */
  readonly log: string[] = [];
  /** The calling client, which cannot show links. */
  readonly client = new FakeClient("client-1");
  readonly #options: SceneOptions;
  /** Links that the browser opened. */
  readonly opened: string[] = [];
  /** Pages that the browser showed at the end of each login. */
  readonly shown: string[] = [];
  /** Pending work of the browser. */
  readonly browsing: Promise<void>[] = [];
  readonly #made: ServerAuth[] = [];
  readonly #pending = new PendingOperations();
  #waiting: PendingOperation | undefined;

  constructor(options: SceneOptions = {}) {
    this.#options = options;
    this.waiting = this.client;
  }

  /** The client of the one call that waits, if there is one. */
  set waiting(client: FakeClient | undefined) {
    if (this.#waiting !== undefined) this.#pending.remove(this.#waiting);
    this.#waiting = client && { channel: client.channel, clock: undefined };
    if (this.#waiting !== undefined) this.#pending.add(this.#waiting);
  }

  /** The server's entry. */
  config(): ServerConfig {
    const { oauth, headers = {} } = this.#options;
    return {
      name: "notes",
      shown: { transport: "http", url: this.server.url },
      connect: { kind: "http", url: this.server.url, headers },
      options: {
        isolation: "agent",
        idleTimeoutMs: 300_000,
        connectTimeoutMs: 30_000,
        callTimeoutMs: 60_000,
        maxCallMs: 600_000,
        maxConcurrency: 64,
        forward: ["elicitation", "roots"],
        inheritEnv: [],
        ...(oauth === undefined ? {} : { oauth: { grant: "authorization_code", ...oauth } }),
      },
      secrets: [],
      fingerprint: "",
    };
  }

  /** The authorization of the server in another gateway. */
  gateway(pending: PendingOperations = this.#pending): ServerAuth {
    const { isInteractive = true, waitMs, loginMs } = this.#options;
    const log = createLog({ level: "debug", write: (line) => this.log.push(line) });
    const made = createServerAuth(this.config(), {
      pending,
      isInteractive,
      log,
      folder: this.store,
      openBrowser: (url) => this.#open(url),
      ...(waitMs === undefined ? {} : { waitMs }),
      ...(loginMs === undefined ? {} : { loginMs }),
    });
    if (made === undefined) throw new Error("No authorization");
    this.#made.push(made);
    return made;
  }

  /** Names of the files in the store. */
  files(): string[] {
    return [...Deno.readDirSync(this.store)].map(({ name }) => name).sort();
  }

  /** The stored login. */
  kept(): Kept {
    const [name, more] = this.files().filter((file) => file.endsWith(".json"));
    if (name === undefined || more !== undefined) throw new Error(`Files: ${this.files()}`);
    return JSON.parse(Deno.readTextFileSync(join(this.store, name)));
  }

  /** Changes the stored login. */
  keep(change: (kept: Kept) => unknown): void {
    const name = this.files().find((file) => file.endsWith(".json")) ?? "";
    const changed = JSON.stringify(change(this.kept()));
    Deno.writeTextFileSync(join(this.store, name), changed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const made of this.#made) await made.close();
    await this.server[Symbol.asyncDispose]();
    await this.service[Symbol.asyncDispose]();
    await Promise.all(this.browsing);
    Deno.removeSync(this.folder, { recursive: true });
  }

  #open(url: string): Promise<boolean> {
    const { browser = "person" } = this.#options;
    if (browser !== "none") this.opened.push(url);
    if (browser === "person") {
      this.browsing.push(follow(url).then((page) => void this.shown.push(page)));
    }
    return Promise.resolve(browser !== "none");
  }
}

/** Follows a link as a person does, and returns the last page. */
export async function follow(link: string | undefined): Promise<string> {
  return await (await fetch(link ?? "")).text();
}

/** Members of a stored login that tests read. */
export interface Kept {
  readonly issuer: string;
  readonly client: Readonly<Record<string, unknown>>;
  readonly tokens: {
    readonly access_token: string;
    readonly refresh_token?: string;
    readonly scope?: string;
    readonly obtained_at: number;
    readonly expires_at?: number;
  };
}

/** Sends a request as a remote transport does: with authorization, and again after a refusal. */
export async function send(
  authorization: Authorization,
  url: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  const post = async () => {
    const headers = await authorization.headers(signal);
    const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
    const response = await fetch(url, { method: "POST", headers, body, signal });
    await response.body?.cancel();
    return { response, sent: headers.authorization };
  };
  const { response, sent } = await post();
  const isRefused = response.status === 401 ||
    /insufficient_scope/.test(response.headers.get("www-authenticate") ?? "");
  if (!isRefused) return response.status;
  await authorization.recover(response, { sentAuthorization: sent, signal });
  return (await post()).response.status;
}

/** The error of a request that must fail. */
export async function failure(request: Promise<unknown>): Promise<DownstreamError> {
  try {
    await request;
  } catch (error) {
    if (error instanceof DownstreamError) return error;
    throw error;
  }
  throw new Error("It did not fail");
}
