import type { ConfigProblem } from "../errors.ts";
import type { PinnedHashes } from "../pins/mod.ts";
import type { Rules } from "./rules.ts";
import type { ServerConfig } from "./server.ts";

/** The content of one pair of configuration files, checked and expanded. Immutable. */
export interface Configuration {
  /** The servers by name, in the file's order. Disabled and skipped ones are left out. */
  readonly servers: ReadonlyMap<string, ServerConfig>;
  /** The disabled and skipped servers by name, each with the reason, which begins with "it". */
  readonly unavailableReasons: ReadonlyMap<string, string>;
  /** The permissions and limits of the agents. */
  readonly rules: Rules;
  /** The pinned servers by name; absent if there is no lock file. */
  readonly pins?: ReadonlyMap<string, PinnedHashes> | undefined;
  /** Problems that do not prevent a start, in the order of files and lines. */
  readonly warnings: readonly ConfigProblem[];
  /** The two files, as absolute paths. */
  readonly files: { readonly mcpConfig: string; readonly rules: string };
}
