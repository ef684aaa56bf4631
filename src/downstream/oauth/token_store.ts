import { homeFolder } from "../../config/mod.ts";
import type { Log } from "../../log.ts";
import { lockFile, LockTimeout } from "./file_lock.ts";
import { makePrivateFolder, removeIfThere, writePrivately } from "./private_file.ts";
import { parseLogin, type StoredLogin } from "./stored_login.ts";

/** How long another process may hold the lock; longer than a request for tokens takes. */
const LOCK_MS = 25_000;

/** What is known of the logins at a server. */
export interface Found {
  /** One for each issuer, the newest first. */
  readonly logins: readonly StoredLogin[];
  /** Whether a file was found damaged since the last logout. */
  readonly isDamaged: boolean;
}

/** A file that was read. */
interface Place {
  readonly login: StoredLogin;
  readonly modified: number;
}

/**
 * Where the tokens are kept: `agent-mcp-gateway/oauth` in the user's configuration folder.
 *
 * @param env Where the folders are named.
 * @param os Whose customs hold; default: where this runs.
 * @returns `undefined` where the user has no such folder.
 */
export function oauthFolder(
  env: { get(name: string): string | undefined; toObject(): Record<string, string> },
  os: typeof Deno.build.os = Deno.build.os,
): string | undefined {
  const windows = os === "windows";
  const home = homeFolder(env, { windows });
  const named = env.get(windows ? "APPDATA" : "XDG_CONFIG_HOME");
  const base = named || (home && (windows ? `${home}/AppData/Roaming` : `${home}/.config`));
  return base ? `${base}/agent-mcp-gateway/oauth` : undefined;
}

/**
 * Keeps logins, one file for each server and issuer. Where they cannot be written they are kept in
 * memory, for as long as this process lives.
 */
export class TokenStore {
  readonly #folder: string | undefined;
  readonly #log: Log;
  // By server; what is here could not be written.
  readonly #unwritten = new Map<string, StoredLogin>();
  readonly #warned = new Set<string>();

  /**
   * Opens the store; nothing is read or written yet.
   *
   * @param folder Where the files are; `undefined` keeps everything in memory.
   * @param log Takes what the user should know.
   */
  constructor(folder: string | undefined, log: Log) {
    this.#folder = folder;
    this.#log = log;
  }

  /**
   * Reads the logins at a server. A damaged file is set aside. Never throws.
   *
   * @param url The server's address.
   */
  async read(url: string): Promise<Found> {
    const unwritten = this.#unwritten.get(url);
    if (unwritten !== undefined) return { logins: [unwritten], isDamaged: false };
    const places: Place[] = [];
    let isDamaged = false;
    for (const path of await this.#list(url)) {
      // Whoever set it aside, it says that a login was there.
      const place = path.endsWith(".json") ? await this.#readFile(path) : "damaged";
      if (place === "damaged") isDamaged = true;
      else if (place?.login.url === url) places.push(place);
    }
    places.sort((one, two) => two.modified - one.modified);
    return { logins: places.map(({ login }) => login), isDamaged };
  }

  /**
   * Keeps a login in the place of the one before at the same server and issuer. Never throws.
   *
   * @param login What to keep.
   */
  async write(login: StoredLogin): Promise<void> {
    try {
      const folder = this.#needFolder();
      await makePrivateFolder(folder);
      const name = `${await prefixOf(login.url)}-${await hash(login.issuer)}.json`;
      await writePrivately(`${folder}/${name}`, `${JSON.stringify(login, null, 2)}\n`);
      this.#unwritten.delete(login.url);
    } catch (error) {
      this.#unwritten.set(login.url, login);
      this.#warn("Logins cannot be saved and end with this process", error);
    }
  }

  /**
   * Forgets all logins at a server.
   *
   * @param url The server's address.
   * @throws What the system says where a file cannot be removed.
   */
  async remove(url: string): Promise<void> {
    this.#unwritten.delete(url);
    for (const path of await this.#list(url)) await removeIfThere(path);
  }

  /**
   * Runs something while no other process does the same for this server.
   *
   * @param url The server's address.
   * @param signal Gives up waiting; its reason is thrown.
   * @param run What to run.
   * @throws {LockTimeout} where another process does not come to an end.
   */
  async locked<T>(url: string, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    using _lock = await this.#lock(url, signal);
    return await run();
  }

  async #lock(url: string, signal: AbortSignal): Promise<Disposable | undefined> {
    try {
      const folder = this.#needFolder();
      await makePrivateFolder(folder);
      const path = `${folder}/${await prefixOf(url)}.lock`;
      return await lockFile(path, { signal, withinMs: LOCK_MS });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof LockTimeout) throw error;
      // Nothing can be written there, or nothing can be locked: then every process is on its own.
      this.#warn("Logins cannot be shared with other gateways", error);
      return undefined;
    }
  }

  #needFolder(): string {
    if (this.#folder === undefined) throw new Error("there is no configuration folder");
    return this.#folder;
  }

  /** The files of a server, and those of them that were set aside. */
  async #list(url: string): Promise<string[]> {
    const paths: string[] = [];
    if (this.#folder === undefined) return paths;
    const prefix = await prefixOf(url);
    try {
      for await (const { name } of Deno.readDir(this.#folder)) {
        const isIts = name.startsWith(`${prefix}-`) && /\.json(?:\.damaged-\d+)?$/.test(name);
        if (isIts) paths.push(`${this.#folder}/${name}`);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) this.#warn("Logins cannot be read", error);
    }
    return paths;
  }

  async #readFile(path: string): Promise<Place | "damaged" | undefined> {
    try {
      const login = parseLogin(await Deno.readTextFile(path));
      if (login === undefined) return await this.#setAside(path);
      const { mtime } = await Deno.stat(path);
      return { login, modified: mtime?.getTime() ?? 0 };
    } catch (error) {
      // Another process has just removed it.
      if (!(error instanceof Deno.errors.NotFound)) this.#warn("A login cannot be read", error);
      return undefined;
    }
  }

  async #setAside(path: string): Promise<"damaged"> {
    const place = `${path}.damaged-${Date.now()}`;
    this.#log.warn("A damaged login was set aside", { file: place });
    await Deno.rename(path, place);
    return "damaged";
  }

  #warn(message: string, error: unknown): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.warn(message, { folder: this.#folder ?? "", reason });
  }
}

/** Begins the names of a server's files: its host, for people, and what tells its address apart. */
async function prefixOf(url: string): Promise<string> {
  const host = new URL(url).hostname.toLowerCase().replace(/[^a-z0-9.-]/g, "_").slice(0, 60);
  return `${host}-${await hash(url)}`;
}

async function hash(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex().slice(0, 16);
}
