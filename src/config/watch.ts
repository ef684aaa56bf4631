import { identityOf } from "../file_identity.ts";
import { folderOf, nameOf, resolvePath } from "./file_path.ts";
import { MAX_LOCK_FILE_BYTES } from "./lock_file.ts";
import { readText } from "./read_text.ts";

/** Delay of `onChange` after the last file system event, because editors write in several steps. */
const DEBOUNCE_MS = 300;

/**
 * Maximum delay after the first event, however many follow: a change, including the reload, must take
 * effect within a second.
 */
const MAX_WAIT_MS = 700;

/** Interval of checks while a folder cannot be watched. */
const POLL_MS = 500;

/** Interval of checks while all folders are watched, because some file systems do not report changes. */
const SAFETY_POLL_MS = 5000;

/** The identity of a folder that does not exist. */
const MISSING = "missing";

/** Callbacks of a `FileWatch`. */
export interface WatchOptions {
  /** Called with the files whose content has changed. Not called again before it resolves. */
  readonly onChange: (paths: readonly string[]) => Promise<void>;
  /** Called once per folder if the folder cannot be watched, so that its files are polled. */
  readonly onPolling?: (folder: string, reason: string) => void;
}

/**
 * Watches the content of files. It watches their folders, because editors replace files, which ends
 * a watch on a file. If a folder cannot be watched, its files are polled.
 */
export class FileWatch {
  readonly #paths: readonly string[];
  readonly #contents = new Map<string, string>();
  // Keyed by folder and identity: a folder that was deleted and created again is another folder.
  readonly #watchers = new Map<string, { watcher: Deno.FsWatcher; folder: string }>();
  readonly #polledFolders = new Set<string>();
  #options: WatchOptions | undefined;
  #debounceTimer: ReturnType<typeof setTimeout> | undefined;
  #pollTimer: ReturnType<typeof setTimeout> | undefined;
  #firstEventAt: number | undefined;
  #lastEventAt = NaN;
  #lastCheck: Promise<void> = Promise.resolve();

  /**
   * Records the current content of the files; later differences are changes.
   *
   * @param paths The files, absolute; they need not exist.
   */
  constructor(paths: readonly string[]) {
    this.#paths = paths;
    for (const path of paths) this.#contents.set(path, readContent(path));
  }

  /** Starts watching, and reports changes since the watch was constructed. */
  start(options: WatchOptions): void {
    this.#options = options;
    this.#schedulePoll();
    void this.check();
  }

  /** Checks the files now; resolves when `onChange` has handled the changes. */
  async check(): Promise<void> {
    this.#lastCheck = this.#lastCheck.then(() => this.#check());
    await this.#lastCheck;
  }

