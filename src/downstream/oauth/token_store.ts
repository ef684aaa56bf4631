import { removeIfThere, replaceFile } from "../../atomic_file.ts";
import { lockFile, LockTimeout } from "../../file_lock.ts";
import type { Log } from "../../log.ts";
import { sha256 } from "../../sha256.ts";
import { createPrivateFolder } from "./private_folder.ts";
import { parseStoredLogin, type StoredLogin } from "./stored_login.ts";

export { getOAuthFolder } from "../../config/mod.ts";

/** Maximum wait for the lock, in milliseconds; longer than a request for tokens takes. */
const LOCK_TIMEOUT_MS = 25_000;

const LOGIN_FILE = /\.json(?:\.damaged-\d+)?$/;

/** Issuers that could not be written, by the path of their file. */
const unsavedIssuers = new Map<string, string>();

/** The stored logins at a server. */
export interface StoredLogins {
  /** One for each issuer, the newest first. */
  readonly logins: readonly StoredLogin[];
  /** Whether a damaged file was found since the last logout. */
  readonly isDamaged: boolean;
}

/** A login, and the time when its file was written. */
interface LoginFile {
  readonly login: StoredLogin;
  /** In milliseconds since 1970. */
  readonly modifiedAtMs: number;
}

/**
 * Stores logins, one file for each server and issuer, and the issuers that configured clients are
 * bound to. Logins and issuers that cannot be written are kept in memory until this process ends.
 */
export class TokenStore {
  readonly #folder: string | undefined;
  readonly #log: Log;
  // Logins that could not be written, by server.
  readonly #unsavedLogins = new Map<string, StoredLogin>();
  readonly #loggedWarnings = new Set<string>();

  /**
   * Opens the store; nothing is read or written yet.
   *
   * @param folder If `undefined`, logins are kept in memory.
   */
  constructor(folder: string | undefined, log: Log) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Reads the logins at a server. Damaged files are set aside. Never throws. */
  async read(url: string): Promise<StoredLogins> {
    const unsavedLogin = this.#unsavedLogins.get(url);
    if (unsavedLogin !== undefined) return { logins: [unsavedLogin], isDamaged: false };
    const files: LoginFile[] = [];
    let isDamaged = false;
    for (const path of await this.#listFiles(url)) {
      // A file that was set aside shows that there was a login.
      const file = path.endsWith(".json") ? await this.#readFile(path) : "damaged";
      if (file === "damaged") isDamaged = true;
      else if (file?.login.url === url) files.push(file);
    }
    files.sort((one, two) => two.modifiedAtMs - one.modifiedAtMs);
    return { logins: files.map(({ login }) => login), isDamaged };
  }

  /** Stores a login, in place of the previous login at the same server and issuer. Never throws. */
  async write(login: StoredLogin): Promise<void> {
    try {
      const folder = this.#requireFolder();
      await createPrivateFolder(folder);
      const name = `${await createFilePrefix(login.url)}-${await hash(login.issuer)}.json`;
      const bytes = new TextEncoder().encode(`${JSON.stringify(login, null, 2)}\n`);
      await replaceFile(`${folder}/${name}`, { bytes, mode: 0o600 });
      this.#unsavedLogins.delete(login.url);
    } catch (error) {
      this.#unsavedLogins.set(login.url, login);
      this.#warnOnce("Logins cannot be saved and end with this process", error);
    }
  }

  /**
   * Reads the issuer that a configured client is bound to. A login that was stored before clients
   * were bound also binds its client. Never throws.
   */
  async readIssuer(url: string, clientId: string | undefined): Promise<string | undefined> {
    const path = await this.#getIssuerPath(url, clientId);
    const unsavedIssuer = unsavedIssuers.get(path);
    if (unsavedIssuer !== undefined) return unsavedIssuer;
    try {
      if (this.#folder !== undefined) return (await Deno.readTextFile(path)).trim();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) {
        this.#warnOnce("An issuer cannot be read", error);
      }
    }
    const { logins } = await this.read(url);
    return logins.find(({ client }) =>
      client.kind === "configured" && client.client_id === clientId
    )
      ?.issuer;
  }

