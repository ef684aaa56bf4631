/**
 * The wildcard patterns of the rules: `*` matches any run of characters, `?` exactly one. Pure: no
 * I/O, no clock, no state. Imports nothing of the project.
 *
 * @module
 */
export { type Characters, compareCharacters, toCharacters } from "./characters.ts";
export { compilePattern, type Pattern } from "./pattern.ts";
