/**
 * The wildcard patterns of the rules: `*` is any run of characters, `?` exactly one. Pure: no input
 * or output, no clock, nothing kept. Imports nothing of the project.
 *
 * @module
 */
export { type Characters, compareCharacters, toCharacters } from "./characters.ts";
export { compilePattern, type Pattern } from "./pattern.ts";