  /**
   * Binds a configured client to an issuer, unless it is bound already.
   *
   * @returns The issuer that the client is bound to.
   */
  async bindIssuer(
    issuer: string,
    { url, clientId }: { readonly url: string; readonly clientId: string | undefined },
  ): Promise<string> {
    using _lock = await this.#lock(url, new AbortController().signal);
    const boundIssuer = await this.readIssuer(url, clientId);
    if (boundIssuer !== undefined) return boundIssuer;
    const path = await this.#getIssuerPath(url, clientId);
    try {
      await createPrivateFolder(this.#requireFolder());
      await replaceFile(path, { bytes: new TextEncoder().encode(`${issuer}\n`), mode: 0o600 });
    } catch (error) {
      unsavedIssuers.set(path, issuer);
      this.#warnOnce("Issuers cannot be saved and are forgotten when this process ends", error);
    }
    return issuer;
  }

  /**
   * Removes all logins at a server, and the issuers that its clients are bound to.
   *
   * @throws Any error of the system if a file cannot be removed.
   */
  async remove(url: string): Promise<void> {
    this.#unsavedLogins.delete(url);
    for (const path of await this.#listFiles(url)) await removeIfThere(path);
    for (const path of await this.#listFiles(url, /\.issuer$/)) await removeIfThere(path);
    const prefix = `${this.#folder}/${await createFilePrefix(url)}-`;
    for (const path of unsavedIssuers.keys()) {
      if (path.startsWith(prefix)) unsavedIssuers.delete(path);
    }
  }

  /**
   * Runs a function while this process holds the lock of a server.
   *
   * @param options `signal` cancels the wait; its reason is thrown.
   * @throws {LockTimeout} if another process holds the lock for too long.
   */
  async withLock<T>(
    url: string,
    { signal, run }: { readonly signal: AbortSignal; readonly run: () => Promise<T> },
  ): Promise<T> {
    using _lock = await this.#lock(url, signal);
    return await run();
  }

  async #lock(url: string, signal: AbortSignal): Promise<Disposable | undefined> {
    try {
      const folder = this.#requireFolder();
      await createPrivateFolder(folder);
      const path = `${folder}/${await createFilePrefix(url)}.lock`;
      return await lockFile(path, { signal, withinMs: LOCK_TIMEOUT_MS, isLockFile: true });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof LockTimeout) throw error;
      // Without a lock, the function runs although another process may be changing the same login.
      this.#warnOnce("Logins cannot be shared with other gateways", error);
      return undefined;
    }
  }

  #requireFolder(): string {
    if (this.#folder === undefined) throw new Error("there is no configuration folder");
    return this.#folder;
  }

  /** Returns the path of the file with the issuer that a client is bound to. */
  async #getIssuerPath(url: string, clientId = ""): Promise<string> {
    return `${this.#folder}/${await createFilePrefix(url)}-${await hash(clientId)}.issuer`;
  }

  /**
   * Lists the paths of a server's files that match a pattern; by default those of logins, including
   * those that were set aside.
   */
  async #listFiles(url: string, pattern: RegExp = LOGIN_FILE): Promise<string[]> {
    const paths: string[] = [];
    if (this.#folder === undefined) return paths;
    const prefix = await createFilePrefix(url);
    try {
      for await (const { name } of Deno.readDir(this.#folder)) {
        const belongsToServer = name.startsWith(`${prefix}-`) && pattern.test(name);
        if (belongsToServer) paths.push(`${this.#folder}/${name}`);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) this.#warnOnce("Logins cannot be read", error);
    }
    return paths;
  }

  async #readFile(path: string): Promise<LoginFile | "damaged" | undefined> {
    try {
      const login = parseStoredLogin(await Deno.readTextFile(path));
      if (login === undefined) return await this.#setAside(path);
      const { mtime } = await Deno.stat(path);
      return { login, modifiedAtMs: mtime?.getTime() ?? 0 };
    } catch (error) {
      // Another process may just have removed the file.
      if (!(error instanceof Deno.errors.NotFound)) this.#warnOnce("A login cannot be read", error);
      return undefined;
    }
  }

  async #setAside(path: string): Promise<"damaged"> {
    const target = `${path}.damaged-${Date.now()}`;
    this.#log.warn("A damaged login was set aside", { file: target });
    await Deno.rename(path, target);
    return "damaged";
  }

  #warnOnce(message: string, error: unknown): void {
    if (this.#loggedWarnings.has(message)) return;
    this.#loggedWarnings.add(message);
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.warn(message, { folder: this.#folder ?? "", reason });
  }
}

/**
 * Creates the prefix of a server's file names: its host, which people can read, and a hash of its
 * address.
 */
async function createFilePrefix(url: string): Promise<string> {
  const host = new URL(url).hostname.toLowerCase().replace(/[^a-z0-9.-]/g, "_").slice(0, 60);
  return `${host}-${await hash(url)}`;
}

async function hash(text: string): Promise<string> {
  return (await sha256(text)).slice(0, 16);
}
