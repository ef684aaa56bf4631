import type { Checked, Configuration, FileWatch, FoundFiles } from "../config/mod.ts";
import { type ConfigProblem, formatProblem } from "../errors.ts";
import type { Log } from "../log.ts";

/** How reading one of the two files went, as the status tool shows it. */
export interface FileStatus {
  /** When it was last read, ISO 8601. */
  readonly last_attempt: string;
  /** When what it holds last came into force, ISO 8601. */
  readonly last_success: string;
  /** Why the last attempt changed nothing; null where it did not fail. */
  readonly last_error: string | null;
  /** How often it was read. */
  readonly attempt_count: number;
  /** How often what it holds came into force. */
  readonly success_count: number;
}

/** How reading both files went. */
export interface ReloadStatus {
  /** The servers file. */
  readonly mcp_config: FileStatus;
  /** The rules file. */
  readonly gateway_rules: FileStatus & {
    /** What is odd in it. */
    readonly last_warnings: readonly string[];
  };
}

/** What a reload needs. */
export interface ReloadOptions {
  /** The two files. */
  readonly files: FoundFiles;
  /** Watches them. */
  readonly watch: FileWatch;
  /** Reads and checks them. */
  readonly check: () => Promise<Checked>;
}

type FileName = "mcp_config" | "gateway_rules";

/**
 * Brings changes of the two files into force while the gateway serves: both are read, and only when
 * both are sound does the new configuration replace the old one. Otherwise nothing changes, and the
 * log and the status say why.
 */
export class Reloader {
  readonly #options: ReloadOptions;
  readonly #log: Log;
  readonly #apply: (configuration: Configuration) => void;
  readonly #status: Record<FileName, FileStatus>;
  #warnings: readonly string[];
  #isStarted = false;
  #running: Promise<void> = Promise.resolve();

  /**
   * Begins with the configuration that the gateway started with.
   *
   * @param options Where it comes from.
   * @param loaded What was loaded.
   * @param use Takes the next configuration, and is told what an operator should know.
   */
  constructor(
    options: ReloadOptions,
    loaded: Configuration,
    use: { readonly apply: (configuration: Configuration) => void; readonly log: Log },
  ) {
    this.#options = options;
    this.#apply = use.apply;
    this.#log = use.log;
    const now = new Date().toISOString();
    const status: FileStatus = {
      last_attempt: now,
      last_success: now,
      last_error: null,
      attempt_count: 1,
      success_count: 1,
    };
    this.#status = { mcp_config: status, gateway_rules: status };
    this.#warnings = this.#warningsOf(loaded.warnings);
  }

  /** Begins to watch the files; whatever changed since they were read counts. May be called again. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#options.watch.start({
      onChange: (paths) => this.#reload(this.#namesOf(paths)),
      onPolling: (folder, reason) => {
        this.#log.debug("A folder cannot be watched; its files are polled", { folder, reason });
      },
    });
  }

  /** Reads both files again, changed or not. */
  reload(): Promise<void> {
    return this.#reload(["mcp_config", "gateway_rules"]);
  }

  /** Heeds no change any longer; the process is about to end. */
  silence(): void {
    this.#options.watch.silence();
  }

  /** How reading went so far. */
  status(): ReloadStatus {
    const { mcp_config, gateway_rules } = this.#status;
    return { mcp_config, gateway_rules: { ...gateway_rules, last_warnings: this.#warnings } };
  }

  #namesOf(paths: readonly string[]): FileName[] {
    const { mcpConfig, rules } = this.#options.files;
    const names: FileName[] = [];
    if (paths.includes(mcpConfig.path)) names.push("mcp_config");
    if (paths.includes(rules.path)) names.push("gateway_rules");
    return names;
  }

  #reload(names: readonly FileName[]): Promise<void> {
    this.#running = this.#running.then(() => this.#attempt(names));
    return this.#running;
  }

  async #attempt(asked: readonly FileName[]): Promise<void> {
    const attempt = new Date().toISOString();
    // What is read next is what the watch must compare with: a file may change, be read on a signal,
    // and be as before when the watch looks.
    const names = [...asked, ...this.#namesOf(this.#options.watch.note())];
    const failures = await this.#tryToApply();
    for (const name of ["mcp_config", "gateway_rules"] as const) {
      const last = this.#status[name];
      const isAttempted = names.includes(name);
      const attempted = isAttempted
        ? { ...last, last_attempt: attempt, attempt_count: last.attempt_count + 1 }
        : last;
      if (failures !== undefined) {
        const error = isAttempted ? { last_error: failures[name] } : {};
        this.#status[name] = { ...attempted, ...error };
      } else if (isAttempted || last.last_error !== null) {
        // One that waited for the other file to be mended comes into force with it.
        this.#status[name] = {
          ...attempted,
          last_error: null,
          last_success: new Date().toISOString(),
          success_count: last.success_count + 1,
        };
      }
    }
  }

  /** Why nothing changed, for each of the files; `undefined` where the new files are in force. */
  async #tryToApply(): Promise<Record<FileName, string> | undefined> {
    try {
      const { configuration, errors, warnings } = await this.#options.check();
      if (configuration === undefined) {
        const lines = errors.map(formatProblem);
        this.#log.error(`The changed configuration is not used:\n${lines.join("\n")}`);
        return this.#errorsByFile(errors);
      }
      this.#apply(configuration);
      this.#warnings = this.#warningsOf(warnings);
      for (const warning of warnings) this.#log.warn(formatProblem(warning));
      this.#log.info("The changed configuration is in force", {
        servers: configuration.servers.size,
        agents: configuration.rules.agents.size,
      });
      return undefined;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.error("The changed configuration is not used", { reason });
      return { mcp_config: reason, gateway_rules: reason };
    }
  }

  #errorsByFile(errors: readonly ConfigProblem[]): Record<FileName, string> {
    const { mcpConfig, rules } = this.#options.files;
    const textFor = (file: string, other: string): string => {
      const own = errors.filter((error) => error.file === file).map(formatProblem);
      return own.length > 0 ? own.join("\n") : `Not used because of an error in ${other}`;
    };
    return {
      mcp_config: textFor(mcpConfig.shown, rules.shown),
      gateway_rules: textFor(rules.shown, mcpConfig.shown),
    };
  }

  #warningsOf(warnings: readonly ConfigProblem[]): string[] {
    const { shown } = this.#options.files.rules;
    return warnings.filter((warning) => warning.file === shown).map((warning) => warning.message);
  }
}