  /**
   * Returns the files whose content differs from the recorded one, and records their current content,
   * so that it is not reported as a change later.
   */
  takeChangedPaths(): string[] {
    return this.#paths.filter((path) => {
      const content = readContent(path);
      if (content === this.#contents.get(path)) return false;
      this.#contents.set(path, content);
      return true;
    });
  }

  /**
   * Stops the callbacks but leaves the watches open until the process ends. Deno opens every file
   * that appears in a watched folder: a named pipe blocks its thread, and closing the watch would
   * then block forever.
   */
  stopCallbacks(): void {
    this.#options = undefined;
    clearTimeout(this.#debounceTimer);
    clearTimeout(this.#pollTimer);
  }

  /** Stops the callbacks, and closes the watches. */
  stop(): void {
    this.stopCallbacks();
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  async #check(): Promise<void> {
    if (this.#options === undefined) return;
    this.#watchFolders();
    const changedPaths = this.takeChangedPaths();
    if (changedPaths.length > 0) await this.#options.onChange(changedPaths);
  }

  /** Debounces events, up to `MAX_WAIT_MS`. */
  #onEvent(): void {
    // An event may arrive after the watch was stopped.
    if (this.#options === undefined) return;
    this.#lastEventAt = performance.now();
    this.#firstEventAt ??= this.#lastEventAt;
    // Many events share one timer: every write to a log in the same folder causes an event.
    this.#debounceTimer ??= setTimeout(() => this.#checkWhenQuiet(), DEBOUNCE_MS);
  }

  #checkWhenQuiet(): void {
    this.#debounceTimer = undefined;
    if (this.#options === undefined || this.#firstEventAt === undefined) return;
    const dueAt = Math.min(this.#lastEventAt + DEBOUNCE_MS, this.#firstEventAt + MAX_WAIT_MS);
    const waitMs = dueAt - performance.now();
    if (waitMs > 0) {
      this.#debounceTimer = setTimeout(() => this.#checkWhenQuiet(), waitMs);
      return;
    }
    this.#firstEventAt = undefined;
    void this.check();
  }

  #watchFolders(): void {
    const watchedPaths = this.#paths.map(resolveWatchedPaths);
    const folders = new Set(watchedPaths.flatMap(({ folders }) => [...folders]));
    const foldersByKey = new Map(
      [...folders].map((folder) => [`${folder} ${readFolderIdentity(folder)}`, folder]),
    );
    for (const [key, { watcher, folder }] of this.#watchers) {
      if (foldersByKey.has(key)) continue;
      this.#watchers.delete(key);
      watcher.close();
      // Deno closes a new watch of the same path together with the old one, so poll meanwhile.
      foldersByKey.delete(`${folder} ${readFolderIdentity(folder)}`);
      if (folders.has(folder)) this.#startPolling(folder, "the folder was replaced");
    }
    for (const [key, folder] of foldersByKey) {
      if (!this.#watchers.has(key)) void this.#watchFolder(folder, key);
    }
    for (const link of watchedPaths.flatMap(({ links }) => [...links])) {
      this.#startPolling(link, "a link to a folder may be replaced without an event");
    }
  }

  async #watchFolder(folder: string, key: string): Promise<void> {
    // Deno watches a missing folder without an error, and reports nothing when it is created.
    if (key.endsWith(MISSING)) return this.#startPolling(folder, "the folder does not exist");
    try {
      const watcher = Deno.watchFs(folder, { recursive: false });
      this.#watchers.set(key, { watcher, folder });
      this.#polledFolders.delete(folder);
      for await (const { kind } of watcher) if (kind !== "access") this.#onEvent();
    } catch (error) {
      this.#watchers.delete(key);
      this.#startPolling(folder, error instanceof Error ? error.message : String(error));
    }
  }

  #startPolling(folder: string, reason: string): void {
    if (this.#options === undefined || this.#polledFolders.has(folder)) return;
    this.#polledFolders.add(folder);
    this.#options.onPolling?.(folder, reason);
    this.#schedulePoll();
  }

  #schedulePoll(): void {
    clearTimeout(this.#pollTimer);
    if (this.#options === undefined) return;
    this.#pollTimer = setTimeout(async () => {
      await this.check();
      for (const { folder } of this.#watchers.values()) {
        if (hasPipe(folder)) this.#startPolling(folder, "a named pipe in it blocks the watch");
      }
      this.#schedulePoll();
    }, this.#polledFolders.size > 0 ? POLL_MS : SAFETY_POLL_MS);
  }
}

/** Returns `=` and the content of a file, or why it cannot be read; no reason begins with `=`. */
function readContent(path: string): string {
  // The lock file may be the largest of the watched files.
  const content = readText(path, MAX_LOCK_FILE_BYTES);
  if ("text" in content) return `=${content.text}`;
  // A link that leads nowhere is not the same as no file.
  return readLink(path) === undefined ? content.failure : `link: ${content.failure}`;
}

/**
 * Returns the folders to watch: the file's own folder, and the folders of the links that its path leads
 * to, because a change there may make the path lead to another file. Also returns the links to folders on
 * the way, because Deno does not reliably report that they were replaced.
 */
function resolveWatchedPaths(
  path: string,
): { folders: ReadonlySet<string>; links: ReadonlySet<string> } {
  const folders = new Set([folderOf(path)]);
  const links = new Set<string>();
  const followedLinks = new Set<string>();
  const follow = (current: string, isFolder: boolean): string => {
    const parent = folderOf(current);
    if (parent === current) return current;
    const folder = follow(parent, true);
    const currentPath = resolvePath(folder, nameOf(current));
    const target = readLink(currentPath);
    if (target === undefined || followedLinks.has(currentPath)) return currentPath;
    followedLinks.add(currentPath);
    if (!isFolder) folders.add(folder);
    // Links in the root, such as /tmp on macOS, belong to the system and do not change.
    else if (folderOf(folder) !== folder) links.add(currentPath);
    return follow(resolvePath(folder, target), isFolder);
  };
  folders.add(folderOf(follow(path, false)));
  return { folders, links };
}

function readLink(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined;
  }
}

function readFolderIdentity(folder: string): string {
  try {
    return identityOf(Deno.statSync(folder));
  } catch {
    return MISSING;
  }
}

/** Whether a folder contains a named pipe or a similar file. Opening one blocks the thread of Deno's watches. */
function hasPipe(folder: string): boolean {
  try {
    return [...Deno.readDirSync(folder)].some(({ isFile, isDirectory, isSymlink }) => {
      return !isFile && !isDirectory && !isSymlink;
    });
  } catch {
    // A folder that cannot be listed is handled by the next check.
    return false;
  }
}
