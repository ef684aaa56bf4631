/**
 * The text of the two files, and of files of MCP clients: checks one by itself, reads and changes
 * one. An entry of its own beside that of `config`, because all of it needs the parser that knows
 * places, and a start that loads it takes 4 ms more. Imports `config` and what that imports.
 *
 * @module
 */
export { addToken, type NewToken } from "./add_token.ts";
export { checkText } from "./check_text.ts";
export { detectFileKind } from "./detect_file_kind.ts";
export { parseClientText } from "./client_text.ts";
export type { ClientDocument, ParsedClient } from "./client_text.ts";
