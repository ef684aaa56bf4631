import { identityOf } from "../file_identity.ts";
import { folderOf, nameOf, resolvePath } from "./file_path.ts";
import { readText } from "./read_text.ts";

/** A change is told this long after the last sign of it, because editors write in several steps. */
const DEBOUNCE_MS = 300;

/**
 * However often a file changes, it is looked at this long after the first sign: a change is to be in
 * force within a second, and that takes a moment, too.
 */
const MAX_WAIT_MS = 700;

/** How often files are looked at where their folder cannot be watched. */
const POLL_MS = 500;

/** How often they are looked at anyway: some file systems change without a sign. */
const SAFETY_POLL_MS = 5000;

/** Stands for the identity of a folder that is not there. */
const MISSING = "missing";

/** How files are watched. */
export interface WatchOptions {
  /** Is told of the files whose content has changed. Not called again before it resolves. */
  readonly onChange: (paths: readonly string[]) => Promise<void>;
  /** Is told, once per folder, when watching fails and files are polled instead. */
  readonly onPolling?: (folder: string, reason: string) => void;
}

/**
 * Watches the content of files. It is the folders that are watched, because editors replace files
 * and a watch on a file ends with the first replacement; where that fails, the files are polled.
 */
export class FileWatch {
  readonly #paths: readonly string[];
  readonly #contents = new Map<string, string>();
  // By folder and its identity: one that was deleted and made again is another folder.
  readonly #watchers = new Map<string, { watcher: Deno.FsWatcher; folder: string }>();
  readonly #failed = new Set<string>();
  #options: WatchOptions | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #poll: ReturnType<typeof setTimeout> | undefined;
  #firstSign: number | undefined;
  #lastSign = NaN;
  #looking: Promise<void> = Promise.resolve();

  /**
   * Notes what the files hold now; whatever they hold otherwise later is a change.
   *
   * @param paths The files, absolute; they need not exist.
   */
  constructor(paths: readonly string[]) {
    this.#paths = paths;
    for (const path of paths) this.#contents.set(path, readContent(path));
  }

  /**
   * Begins to watch, and looks whether anything has changed since the beginning.
   *
   * @param options Who is told.
   */
  start(options: WatchOptions): void {
    this.#options = options;
    this.#schedulePoll();
    void this.look();
  }

  /** Looks at the files now, and resolves when what was found has been dealt with. */
  async look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    await this.#looking;
  }

  /**
   * Notes what the files hold now, for who is about to read them: that is no change later.
   *
   * @returns The files that held something else before.
   */
  note(): string[] {
    return this.#paths.filter((path) => {
      const content = readContent(path);
      if (content === this.#contents.get(path)) return false;
      this.#contents.set(path, content);
      return true;
    });
  }

  /**
   * Tells nothing any longer; the watches themselves end with the process. Deno opens whatever a
   * watched folder gets: a pipe holds its thread, and who closes the watch then waits for ever.
   */
  silence(): void {
    this.#options = undefined;
    clearTimeout(this.#timer);
    clearTimeout(this.#poll);
  }

  /** Watches no longer. */
  stop(): void {
    this.silence();
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  async #look(): Promise<void> {
    if (this.#options === undefined) return;
    this.#watchFolders();
    const changed = this.note();
    if (changed.length > 0) await this.#options.onChange(changed);
  }

  /** Waits for quiet, but not for ever. */
  #noteSign(): void {
    // A sign may have been on its way when the watch was stopped.
    if (this.#options === undefined) return;
    this.#lastSign = performance.now();
    this.#firstSign ??= this.#lastSign;
    // One timer for many signs: a log in the same folder makes one with every write.
    this.#timer ??= setTimeout(() => this.#lookWhenQuiet(), DEBOUNCE_MS);
  }

  #lookWhenQuiet(): void {
    this.#timer = undefined;
    if (this.#options === undefined || this.#firstSign === undefined) return;
    const due = Math.min(this.#lastSign + DEBOUNCE_MS, this.#firstSign + MAX_WAIT_MS);
    const wait = due - performance.now();
    if (wait > 0) {
      this.#timer = setTimeout(() => this.#lookWhenQuiet(), wait);
      return;
    }
    this.#firstSign = undefined;
    void this.look();
  }

  #watchFolders(): void {
    const ways = this.#paths.map(wayTo);
    const folders = new Set(ways.flatMap((way) => [...way.folders]));
    const wanted = new Map(
      [...folders].map((folder) => [`${folder} ${folderIdentity(folder)}`, folder]),
    );
    for (const [key, { watcher, folder }] of this.#watchers) {
      if (wanted.has(key)) continue;
      this.#watchers.delete(key);
      watcher.close();
      // Deno ends the new watch of a path together with the old one when they meet: polling bridges.
      wanted.delete(`${folder} ${folderIdentity(folder)}`);
      if (folders.has(folder)) this.#fail(folder, "the folder was replaced");
    }
    for (const [key, folder] of wanted) {
      if (!this.#watchers.has(key)) void this.#watchFolder(folder, key);
    }
    for (const link of ways.flatMap((way) => [...way.links])) {
      this.#fail(link, "a link to a folder may be replaced without a sign");
    }
  }

  async #watchFolder(folder: string, key: string): Promise<void> {
    // Deno watches a folder that is not there without a word, and sees nothing when it comes.
    if (key.endsWith(MISSING)) return this.#fail(folder, "the folder is not there");
    try {
      const watcher = Deno.watchFs(folder, { recursive: false });
      this.#watchers.set(key, { watcher, folder });
      this.#failed.delete(folder);
      for await (const { kind } of watcher) if (kind !== "access") this.#noteSign();
    } catch (error) {
      this.#watchers.delete(key);
      this.#fail(folder, error instanceof Error ? error.message : String(error));
    }
  }

  #fail(folder: string, reason: string): void {
    if (this.#options === undefined || this.#failed.has(folder)) return;
    this.#failed.add(folder);
    this.#options.onPolling?.(folder, reason);
    this.#schedulePoll();
  }

  #schedulePoll(): void {
    clearTimeout(this.#poll);
    if (this.#options === undefined) return;
    this.#poll = setTimeout(async () => {
      await this.look();
      this.#schedulePoll();
    }, this.#failed.size > 0 ? POLL_MS : SAFETY_POLL_MS);
  }
}

/** What a file holds, as it is loaded; where it cannot be used, why. No file holds such a text. */
function readContent(path: string): string {
  const read = readText(path);
  return "text" in read ? `=${read.text}` : read.failure;
}

/**
 * The folders where a path may come to stand for another file: its own, and those of the links that
 * it leads to. And the links to folders on the way: Deno tells of their replacement only those who
 * watch what they lead to next.
 */
function wayTo(path: string): { folders: ReadonlySet<string>; links: ReadonlySet<string> } {
  const folders = new Set([folderOf(path)]);
  const links = new Set<string>();
  const seen = new Set<string>();
  const follow = (place: string, isFolder: boolean): string => {
    const parent = folderOf(place);
    if (parent === place) return place;
    const folder = follow(parent, true);
    const here = resolvePath(folder, nameOf(place));
    const target = readLink(here);
    if (target === undefined || seen.has(here)) return here;
    seen.add(here);
    if (!isFolder) folders.add(folder);
    // Links of the root, such as /tmp of macOS, are the system's, and stay.
    else if (folderOf(folder) !== folder) links.add(here);
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

function folderIdentity(folder: string): string {
  try {
    return identityOf(Deno.statSync(folder));
  } catch {
    return MISSING;
  }
}
