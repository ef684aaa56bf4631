import type { ConfigProblem } from "../errors.ts";
import type { Document, Parsed } from "./document.ts";
import type { RulesFile } from "./rules_schema.ts";
import type { ServersFile } from "./servers_schema.ts";

/** How the texts of the two files are read and checked, each by itself. */
export interface FileChecks {
  /** Reads JSON. */
  parse(file: string, text: string): Parsed;
  /** What the schema and the rules beyond it say of a servers file. */
  checkServers(document: Document): CheckedFile<ServersFile>;
  /** What the schema and the rules beyond it say of a rules file. */
  checkRules(document: Document): CheckedFile<RulesFile>;
}

/** What became of a file whose syntax is right. */
export interface CheckedFile<T> {
  /** There where the schema found nothing wrong. */
  readonly file?: T;
  /** What is wrong. */
  readonly problems: readonly ConfigProblem[];
}
