import {
  type CheckResult,
  type Configuration,
  type FileWatch,
  type LocatedFiles,
  locateLockFile,
} from "../config/mod.ts";
import { type ConfigProblem, formatProblem } from "../errors.ts";
import type { Log } from "../log.ts";

/** The state of one of the two files, as `get_gateway_status` shows it. */
export interface FileStatus {
  /** Time of the last attempt to load the file, ISO 8601. */
  readonly last_attempt: string;
  /** Time when the file's content last took effect, ISO 8601. */
  readonly last_success: string;
  /** Why the last attempt failed; null if it did not. */
  readonly last_error: string | null;
  /** Number of attempts to load the file. */
  readonly attempt_count: number;
  /** Number of times that the file's content took effect. */
  readonly success_count: number;
}

/** The state of both files. */
export interface ReloadStatus {
  /** The servers file. */
  readonly mcp_config: FileStatus;
  /** The rules file. */
  readonly gateway_rules: FileStatus & {
    /** Warnings about the active rules. */
    readonly last_warnings: readonly string[];
  };
}

/** Options of a reloader. */
export interface ReloadOptions {
  /** Paths of the two files. */
  readonly files: LocatedFiles;
  /** Watches the two files. */
  readonly watch: FileWatch;
  /**
   * Reads and checks the two files with the same checks as at the start: `checkConfiguration` of `config`,
   * and checks of the command, such as that tokens exist if other machines can connect.
   */
  readonly checkFiles: () => Promise<CheckResult>;
}

type FileKey = "mcp_config" | "gateway_rules";

/**
 * Applies changes of the two files while the gateway runs. Both files are read, and the new configuration
 * replaces the old one only if both are valid. Otherwise, the old configuration stays, and the log and the
 * status contain the reason.
 */
export class Reloader {
  readonly #options: ReloadOptions;
  readonly #log: Log;
  readonly #apply: (configuration: Configuration) => void;
  readonly #status: Record<FileKey, FileStatus>;
  #warnings: readonly string[];
  #isStarted = false;
  #lastReload: Promise<void> = Promise.resolve();

  /**
   * Creates a reloader, which does not watch the files yet.
   *
   * @param options The files, their watch, and a function that checks them.
   * @param context The loaded configuration, a function that activates another one, and the log.
   */
  constructor(
    options: ReloadOptions,
    { loaded, apply, log }: {
      readonly loaded: Configuration;
      readonly apply: (configuration: Configuration) => void;
      readonly log: Log;
    },
  ) {
    this.#options = options;
    this.#apply = apply;
    this.#log = log;
    const now = new Date().toISOString();
    const status: FileStatus = {
      last_attempt: now,
      last_success: now,
      last_error: null,
      attempt_count: 1,
      success_count: 1,
    };
    this.#status = { mcp_config: status, gateway_rules: status };
    this.#warnings = this.#rulesWarnings(loaded.warnings);
  }

  /** Starts to watch the files; also notices changes since they were read. Idempotent. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#options.watch.start({
      onChange: (paths) => this.#reload(this.#keysOf(paths)),
      onPolling: (folder, reason) => {
        this.#log.debug("A folder cannot be watched; its files are polled", { folder, reason });
      },
    });
  }

  /** Reloads both files even if they have not changed. */
  reload(): Promise<void> {
    return this.#reload(["mcp_config", "gateway_rules"]);
  }

  /** Ignores all further changes; for a process that is about to end. */
  stop(): void {
    this.#options.watch.stopCallbacks();
  }

  status(): ReloadStatus {
    const { mcp_config, gateway_rules } = this.#status;
    return { mcp_config, gateway_rules: { ...gateway_rules, last_warnings: this.#warnings } };
  }

  #keysOf(paths: readonly string[]): FileKey[] {
    const { mcpConfig, rules } = this.#options.files;
    const keys: FileKey[] = [];
    if (paths.includes(mcpConfig.path)) keys.push("mcp_config");
    // The lock file belongs to the rules.
    const isRulesChange = [rules.path, locateLockFile(rules).path].some((path) =>
      paths.includes(path)
    );
    if (isRulesChange) keys.push("gateway_rules");
    return keys;
  }

  #reload(keys: readonly FileKey[]): Promise<void> {
    this.#lastReload = this.#lastReload.then(() => this.#attemptReload(keys));
    return this.#lastReload;
  }

  async #attemptReload(requestedKeys: readonly FileKey[]): Promise<void> {
    const attemptTime = new Date().toISOString();
    // The watch must compare later changes with the content that is read next. Otherwise, after a reload
    // by SIGHUP, it would not notice that a file has changed back.
    const keys = [...requestedKeys, ...this.#keysOf(this.#options.watch.takeChangedPaths())];
    const failures = await this.#tryToApply();
    for (const key of ["mcp_config", "gateway_rules"] as const) {
      const previous = this.#status[key];
      const isAttempted = keys.includes(key);
      const attempted = isAttempted
        ? { ...previous, last_attempt: attemptTime, attempt_count: previous.attempt_count + 1 }
        : previous;
      if (failures !== undefined) {
        this.#status[key] = isAttempted ? { ...attempted, last_error: failures[key] } : previous;
      } else if (isAttempted || previous.last_error !== null) {
        // A file that was not used because of an error in the other file now takes effect, too.
        this.#status[key] = {
          ...attempted,
          last_error: null,
          last_success: new Date().toISOString(),
          success_count: previous.success_count + 1,
        };
      }
    }
  }

  /**
   * Applies the current content of the files.
   *
   * @returns The reason for each file if the old configuration stays; `undefined` if the new one is
   * active.
   */
  async #tryToApply(): Promise<Record<FileKey, string> | undefined> {
    try {
      const { configuration, errors, warnings } = await this.#options.checkFiles();
      if (configuration === undefined) {
        const lines = errors.map(formatProblem);
        this.#log.error(`The changed configuration is not used:\n${lines.join("\n")}`);
        return this.#errorsByFile(errors);
      }
      this.#apply(configuration);
      this.#warnings = this.#rulesWarnings(warnings);
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

  #errorsByFile(errors: readonly ConfigProblem[]): Record<FileKey, string> {
    const { mcpConfig, rules } = this.#options.files;
    const errorText = (file: string, otherFile: string): string => {
      const lines = errors.filter((error) => error.file === file).map(formatProblem);
      return lines.length > 0 ? lines.join("\n") : `Not used because of an error in ${otherFile}`;
    };
    return {
      mcp_config: errorText(mcpConfig.displayPath, rules.displayPath),
      gateway_rules: errorText(rules.displayPath, mcpConfig.displayPath),
    };
  }

  /** Returns the warnings about the rules file. */
  #rulesWarnings(warnings: readonly ConfigProblem[]): string[] {
    const { displayPath } = this.#options.files.rules;
    return warnings.filter((warning) => warning.file === displayPath).map((warning) =>
      warning.message
    );
  }
}
