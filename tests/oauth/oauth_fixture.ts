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

/** Options of an `OAuthFixture`. */
export interface OAuthFixtureOptions {
  readonly oauth?: Partial<OAuthOptions>;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * `person`: a browser opens each link, and a person logs in. `unattended`: a browser opens each
   * link, but nobody logs in. `none`: no browser can open a link. Default: `person`.
   */
  readonly browser?: "person" | "unattended" | "none";
  readonly isInteractive?: boolean;
  readonly waitMs?: number;
  readonly loginMs?: number;
}

/**
 * A protected server, its authorization server, and the OAuth clients of gateways that use them.
 */
export class OAuthFixture implements AsyncDisposable {
  readonly authorizationServer = new AuthorizationServer();
  readonly server = new ProtectedServer(this.authorizationServer);
  readonly folder: string = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "oauth_" }));
  /** The folder of the token store. */
  readonly storeFolder: string = join(this.folder, "config", "oauth");
  /** Lines of the log, at level debug. */
  readonly logLines: string[] = [];
  /** The default client of the waiting call; it does not support links. */
  readonly client = new FakeClient("client-1");
  readonly #options: OAuthFixtureOptions;
  /** Links that the browser has opened, the newest last. */
  readonly openedLinks: string[] = [];
  /** The last page of each login in the browser, the newest last. */
  readonly shownPages: string[] = [];
  /** One promise for each opened link; it resolves when the browser has loaded the last page. */
  readonly pendingPageLoads: Promise<void>[] = [];
  readonly #createdAuths: ServerAuth[] = [];
  readonly #pending = new PendingOperations();
  #pendingOperation: PendingOperation | undefined;

  constructor(options: OAuthFixtureOptions = {}) {
    this.#options = options;
    this.waitingClient = this.client;
  }

  /** Sets the client of the only waiting call; `undefined` if no call waits. */
  set waitingClient(client: FakeClient | undefined) {
    if (this.#pendingOperation !== undefined) this.#pending.remove(this.#pendingOperation);
    this.#pendingOperation = client && { channel: client.channel, clock: undefined };
    if (this.#pendingOperation !== undefined) this.#pending.add(this.#pendingOperation);
  }

  /** Creates the server's entry. */
  createConfig(): ServerConfig {
    const { oauth, headers = {} } = this.#options;
    return {
      name: "notes",
      publicInfo: { transport: "http", url: this.server.url },
      connection: { kind: "http", url: this.server.url, headers },
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

  /** Creates the authorization that one more gateway uses for the server. */
  createAuth(pending: PendingOperations = this.#pending): ServerAuth {
    const { isInteractive = true, waitMs, loginMs } = this.#options;
    const log = createLog({ level: "debug", write: (line) => this.logLines.push(line) });
    const auth = createServerAuth(this.createConfig(), {
      pending,
      isInteractive,
      log,
      folder: this.storeFolder,
      openBrowser: (url) => this.#openLink(url),
      ...(waitMs === undefined ? {} : { waitMs }),
      ...(loginMs === undefined ? {} : { loginMs }),
    });
    if (auth === undefined) throw new Error("No authorization");
    this.#createdAuths.push(auth);
    return auth;
  }

  /** Lists the names of the files in the token store. */
  listStoredFiles(): string[] {
    return [...Deno.readDirSync(this.storeFolder)].map(({ name }) => name).sort();
  }

  /** Reads the only stored login. */
  readStoredLogin(): StoredLoginJson {
    const [name, secondName] = this.listStoredFiles().filter((file) => file.endsWith(".json"));
    if (name === undefined || secondName !== undefined) {
      throw new Error(`Files: ${this.listStoredFiles()}`);
    }
    return JSON.parse(Deno.readTextFileSync(join(this.storeFolder, name)));
  }

  /** Changes the stored login. */
  updateStoredLogin(change: (login: StoredLoginJson) => unknown): void {
    const name = this.listStoredFiles().find((file) => file.endsWith(".json")) ?? "";
    const text = JSON.stringify(change(this.readStoredLogin()));
    Deno.writeTextFileSync(join(this.storeFolder, name), text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const auth of this.#createdAuths) await auth.close();
    await this.server[Symbol.asyncDispose]();
    await this.authorizationServer[Symbol.asyncDispose]();
    await Promise.all(this.pendingPageLoads);
    Deno.removeSync(this.folder, { recursive: true });
  }

  #openLink(url: string): Promise<boolean> {
    const { browser = "person" } = this.#options;
    if (browser !== "none") this.openedLinks.push(url);
    if (browser === "person") {
      this.pendingPageLoads.push(followLink(url).then((page) => void this.shownPages.push(page)));
    }
    return Promise.resolve(browser !== "none");
  }
}

/** Follows a link and its redirects as a browser does, and returns the last page. */
export async function followLink(link: string | undefined): Promise<string> {
  return await (await fetch(link ?? "")).text();
}

/** Members of a stored login that tests read. */
export interface StoredLoginJson {
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
export async function sendRequest(
  authorization: Authorization,
  url: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  const post = async () => {
    const headers = await authorization.getHeaders(signal);
    const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
    const response = await fetch(url, { method: "POST", headers, body, signal });
    await response.body?.cancel();
    return { response, sentAuthorization: headers.authorization };
  };
  const { response, sentAuthorization } = await post();
  const isRefused = response.status === 401 ||
    /insufficient_scope/.test(response.headers.get("www-authenticate") ?? "");
  if (!isRefused) return response.status;
  await authorization.recover(response, { sentAuthorization, signal });
  return (await post()).response.status;
}

/** Returns the error of a request that must fail. */
export async function catchDownstreamError(request: Promise<unknown>): Promise<DownstreamError> {
  try {
    await request;
  } catch (error) {
    if (error instanceof DownstreamError) return error;
    throw error;
  }
  throw new Error("The request did not fail");
}

/** Responds with a web page, as to an unknown path of many sites. */
export function respondWithPage(): Response {
  return new Response("<!doctype html><title>App</title>", {
    headers: { "content-type": "text/html" },
  });
}
