import type { ConfigProblem } from "../errors.ts";
import type { Document, ParseResult } from "./document.ts";
import type { RulesFile } from "./rules_schema.ts";
import type { ServersFile } from "./servers_schema.ts";

/** Reads and checks the text of each of the two files, one file at a time. */
export interface FileChecks {
  parse(file: string, text: string): ParseResult;
  /** Checks a servers file by its schema and by the rules beyond it. */
  checkServers(document: Document): CheckedFile<ServersFile>;
  /** Checks a rules file by its schema and by the rules beyond it. */
  checkRules(document: Document): CheckedFile<RulesFile>;
}

/** The result of checking a file whose syntax is right. */
export interface CheckedFile<T> {
  /** Absent if the file does not match the schema. */
  readonly file?: T;
  readonly problems: readonly ConfigProblem[];
}
