/**
 * Checks, reads and edits the text of the two files, of files of cases and of MCP clients' files. Separate from
 * `config`, because it must not be imported at start: it needs the parser that records positions, which takes 4 ms to
 * load. Imports `config` and the leaves.
 *
 * @module
 */
export { addToken, type NewToken } from "./add_token.ts";
export { checkText } from "./check_text.ts";
export { editFile } from "./edit_file.ts";
export { detectFileKind } from "./detect_file_kind.ts";
export { createProblemFactory } from "./parse_rules.ts";
export { replaceGrants, type WrittenGrants } from "./replace_grants.ts";
export { type PolicyCase, readCases } from "./read_cases.ts";
export { parseClientText } from "./client_text.ts";
export type { ClientDocument, ClientParseResult } from "./client_text.ts";
