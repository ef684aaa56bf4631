import type { ConfigProblem } from "../errors.ts";
import type { Rules } from "./rules.ts";
import type { ServerConfig } from "./server.ts";

/** Everything one pair of configuration files says, checked and expanded; never changed afterwards. */
export interface Configuration {
  /** The servers by name, in the file's order, without disabled and skipped ones. */
  readonly servers: ReadonlyMap<string, ServerConfig>;
  /** The disabled and skipped ones by name, each with the reason, which begins with "it". */
  readonly unused: ReadonlyMap<string, string>;
  /** Who may do what. */
  readonly rules: Rules;
  /** What is odd but no reason to refuse, in the order of files and lines. */
  readonly warnings: readonly ConfigProblem[];
  /** The two files, as absolute paths. */
  readonly files: { readonly mcpConfig: string; readonly rules: string };
}
